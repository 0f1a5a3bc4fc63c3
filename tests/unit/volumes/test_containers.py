import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.volume_checks import VOXELS, assert_holds, cut, is_silent, refuse, voxel_size
from scipy.io import netcdf_file

from sandstone.volumes.volume import open_volume

# --- HDF5 ---


@pytest.mark.parametrize(
    "options", [{}, {"chunks": (2, 4, 4), "compression": "gzip"}, {"dtype": ">u2"}]
)
def test_hdf5(tmp_path: Path, options: dict) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive.create_dataset("scan/grey", data=VOXELS, **options)
        archive["pressure"] = [1.0, 2.0]
    assert_holds(tmp_path / "rock.h5")
    assert_holds(tmp_path / "rock.h5", dataset="/scan/grey")


def test_hdf5_drops_leading_axes_of_length_one(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.hdf5", "w") as archive:
        archive["grey"] = VOXELS[np.newaxis, np.newaxis]
    assert_holds(tmp_path / "rock.hdf5")


def test_hdf5_with_several_volumes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["b"], archive["a/c"], archive["flat"] = VOXELS, VOXELS + 1, VOXELS[0]
    refuse(tmp_path / "rock.h5", "set dataset to one of a/c, b")
    refuse(tmp_path / "rock.h5", "'flat' is no volume in it; dataset may be a/c, b", dataset="flat")
    refuse(tmp_path / "rock.h5", "'d' is no volume in it", dataset="d")
    assert_holds(tmp_path / "rock.h5", VOXELS + 1, dataset="a/c")


def test_hdf5_tells_its_voxel_size(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["grey"] = VOXELS
        archive["grey"].attrs["element_size_um"] = [3.0, 2.0, 1.0]
    assert voxel_size(tmp_path / "rock.h5") == (3, 2, 1)
    refuse(tmp_path / "rock.h5", "along z", voxel_size_um=[4, 2, 1])


@pytest.mark.parametrize("exists", [True, False])
def test_hdf5_links_are_not_followed(tmp_path: Path, *, exists: bool) -> None:
    if exists:
        with h5py.File(tmp_path / "secret.h5", "w") as archive:
            archive["inside"] = VOXELS
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["soft"] = h5py.SoftLink("/absent/grey")
        archive["external"] = h5py.ExternalLink("secret.h5", "/inside")
        archive["folder"] = h5py.ExternalLink("secret.h5", "/")
    refuse(tmp_path / "rock.h5", "holds no array of three axes")
    for dataset in ("soft", "external", "folder/inside"):
        refuse(tmp_path / "rock.h5", f"{dataset} leads through a link", dataset=dataset)


def test_hdf5_voxels_in_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(VOXELS.tobytes())
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        where = [(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
        archive.create_dataset("grey", VOXELS.shape, "u2", external=where)
    refuse(tmp_path / "rock.h5", "grey keeps its voxels in other files")
    with h5py.File(tmp_path / "virtual.h5", "w") as archive:
        layout = h5py.VirtualLayout(VOXELS.shape, "u2")
        layout[:] = h5py.VirtualSource("secret.h5", "grey", VOXELS.shape)
        archive.create_virtual_dataset("grey", layout)
    refuse(tmp_path / "virtual.h5", "grey keeps its voxels in other files")


@pytest.mark.parametrize("chunks", [None, (1, 1000, 1000)])
def test_hdf5_of_an_absurd_shape(tmp_path: Path, chunks: tuple | None) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive.create_dataset("grey", (10**6, 10**6, 10**6), "u1", chunks=chunks)
    refuse(tmp_path / "rock.h5", "holds only 0|it holds 0")


def test_truncated_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["grey"] = VOXELS
    cut(tmp_path / "rock.h5", 0.9)
    refuse(tmp_path / "rock.h5", "truncated")


def test_hdf5_of_records_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["grey"] = VOXELS.astype(np.complex64)
    refuse(tmp_path / "rock.h5", "complex64 are not grey levels")


@pytest.mark.parametrize("suffix", [".nxs", ".hdf", ".H5"])
def test_hdf5_under_other_names(tmp_path: Path, suffix: str) -> None:
    with h5py.File(tmp_path / f"rock{suffix}", "w") as archive:
        archive["entry/reconstruction/results/data"] = VOXELS
    assert_holds(tmp_path / f"rock{suffix}")


@pytest.mark.parametrize(
    ("name", "edges", "size"),
    [
        ("voxel_size_cm", [0.0002] * 3, 2),
        ("entry/voxel_size_um", 2, 2),
        ("voxel_size_nm", [2000], 2),
        ("voxel_size_um", [1, 2, 3], None),
        ("voxel_size_um", [2, 2], None),
        ("voxel_size", [2, 2, 2], None),
    ],
)
def test_a_dataset_that_names_its_unit_tells_the_voxel_size(
    tmp_path: Path, name: str, edges: list[float], size: float | None
) -> None:
    with h5py.File(tmp_path / "rock.nxs", "w") as archive:
        archive["data"], archive[name] = VOXELS, edges
    if size is None:
        assert is_silent(tmp_path / "rock.nxs")
    else:
        assert voxel_size(tmp_path / "rock.nxs") == pytest.approx((size,) * 3)


@pytest.mark.parametrize(
    ("keys", "axes"), [("zyxc", (0, 1, 2)), ("tzyxc", (0, 1, 2)), ("xyz", (2, 1, 0))]
)
@pytest.mark.parametrize("chunks", [None, True])
def test_axes_of_ilastik(tmp_path: Path, keys: str, axes: tuple, *, chunks: bool | None) -> None:
    voxels = VOXELS.transpose(axes)
    shape = [
        1 if key in "tc" else voxels.shape["".join(k for k in keys if k not in "tc").index(key)]
        for key in keys
    ]
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive.create_dataset("exported_data", data=voxels.reshape(shape), chunks=chunks)
        archive["exported_data"].attrs["axistags"] = json.dumps(
            {"axes": [{"key": k} for k in keys]}
        )
    assert_holds(tmp_path / "rock.h5")


def test_channels_of_ilastik_are_no_volume(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["exported_data"] = np.stack([VOXELS, VOXELS], axis=-1)
        archive["exported_data"].attrs["axistags"] = json.dumps(
            {"axes": [{"key": k} for k in "zyxc"]}
        )
    refuse(tmp_path / "rock.h5", "holds no array of three axes")


def write_big_data_viewer(path: Path, *setups: str) -> None:
    with h5py.File(path, "w") as archive:
        for setup in setups:
            for level, step in enumerate((1, 2)):
                cells = VOXELS.view(np.int16)[::step, ::step, ::step]
                archive[f"t00000/{setup}/{level}/cells"] = cells
            archive[f"{setup}/resolutions"] = [[1.0] * 3, [2.0] * 3]


def test_big_data_viewer(tmp_path: Path) -> None:
    """The finest level, unsigned though stored as signed."""
    assert VOXELS.max() > 2**15
    write_big_data_viewer(tmp_path / "rock.h5", "s00")
    assert_holds(tmp_path / "rock.h5")
    assert_holds(tmp_path / "rock.h5", VOXELS[::2, ::2, ::2], dataset="t00000/s00/1/cells")
    write_big_data_viewer(tmp_path / "two.h5", "s00", "s01")
    refuse(tmp_path / "two.h5", "set dataset to one of t00000/s00/0/cells, t00000/s01/0/cells")


def write_bdv_xml(path: Path, unit: str, size: str = "6 7 5", setup: int = 0) -> None:
    path.write_text(
        f"""<?xml version="1.0" encoding="UTF-8"?>
<SpimData version="0.2"><SequenceDescription><ViewSetups><ViewSetup>
  <id>{setup}</id><size>{size}</size>
  <voxelSize><unit>{unit}</unit><size>1.0 2.0 3.0</size></voxelSize>
</ViewSetup></ViewSetups></SequenceDescription></SpimData>""",
        encoding="utf-8",
    )


def test_the_xml_of_big_data_viewer_tells_the_voxel_size(tmp_path: Path) -> None:
    path = tmp_path / "rock.h5"
    write_big_data_viewer(path, "s00")
    assert is_silent(path)
    write_bdv_xml(tmp_path / "rock.xml", "micrometer")
    assert voxel_size(path) == (3, 2, 1)
    assert voxel_size(path, dataset="t00000/s00/1/cells") == (6, 4, 2)
    assert open_volume(path).files == (path, tmp_path / "rock.xml")
    refuse(path, "the file says 3 µm a voxel along z", voxel_size_um=1)


@pytest.mark.parametrize(
    ("unit", "others"),
    [("pixel", {}), ("µm", {"setup": 1}), ("µm", {"size": "6 7 9"}), ("µm", {"size": "huge"})],
)
def test_an_xml_that_tells_nothing_of_these_voxels_is_passed_over(
    tmp_path: Path, unit: str, others: dict
) -> None:
    write_big_data_viewer(tmp_path / "rock.h5", "s00")
    write_bdv_xml(tmp_path / "rock.xml", unit, **others)
    assert is_silent(tmp_path / "rock.h5")


def test_the_xml_of_another_volume_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_big_data_viewer(tmp_path / "rock.h5", "s00")
    write_bdv_xml(tmp_path / "rock.xml", "µm", size="6 7 9")
    assert_holds(tmp_path / "rock.h5")
    assert "rock.xml: tells of other voxels than" in capfd.readouterr().out


def test_a_cut_xml_counts_as_none_with_a_note(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_big_data_viewer(tmp_path / "rock.h5", "s00")
    write_bdv_xml(tmp_path / "rock.xml", "µm")
    cut(tmp_path / "rock.xml", 0.7)
    assert_holds(tmp_path / "rock.h5")
    assert "the voxel size in the metadata cannot be read" in capfd.readouterr().out


def test_the_voxel_size_in_the_file_wins_over_the_xml(tmp_path: Path) -> None:
    write_big_data_viewer(tmp_path / "rock.h5", "s00")
    with h5py.File(tmp_path / "rock.h5", "a") as archive:
        archive["t00000/s00/0/cells"].attrs["element_size_um"] = [6.0, 5.0, 4.0]
    write_bdv_xml(tmp_path / "rock.xml", "µm")
    assert voxel_size(tmp_path / "rock.h5") == (6, 5, 4)


def test_another_xml_beside_an_hdf5_file_is_none_of_its_files(tmp_path: Path) -> None:
    write_big_data_viewer(tmp_path / "rock.h5", "s00")
    (tmp_path / "rock.xml").write_text("<scanner/>", encoding="utf-8")
    assert open_volume(tmp_path / "rock.h5", voxel_size_um=1).files == (tmp_path / "rock.h5",)


def test_a_hard_link_gives_another_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.nxs", "w") as archive:
        archive["detector/data"] = VOXELS
        archive["entry/group"] = archive["detector"]
    assert_holds(tmp_path / "rock.nxs")
    assert_holds(tmp_path / "rock.nxs", dataset="/entry/group/data")


def test_matlab_counts_rows_columns_and_pages(tmp_path: Path) -> None:
    """HDF5 shows MATLAB's axes backwards: pages, columns, rows."""
    with h5py.File(tmp_path / "rock.mat", "w", userblock_size=512) as archive:
        archive["vol"] = VOXELS.transpose(0, 2, 1)
        archive["vol"].attrs["MATLAB_class"] = np.bytes_("uint16")
    with (tmp_path / "rock.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file")
    assert_holds(tmp_path / "rock.mat")


@pytest.mark.parametrize(
    ("name", "start", "sentence"),
    [
        ("rock.mat", b"MATLAB 5.0 MAT-file", "MATLAB before v7.3; save it by save"),
        ("rock.hdf", b"\x0e\x03\x13\x01", "HDF4, which is not read; convert it by h4toh5"),
    ],
)
def test_older_formats_of_these_names_are_refused(
    tmp_path: Path, name: str, start: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(start + bytes(500))
    refuse(tmp_path / name, sentence)


# --- NetCDF ---


def write_netcdf(path: Path, names: list[str], voxels: np.ndarray, **attributes: object) -> None:
    with netcdf_file(path, "w") as archive:
        for name, length in zip("zyx", voxels.shape, strict=True):
            archive.createDimension(name, length)
        for name in names:
            archive.createVariable(name, voxels.dtype, ("z", "y", "x"))[:] = voxels
        for name, value in attributes.items():
            setattr(archive, name, value)


def test_classic_netcdf(tmp_path: Path) -> None:
    voxels = VOXELS.astype(np.int32)
    write_netcdf(tmp_path / "rock.nc", ["grey"], voxels)
    assert_holds(tmp_path / "rock.nc", voxels)


def test_netcdf_of_anu(tmp_path: Path) -> None:
    """Their `tomo` is unsigned but stored as signed, big-endian; the voxel size is in x, y, z."""
    assert VOXELS.max() > 2**15
    path = tmp_path / "rock.nc"
    attributes = {"voxel_size_xyz": np.array([0.001, 0.002, 0.003]), "voxel_unit": "mm"}
    write_netcdf(path, ["mask", "tomo"], VOXELS.view(np.int16), **attributes)
    assert_holds(path, voxel_size_um=[3, 2, 1])
    assert voxel_size(path) == pytest.approx((3, 2, 1))
    assert_holds(path, VOXELS.view(np.int16), voxel_size_um=[3, 2, 1], dataset="mask")


def test_netcdf_marked_as_unsigned(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "rock.nc", ["grey"], VOXELS.view(np.int16))
    with netcdf_file(tmp_path / "rock.nc", "a") as archive:
        archive.variables["grey"]._Unsigned = "true"
    assert_holds(tmp_path / "rock.nc")


def test_netcdf_4(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "rock.nc", "w") as archive:
        archive["mask"], archive["tomo"] = VOXELS + 1, VOXELS.view(np.int16)
        archive.attrs["voxel_size_xyz"] = [1.0, 2.0, 3.0]
        archive.attrs["voxel_unit"] = "um"
    assert_holds(tmp_path / "rock.nc", voxel_size_um=[3, 2, 1])
    assert voxel_size(tmp_path / "rock.nc") == (3, 2, 1)


def test_netcdf_with_several_volumes(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "rock.nc", ["a", "b"], VOXELS.astype(np.int32))
    refuse(tmp_path / "rock.nc", "set dataset to one of a, b")
    refuse(tmp_path / "rock.nc", "'c' is no volume in it", dataset="c")


def test_truncated_netcdf(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "rock.nc", ["grey"], VOXELS.astype(np.int32))
    cut(tmp_path / "rock.nc", 0.6)
    refuse(tmp_path / "rock.nc", "cannot be read")


def test_closing_netcdf_leaves_no_view(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    write_netcdf(tmp_path / "rock.nc", ["grey"], VOXELS.astype(np.int32))
    with open_volume(tmp_path / "rock.nc", voxel_size_um=1) as rock:
        slab = rock.read(0, 2)
    np.testing.assert_array_equal(slab, VOXELS[:2])
    told = [str(warning.message) for warning in recwarn.list]
    assert [message for message in told if "netcdf" in message] == []


def test_unsigned_of_area_detector(tmp_path: Path) -> None:
    path = tmp_path / "rock.nc"
    write_netcdf(path, ["array_data"], VOXELS.view(np.int16), dataType=3)
    assert_holds(path)
    write_netcdf(path, ["array_data"], VOXELS.view(np.int16), dataType=2)
    assert_holds(path, VOXELS.view(np.int16))


# --- blocks of ANU ---


def write_blocks(folder: Path, cuts: list[tuple[int, int]], **attributes: object) -> None:
    folder.mkdir(exist_ok=True)
    size = {"voxel_size_xyz": np.full(3, 2.0), "voxel_unit": "um"}
    for number, (first, last) in enumerate(cuts):
        write_netcdf(
            folder / f"block{number:08d}.nc",
            ["tomo"],
            VOXELS[first : last + 1].view(np.int16),
            **size,
            **{"number_of_files": len(cuts), "zdim_total": len(VOXELS), **attributes},
            zdim_range=np.array([first, last], np.int32),
        )


CUTS = [(0, 1), (2, 3), (4, 4)]


def test_blocks_are_stacked_by_their_place(tmp_path: Path) -> None:
    folder = tmp_path / "tomo_nc"
    write_blocks(folder, CUTS)
    for path in (folder, folder / "*.nc"):
        assert_holds(path, voxel_size_um=2)
        assert voxel_size(path) == (2, 2, 2)
    files = sorted(folder.iterdir(), reverse=True)
    assert_holds(files, voxel_size_um=2)
    assert_holds(files, voxel_size_um=2, dataset="tomo")
    assert list(open_volume(files).files) == files[::-1]


def test_blocks_of_netcdf_4(tmp_path: Path) -> None:
    for first, last in CUTS:
        with h5py.File(tmp_path / f"{first}.nc", "w") as archive:
            archive["tomo"] = VOXELS[first : last + 1].view(np.int16)
            archive.attrs["voxel_size_xyz"], archive.attrs["voxel_unit"] = [2.0, 2.0, 2.0], "um"
            archive.attrs["number_of_files"], archive.attrs["zdim_total"] = [3], [5]
            archive.attrs["zdim_range"] = [first, last]
    assert_holds(tmp_path, voxel_size_um=2)


def test_one_block_is_never_the_whole(tmp_path: Path) -> None:
    write_blocks(tmp_path, CUTS)
    refuse(
        tmp_path / "block00000001.nc", "only slices 2 to 3 of 5, one of 3 blocks; give the folder"
    )
    write_blocks(tmp_path / "whole", [(0, 4)])
    assert_holds(tmp_path / "whole" / "block00000000.nc", voxel_size_um=2)


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        (0, "slices 0 to 1 of 5 are missing, 2 of 3 blocks are there, without block00000000.nc;"),
        (1, "slices 2 to 3 of 5 are missing, 2 of 3 blocks are there, without block00000001.nc;"),
        (2, "slices 4 to 4 of 5 are missing, 2 of 3 blocks are there, without block00000002.nc;"),
    ],
)
def test_a_missing_block_is_named(tmp_path: Path, lost: int, sentence: str) -> None:
    write_blocks(tmp_path, CUTS)
    (tmp_path / f"block0000000{lost}.nc").unlink()
    refuse(tmp_path, sentence)


def test_blocks_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write_blocks(tmp_path / "twice", [(0, 2), (2, 4)])
    refuse(tmp_path / "twice", "block00000001.nc: its slices 2 to 4 are in another block too")
    write_blocks(tmp_path / "own", CUTS)
    write_netcdf(tmp_path / "own" / "other.nc", ["tomo"], VOXELS.view(np.int16))
    refuse(tmp_path / "own", "other.nc: a volume of its own, no block of a larger one")
    write_blocks(tmp_path / "short", CUTS)
    last = tmp_path / "short" / "block00000002.nc"
    place = np.array([4, 4], np.int32)
    narrow = VOXELS[4:, :3].view(np.int16)
    write_netcdf(last, ["tomo"], narrow, number_of_files=3, zdim_total=5, zdim_range=place)
    refuse(tmp_path / "short", r"block00000002.nc: holds .* not uint16 of shape \(1, 7, 6\)")
