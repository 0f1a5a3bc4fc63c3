from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.volume_checks import VOXELS, assert_holds, cut, refuse, voxel_size
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
