import gzip
import zlib
from pathlib import Path

import h5py
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from scipy.io import netcdf_file

from sandstone.cli import InputError
from sandstone.volume import open_volume

VOXELS = np.random.default_rng(1).integers(0, 60000, (5, 7, 6)).astype(np.uint16)
GIGABYTES = (400, 10_000, 10_000)  # uint8: 40 GB


def assert_holds(path: Path, expected: np.ndarray = VOXELS, **options: object) -> None:
    """Check a whole read and a partial one."""
    with open_volume(path, **{"voxel_size_um": 1, **options}) as rock:
        assert rock.shape == expected.shape
        assert rock.dtype == expected.dtype.newbyteorder("=")
        assert rock.dtype.isnative
        np.testing.assert_array_equal(rock.read(0, rock.shape[0]), expected)
        np.testing.assert_array_equal(rock.read(1, 3), expected[1:3])


def voxel_size(path: Path, **options: object) -> tuple[float, float, float]:
    with open_volume(path, **options) as rock:
        return rock.voxel_size_um


def is_silent(path: Path) -> bool:
    try:
        voxel_size(path)
    except InputError as error:
        return "neither the file nor the config" in str(error)
    return False


def refuse(path: Path, sentence: str, **options: object) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        open_volume(path, **{"voxel_size_um": 1, **options})
    assert "\n" not in str(caught.value)


