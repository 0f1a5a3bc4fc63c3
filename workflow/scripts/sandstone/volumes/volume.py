"""Open any supported file of a scanner as a lazily read volume with a voxel size."""

import glob
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Self

import numpy as np

from sandstone.errors import InputError, note
from sandstone.regions import at_border
from sandstone.sizes import LARGEST_BLOCK, VoxelSize, voxel_bytes
from sandstone.unchanged import check_unchanged, states
from sandstone.volumes import formats
from sandstone.volumes.folder import is_folder_of_slices, natural_order, slices_in, without_previews
from sandstone.volumes.raw import RawLayout
from sandstone.volumes.runs import turned
from sandstone.volumes.source import UNKNOWN, FileVoxelSize, Source, is_print, library_errors

# What stands for NaN where that fills the outside of a reconstruction; half precision ends sooner.
NOT_SCANNED = -1e30
TOLERANCE = 0.01  # relative; scanners round the voxel size in their metadata
# No scanner of rock has smaller or larger voxels: such a number has lost its unit.
FINEST_UM, COARSEST_UM = 0.01, 500.0


class Volume:
    """A raw volume that is read slab by slab; a context manager.

    Attributes
    ----------
    shape : tuple of int
        Depth, height and width, voxels.
    dtype : dtype
        Integer or float of native byte order.
    voxel_size_um : tuple of float
        Voxel edge along z, y, x, micrometres.
    files : tuple of Path
        Every file behind the volume, in the order in which they are read.
    in_memory : bool
        Whether the format has to be unpacked into memory as a whole.
    """

    def __init__(self, source: Source, voxel_size_um: VoxelSize) -> None:
        self.shape = source.shape
        self.dtype = source.dtype.newbyteorder("=")
        self.files = source.files
        self.voxel_size_um = voxel_size_um
        self.in_memory = source.in_memory
        self._source: Source | None = source
        self._states = states(source.files)

    def read(self, z0: int, z1: int, rows: slice = slice(None)) -> np.ndarray:
        """Return the slices z0 to z1 - 1, or some of their rows, as a contiguous copy.

        NaN and infinite values come as one low level, `NOT_SCANNED`.

        Parameters
        ----------
        z0, z1 : int
            First slice, and the one behind the last.
        rows : slice, optional
            Rows of each slice, both ends within the volume. Default: all.

        Returns
        -------
        ndarray, shape (z1 - z0, y, x)

        Raises
        ------
        ValueError
            If the range leaves the volume or the volume is closed.
        InputError
            If the voxels cannot be read.
        """
        voxels = self._stored(z0, z1, rows)
        if (gaps := _gaps(voxels)) is not None:
            voxels[gaps] = self._not_scanned
        return voxels

    @property
    def _not_scanned(self) -> float:
        return max(NOT_SCANNED, float(np.finfo(self.dtype).min))

    def _stored(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        if self._source is None:
            raise ValueError("the volume is closed")
        if not 0 <= z0 <= z1 <= self.shape[0]:
            raise ValueError(f"slices {z0}:{z1} are not within 0:{self.shape[0]}")
        with library_errors(self.files[0]):
            voxels = self._source.read(z0, z1, rows)
            return np.require(voxels, self.dtype, ["C", "OWNDATA", "WRITEABLE"])

    def read_slice(
        self, z: int, rows: slice = slice(None), columns: slice = slice(None)
    ) -> np.ndarray:
        """Return slice `z`, or a part of it, shape (y, x).

        Raises
        ------
        InputError
            If the voxels cannot be read, or hold NaN or infinite values that do not just fill the
            corners.
        """
        image = self._stored(z, z + 1, rows)[0, :, columns]
        if (gaps := _gaps(image)) is not None:
            if not _fill_the_outside(_gaps(self._stored(z, z + 1, slice(None))[0])):
                raise InputError(
                    f"{self.files[0]}: slice {z} holds NaN or infinite values; "
                    "replace them, as by the grey level of air, before using the volume"
                )
            image[gaps] = self._not_scanned
        return image

    def check_unchanged(self) -> None:
        """Refuse what was read if a file was written or replaced since the volume was opened.

        Raises
        ------
        Changed
            Naming the file.
        """
        check_unchanged(self.files, self._states)

    def close(self) -> None:
        """Let go of the open files."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def __enter__(self) -> Self:
        """Return the volume itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the volume."""
        self.close()


def _gaps(voxels: np.ndarray) -> np.ndarray | None:
    """Return which voxels are no numbers, None where all are."""
    if voxels.dtype.kind != "f":
        return None
    finite = np.isfinite(voxels)
    return None if finite.all() else ~finite


def _fill_the_outside(gaps: np.ndarray | None) -> bool:
    """Say whether the voxels of a slice without a number fill its corners and lie only there."""
    if gaps is None or not gaps[:: len(gaps) - 1 or 1, :: gaps.shape[1] - 1 or 1].all():
        return False
    return bool((at_border(gaps) == gaps).all())


def open_volume(
    paths: str | Path | Sequence[str | Path],
    *,
    voxel_size_um: float | Sequence[float] | None = None,
    raw: RawLayout | None = None,
    dataset: str | None = None,
    axis: str = "z",
) -> Volume:
    """Open a volume without reading its voxels.

    Grey levels come as they are stored, without rescaling; where white is the lowest level, or
    stored numbers stand for levels of a grey table or of a scale, they come as these mean them.
    MetaImage, NRRD, NIfTI, Amira and headerless files that are packed are unpacked into memory by
    the first read; all other formats stay on disk.

    Parameters
    ----------
    paths : str, Path or sequence of them
        A file, a folder of slices (in natural order), a glob pattern, or several slices in the
        order of depth. Slices are TIFF, BMP, PNG, JPEG or DICOM files, or blocks of NetCDF.
    voxel_size_um : float or sequence of three floats, optional
        Voxel edge, or edges along z, y, x, micrometres. Default: what the file says. A file
        that knows only the voxel size within a slice counts as isotropic then.
    raw : RawLayout, optional
        Layout of a headerless file; required for ``.raw`` and ``.raw.gz``.
    dataset : str, optional
        Which array of an HDF5, NetCDF or Zarr file; needed only if there are several.
    axis : {"z", "y", "x"}, optional
        Axis of the file that the slices follow; it becomes the first axis of the volume and of
        its voxel size, the others keep their order. `voxel_size_um` is that of the file.

    Returns
    -------
    Volume
        The opened volume.

    Raises
    ------
    InputError
        If the files are missing, unreadable, damaged, of an unsupported format, or contradict
        `voxel_size_um`; also if nothing tells the voxel size.
    """
    configured = _configured_voxel_size(voxel_size_um)
    files = expand(paths)
    open_source = formats.opener(files, raw, dataset)
    with library_errors(files[0]):
        source = open_source()
    try:
        _check_voxels(source, files[0])
        size = agree(configured, source.voxel_size_um, files[0], bare=source.bare_size)
        return Volume(*turned(source, size, axis))
    except InputError:
        source.close()
        raise


def expand(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the files that `paths` means: a file, a folder, a glob pattern or several files.

    Raises
    ------
    InputError
        If something is missing, or a folder holds no slices.
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    if len(several) == 1:
        return _expand_one(Path(several[0]))
    files = [Path(path) for path in several]
    for file in files:
        with library_errors(file):
            missing = not file.is_file()
        if missing:
            raise InputError(f"{file}: no such file; correct the path of the volume")
    if not files:
        raise InputError("no file of a volume is given; name at least one")
    return files


def _expand_one(path: Path) -> list[Path]:
    with library_errors(path):
        if is_folder_of_slices(path):
            return _without_devices(slices_in(path))
        if path.exists():
            return _without_devices([path])
        if found := [Path(name) for name in glob.glob(str(path), recursive=True)]:
            return _without_devices(sorted(without_previews(found), key=natural_order))
    if any(character in str(path) for character in "*?["):
        raise InputError(f"{path}: no file matches this pattern; correct the path of the volume")
    raise InputError(f"{path}: no such file or folder; correct the path of the volume")


def _without_devices(files: list[Path]) -> list[Path]:
    """Refuse pipes and devices, which may have no end."""
    for file in files:
        if not (file.is_file() or file.is_dir()):
            raise InputError(f"{file}: no regular file; save the volume to one")
    return files


def _check_voxels(source: Source, path: Path) -> None:
    if source.dtype.kind not in "iuf" or source.dtype.itemsize > 8:
        raise InputError(
            f"{path}: voxels of type {source.dtype} are not grey levels; "
            "convert them to integers or floats of at most 64 bits"
        )
    if 0 in source.shape:
        raise InputError(f"{path}: shape {source.shape} holds no voxels; check where it comes from")
    if voxel_bytes(source.shape[1:], source.dtype) > LARGEST_BLOCK:
        raise InputError(
            f"{path}: slices of {source.shape[1]} x {source.shape[2]} voxels take over "
            f"{LARGEST_BLOCK >> 30} GB each; check the shape, or cut the volume into parts"
        )


def _configured_voxel_size(voxel_size_um: Any) -> VoxelSize | None:
    if voxel_size_um is None:
        return None
    sizes = np.atleast_1d(np.asarray(voxel_size_um, dtype=np.float64)).tolist()
    if len(sizes) not in (1, 3) or not all(isfinite(size) and size > 0 for size in sizes):
        raise InputError(
            f"voxel_size_um is {voxel_size_um}; give one number of micrometres above 0, or z y x"
        )
    return tuple(sizes * 3 if len(sizes) == 1 else sizes)


def agree(
    configured: VoxelSize | None, in_file: FileVoxelSize, path: Path, *, bare: bool = False
) -> VoxelSize:
    """Return the voxel size on which the config and the file agree, micrometres.

    The config wins, with a note, over a size that no scanner has and over `bare` resolution
    tags, which image programs write without knowing the rock.

    Raises
    ------
    InputError
        If they differ by more than 1 % along an axis that the file states, or neither tells it.
    """
    doubtful = [size for size in in_file if size and not FINEST_UM <= size <= COARSEST_UM]
    if configured is None:
        return _alone(UNKNOWN if bare and is_print(in_file[2]) else in_file, doubtful, path)
    for axis, ours, theirs in zip("zyx", configured, in_file, strict=True):
        if theirs is None or abs(ours - theirs) <= TOLERANCE * theirs:
            continue
        says = f"{path}: the file says {theirs:g} µm a voxel along {axis}, voxel_size_um says"
        if not (doubtful or bare):
            raise InputError(f"{says} {ours:g}; correct voxel_size_um, or the metadata of the file")
        why = "mere tags of resolution say the former" if bare else "no scanner has the former"
        note(f"{says} {ours:g}; {why}, so the latter is taken")
        break
    return configured


def _alone(in_file: FileVoxelSize, doubtful: list[float], path: Path) -> VoxelSize:
    """Return what the file says of its voxel size, where the config says nothing."""
    if doubtful:
        raise InputError(
            f"{path}: the file says {doubtful[0]:g} µm a voxel, which no scanner has; "
            "give voxel_size_um in micrometres"
        )
    z, y, x = in_file
    if y is None or x is None:
        raise InputError(
            f"{path}: neither the file nor the config tells the voxel size; "
            "give voxel_size_um in micrometres"
        )
    return (y if z is None else z, y, x)