def cut(path: Path, keep: float) -> None:
    """Cut a file down to a share of its length."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


# --- TIFF ---


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"metadata": None},
        {"contiguous": False, "metadata": None, "rowsperstrip": 2},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd", "byteorder": ">"},
        {"tile": (16, 16)},
    ],
)
def test_tiff_layouts(tmp_path: Path, options: dict) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **options)
    assert_holds(tmp_path / "rock.tif")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", ">u2", ">f4"])
def test_tiff_dtypes(tmp_path: Path, dtype: str) -> None:
    voxels = (VOXELS % 100).astype(dtype)
    tifffile.imwrite(tmp_path / "rock.tiff", voxels, photometric="minisblack")
    assert_holds(tmp_path / "rock.tiff", voxels)


def test_a_single_image_is_one_slice(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS[0])
    with open_volume(tmp_path / "rock.tif", voxel_size_um=1) as rock:
        np.testing.assert_array_equal(rock.read(0, 1), VOXELS[:1])


def test_pages_written_one_by_one(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "rock.tif") as tiff:
        for page in VOXELS:
            tiff.write(page, contiguous=False, metadata=None)
    assert_holds(tmp_path / "rock.tif")


def test_a_huge_tiff_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rock.tif"
    tifffile.imwrite(path, shape=GIGABYTES, dtype="u1", bigtiff=True, photometric="minisblack")
    with open_volume(path, voxel_size_um=1) as rock:
        assert rock.shape == GIGABYTES
        assert rock.read(399, 400).shape == (1, 10_000, 10_000)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"resolution": (5000, 2500), "resolutionunit": "CENTIMETER"}, (4, 4, 2)),
        ({"resolution": (12700, 12700), "resolutionunit": "INCH"}, (2, 2, 2)),
        *(
            (
                {
                    "imagej": True,
                    "resolution": (0.5 * per, 0.5 * per),
                    "metadata": {"axes": "ZYX", "spacing": 3 / per, "unit": unit},
                },
                (3, 2, 2),
            )
            for unit, per in [("micron", 1), ("um", 1), ("\\u00B5m", 1), ("mm", 1000), ("nm", 1e-3)]
        ),
        (
            {
                "ome": True,
                "metadata": {
                    "axes": "ZYX",
                    "PhysicalSizeX": 2e-3,
                    "PhysicalSizeXUnit": "mm",
                    "PhysicalSizeY": 2,
                    "PhysicalSizeYUnit": "µm",
                    "PhysicalSizeZ": 3,
                },
            },
            (3, 2, 2),
        ),
    ],
)
def test_tiff_tells_its_voxel_size(tmp_path: Path, options: dict, size: tuple) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **options)
    assert voxel_size(tmp_path / "rock.tif") == pytest.approx(size, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"resolution": (72, 72), "resolutionunit": "INCH"},
        {"resolution": (300, 300), "resolutionunit": "INCH"},
        {"resolution": (0.5, 0.5)},
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 1.0}},
        {"imagej": True, "resolution": (1, 1), "metadata": {"axes": "ZYX", "unit": "pixel"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
    ],
)
def test_tiff_defaults_count_as_silence(tmp_path: Path, options: dict) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **options)
    assert is_silent(tmp_path / "rock.tif")


@pytest.mark.parametrize(
    ("axis", "sentence"), [(0, "3 µm a voxel along z"), (1, "along y"), (2, "along x")]
)
def test_tiff_may_contradict_the_config(tmp_path: Path, axis: int, sentence: str) -> None:
    tifffile.imwrite(
        tmp_path / "rock.tif",
        VOXELS,
        imagej=True,
        resolution=(0.5, 0.5),
        metadata={"axes": "ZYX", "spacing": 3, "unit": "um"},
    )
    config = [3.0, 2.0, 2.0]
    assert voxel_size(tmp_path / "rock.tif", voxel_size_um=config) == (3, 2, 2)
    config[axis] *= 1.1
    refuse(tmp_path / "rock.tif", sentence, voxel_size_um=config)


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.7, 0.9])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"compression": "zlib"},
        {"compression": "lzw", "metadata": None},
        {"metadata": None, "rowsperstrip": 2},
    ],
)
def test_truncated_tiff(tmp_path: Path, options: dict, keep: float) -> None:
    voxels = np.random.default_rng(2).integers(0, 60000, (6, 40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "rock.tif", voxels, photometric="minisblack", **options)
    cut(tmp_path / "rock.tif", keep)
    refuse(tmp_path / "rock.tif", "truncated|bytes")


def test_tiff_truncated_between_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "rock.tif") as tiff:
        for page in VOXELS:
            tiff.write(page, contiguous=False, metadata=None)
    with tifffile.TiffFile(tmp_path / "rock.tif") as tiff:
        end = tiff.pages[3].offset
    (tmp_path / "rock.tif").write_bytes((tmp_path / "rock.tif").read_bytes()[:end])
    refuse(tmp_path / "rock.tif", f"truncated after 3 pages and {end} bytes")


def test_a_damaged_page_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rock.tif"
    tifffile.imwrite(path, VOXELS, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[2].dataoffsets[0]
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"damage")
    with open_volume(path, voxel_size_um=1) as rock:
        rock.read(0, 2)
        with pytest.raises(InputError, match=r"rock\.tif: damaged"):
            rock.read(2, 3)


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, compression="zstd", photometric="minisblack")
    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__contains__", lambda *_: False)
    refuse(tmp_path / "rock.tif", "ZSTD compression; install the package imagecodecs")


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((7, 6, 3), {"photometric": "rgb"}, "convert it to grey"),
        ((3, 7, 6), {"photometric": "rgb", "planarconfig": "separate"}, "convert it to grey"),
        ((2, 7, 6), {"imagej": True, "metadata": {"axes": "CYX"}}, "convert it to grey"),
        ((2, 5, 7, 6), {"imagej": True, "metadata": {"axes": "TZYX"}}, "no single volume"),
        ((16, 32, 32), {"tile": (16, 16, 16), "volumetric": True}, "one slice a page"),
    ],
)
def test_tiff_that_is_no_grey_volume(
    tmp_path: Path, shape: tuple, options: dict, sentence: str
) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", np.zeros(shape, np.uint8), **options)
    refuse(tmp_path / "rock.tif", sentence)


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_tiff_of_other_numbers(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", np.zeros((5, 7, 6), dtype), photometric="minisblack")
    refuse(tmp_path / "rock.tif", f"{dtype} are not grey levels")


def test_pages_of_different_shapes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "rock.tif") as tiff:
        tiff.write(VOXELS[0], metadata=None)
        tiff.write(VOXELS[1, :4], metadata=None)
    refuse(tmp_path / "rock.tif", "holds 2 images that do not stack")


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        (VOXELS[0, :4], r"2\.tif: a slice of uint16 and shape \(4, 6\)"),
        (VOXELS[0].astype(np.uint8), r"2\.tif: a slice of uint8"),
        (VOXELS[:2], r"2\.tif: holds 2 slices"),
    ],
)
def test_slices_that_do_not_stack(tmp_path: Path, odd: np.ndarray, sentence: str) -> None:
    tifffile.imwrite(tmp_path / "1.tif", VOXELS[0])
    tifffile.imwrite(tmp_path / "2.tif", odd, photometric="minisblack")
    refuse(tmp_path, sentence)


def test_a_truncated_slice_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "1.tif", VOXELS[0])
    tifffile.imwrite(tmp_path / "2.tif", VOXELS[1])
    cut(tmp_path / "2.tif", 0.9)
    refuse(tmp_path, r"2\.tif: .*bytes")


def test_slices_tell_the_voxel_size_of_their_plane(tmp_path: Path) -> None:
    for name in ("1.tif", "2.tif"):
        tifffile.imwrite(
            tmp_path / name, VOXELS[0], resolution=(5000, 5000), resolutionunit="CENTIMETER"
        )
    assert voxel_size(tmp_path) == (2, 2, 2)
    assert voxel_size(tmp_path, voxel_size_um=[50, 2, 2]) == (50, 2, 2)
    refuse(tmp_path, "along y", voxel_size_um=50)


# --- NumPy ---


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "f4"])
def test_npy(tmp_path: Path, order: str, dtype: str) -> None:
    np.save(tmp_path / "rock.npy", np.asarray(VOXELS.astype(dtype), order=order))
    assert_holds(tmp_path / "rock.npy", VOXELS.astype(dtype))


def test_a_huge_npy_opens_at_once(tmp_path: Path) -> None:
    np.lib.format.open_memmap(tmp_path / "rock.npy", mode="w+", dtype="u1", shape=GIGABYTES)
    with open_volume(tmp_path / "rock.npy", voxel_size_um=1) as rock:
        assert rock.read(200, 201).shape == (1, 10_000, 10_000)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.array([{}], dtype=object), "objects or records"),
        (np.zeros((2, 2, 2), dtype=[("grey", "u1")]), "objects or records"),
        (np.zeros((2, 2, 2), dtype="M8[s]"), "not grey levels"),
        (np.zeros((5, 7, 6, 3), np.uint8), "convert it to grey"),
        (np.zeros((5, 7, 6, 9), np.uint8), "is not z, y, x"),
        (np.zeros(5, np.uint8), "is not z, y, x"),
        (np.zeros((5, 0, 6), np.uint8), "holds no voxels"),
    ],
)
def test_npy_that_is_no_volume(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    np.save(tmp_path / "rock.npy", array, allow_pickle=True)
    refuse(tmp_path / "rock.npy", sentence)


def test_truncated_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "rock.npy", VOXELS)
    cut(tmp_path / "rock.npy", 0.9)
    refuse(tmp_path / "rock.npy", "need 548 bytes, but it holds 493")


# --- MetaImage ---


def write_metaimage(
    path: Path, data: bytes = VOXELS.tobytes(), data_file: str = "rock.bin", **lines: str
) -> None:
    fields = {"ObjectType": "Image", "NDims": "3", "DimSize": "6 7 5", "ElementType": "MET_USHORT"}
    fields |= lines | {"ElementDataFile": data_file}
    header = "".join(f"{key} = {value}\n" for key, value in fields.items()).encode()
    if data_file == "LOCAL":
        path.write_bytes(header + data)
    else:
        path.write_bytes(header)
        (path.parent / "rock.bin").write_bytes(data)


def test_metaimage_with_a_data_file(tmp_path: Path) -> None:
    path = tmp_path / "rock.mhd"
    write_metaimage(path)
    assert_holds(path)
    assert open_volume(path, voxel_size_um=1).files == (path, tmp_path / "rock.bin")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (VOXELS.tobytes(), {}),
        (VOXELS.astype(">u2").tobytes(), {"BinaryDataByteOrderMSB": "True"}),
        (b"skip" + VOXELS.tobytes(), {"HeaderSize": "-1"}),
        (b"skip" + VOXELS.tobytes(), {"HeaderSize": "4"}),
        (zlib.compress(VOXELS.tobytes()), {"CompressedData": "True"}),
    ],
)
def test_metaimage_in_one_file(tmp_path: Path, data: bytes, lines: dict) -> None:
    write_metaimage(tmp_path / "rock.mha", data, "LOCAL", **lines)
    assert_holds(tmp_path / "rock.mha")


def test_metaimage_tells_its_voxel_size(tmp_path: Path) -> None:
    path = tmp_path / "rock.mhd"
    write_metaimage(path, ElementSpacing="0.001 0.002 0.003")
    assert voxel_size(path) == pytest.approx((3, 2, 1))
    write_metaimage(path, ElementSpacing="1 2 3", DistanceUnits="um")
    assert voxel_size(path) == (3, 2, 1)
    write_metaimage(path, ElementSpacing="1 1 1")
    assert is_silent(path)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ({"DimSize": "6 7 6"}, "rock.bin: .* need 504 bytes, but it holds 420"),
        ({"DimSize": "1000000 1000000 1000000"}, "but it holds 420"),
        ({"data_file": "../rock.bin"}, "outside the header's folder"),
        ({"data_file": "/etc/hostname"}, "outside the header's folder"),
        ({"data_file": "absent.bin"}, "absent.bin is missing"),
        ({"data_file": "LIST"}, "save the slices as TIFF"),
        ({"BinaryData": "False"}, "save the voxels as binary"),
        ({"ElementNumberOfChannels": "3"}, "convert it to grey"),
        ({"ElementType": "MET_STRING"}, "MET_STRING is not supported"),
        ({"DimSize": "six"}, "damaged"),
        ({"CompressedData": "True"}, "damaged"),
        ({"CompressedData": "True", "DimSize": "10000 10000 10000"}, "declares 2000000000000 byte"),
    ],
)
def test_metaimage_that_is_wrong(tmp_path: Path, lines: dict, sentence: str) -> None:
    write_metaimage(tmp_path / "rock.mhd", **lines)
    with pytest.raises(InputError, match=sentence):
        open_volume(tmp_path / "rock.mhd", voxel_size_um=1).read(0, 1)


def test_a_data_file_linked_from_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    write_metaimage(folder / "rock.mhd")
    (folder / "rock.bin").rename(tmp_path / "secret.bin")
    (folder / "rock.bin").symlink_to(tmp_path / "secret.bin")
    refuse(folder / "rock.mhd", "outside the header's folder")


def test_truncated_compressed_metaimage(tmp_path: Path) -> None:
    data = zlib.compress(VOXELS.tobytes())
    write_metaimage(tmp_path / "rock.mhd", data[:-200], CompressedData="True")
    with (
        open_volume(tmp_path / "rock.mhd", voxel_size_um=1) as rock,
        pytest.raises(InputError, match="need 420 bytes, but it holds"),
    ):
        rock.read(0, 1)


# --- NRRD ---


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("name", ["rock.nrrd", "rock.nhdr"])
def test_nrrd(tmp_path: Path, encoding: str, name: str) -> None:
    header = {"encoding": encoding}
    nrrd.write(str(tmp_path / name), VOXELS, header, index_order="C")
    assert_holds(tmp_path / name)
    files = open_volume(tmp_path / name, voxel_size_um=1).files
    assert len(files) == (2 if name.endswith("nhdr") else 1)
    assert files[0] == tmp_path / name


def write_nrrd(path: Path, *lines: str, data: bytes = VOXELS.tobytes()) -> None:
    fields = {"type": "uint16", "dimension": "3", "sizes": "6 7 5", "encoding": "raw"}
    fields |= {"endian": "little"} | dict(line.split(": ", 1) for line in lines)
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    path.write_bytes(b"NRRD0004\n" + text.encode() + b"\n" + data)


def test_nrrd_of_big_endian(tmp_path: Path) -> None:
    write_nrrd(tmp_path / "rock.nrrd", "endian: big", data=VOXELS.astype(">u2").tobytes())
    assert_holds(tmp_path / "rock.nrrd")


def test_nrrd_skips_bytes(tmp_path: Path) -> None:
    for skip in (4, -1):
        write_nrrd(tmp_path / "rock.nrrd", f"byte skip: {skip}", data=b"skip" + VOXELS.tobytes())
        assert_holds(tmp_path / "rock.nrrd")


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        (["spacings: 1 2 3", 'units: "um" "um" "um"'], (3, 2, 1)),
        (
            [
                "space dimension: 3",
                "space directions: (0.001,0,0) (0,0.002,0) (0,0,-0.003)",
                'space units: "mm" "mm" "mm"',
            ],
            (3, 2, 1),
        ),
    ],
)
def test_nrrd_tells_its_voxel_size(tmp_path: Path, lines: list[str], size: tuple) -> None:
    write_nrrd(tmp_path / "rock.nrrd", *lines)
    assert voxel_size(tmp_path / "rock.nrrd") == pytest.approx(size)


def test_nrrd_without_units_is_silent(tmp_path: Path) -> None:
    write_nrrd(tmp_path / "rock.nrrd", "spacings: 1 1 1")
    assert is_silent(tmp_path / "rock.nrrd")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["sizes: 6 7 6"], "but it holds"),
        (["sizes: 1000000 1000000 1000000"], "but it holds"),
        (["encoding: gzip", "sizes: 10000 10000 10000"], "declares 2000000000000 bytes"),
        (["encoding: gzip"], "damaged"),
        (["encoding: bzip2"], "save it as raw or gzip"),
        (["type: block", "block size: 2"], "type block is not supported"),
        (["dimension: 4", "sizes: 3 6 7 5"], "convert it to grey"),
        (["data file: ../rock.bin"], "outside the header's folder"),
        (["data file: rock%d.bin 1 5 1"], "is missing"),
        (["line skip: 2"], "line skip is not supported"),
    ],
)
def test_nrrd_that_is_wrong(tmp_path: Path, lines: list[str], sentence: str) -> None:
    write_nrrd(tmp_path / "rock.nrrd", *lines)
    with pytest.raises(InputError, match=sentence):
        open_volume(tmp_path / "rock.nrrd", voxel_size_um=1).read(0, 1)


def test_gzip_never_unpacks_into_more_than_declared(tmp_path: Path) -> None:
    bomb = gzip.compress(VOXELS.tobytes() + bytes(10**7))
    write_nrrd(tmp_path / "rock.nrrd", "encoding: gzip", data=bomb)
    assert_holds(tmp_path / "rock.nrrd")


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
    refuse(tmp_path / "rock.nc", "damaged, truncated")


def test_closing_netcdf_leaves_no_view(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    write_netcdf(tmp_path / "rock.nc", ["grey"], VOXELS.astype(np.int32))
    with open_volume(tmp_path / "rock.nc", voxel_size_um=1) as rock:
        slab = rock.read(0, 2)
    np.testing.assert_array_equal(slab, VOXELS[:2])
    assert not recwarn.list


# --- Zarr ---


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr(tmp_path: Path, zarr_format: int) -> None:
    path = tmp_path / "rock.zarr"
    zarr.save_array(path, VOXELS, zarr_format=zarr_format)
    assert_holds(path)
    files = open_volume(path, voxel_size_um=1).files
    assert files == tuple(sorted(file for file in path.rglob("*") if file.is_file()))
    refuse(path, "single array without a name", dataset="grey")


def ome_zarr(path: Path) -> None:
    levels = [
        {"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for name, scale in [("0", [1, 3, 2, 1]), ("1", [1, 6, 4, 2])]
    ]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group = zarr.open_group(path, mode="w")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    group["0"] = VOXELS[np.newaxis]
    group["1"] = VOXELS[np.newaxis, ::2, ::2, ::2]


def test_ome_zarr(tmp_path: Path) -> None:
    ome_zarr(tmp_path / "rock.zarr")
    assert_holds(tmp_path / "rock.zarr", voxel_size_um=None)
    assert voxel_size(tmp_path / "rock.zarr") == (3, 2, 1)
    assert voxel_size(tmp_path / "rock.zarr", dataset="1") == (6, 4, 2)
    refuse(tmp_path / "rock.zarr", "along z", voxel_size_um=[4, 2, 1])


def test_zarr_with_several_volumes(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "rock.zarr", mode="w")
    group["a"], group["b/c"] = VOXELS, VOXELS + 1
    refuse(tmp_path / "rock.zarr", "set dataset to one of a, b/c")
    assert_holds(tmp_path / "rock.zarr", VOXELS + 1, dataset="b/c")


def test_zarr_without_its_chunks(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "rock.zarr", shape=GIGABYTES, dtype="u1", chunks=(1, 1000, 1000))
    refuse(tmp_path / "rock.zarr", "declares 40000000000 bytes of voxels, but it holds only")


def test_zarr_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file.zarr").write_bytes(b"packed")
    refuse(tmp_path / "file.zarr", "is a folder")
    (tmp_path / "empty.zarr").mkdir()
    refuse(tmp_path / "empty.zarr", "damaged")


# --- units ---


@pytest.mark.parametrize(
    ("unit", "size"),
    [("µm", 1), ("μm", 1), ("Microns", 1), (b"mm", 1e3), ('"nm"', 1e-3), ("furlong", None)],
)
def test_units(unit: str | bytes, size: float | None) -> None:
    from sandstone.volume_source import micrometres

    assert micrometres(unit) == size
