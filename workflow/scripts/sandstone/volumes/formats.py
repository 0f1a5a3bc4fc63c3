"""Every format of which a volume is read: what opens it, by suffix."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone.errors import InputError, note
from sandstone.volumes.folder import KINDS, left_out, log_beside, odd_numbers, suffix_of

if TYPE_CHECKING:  # the Python of Snakemake, which looks at names, need not have NumPy
    from sandstone.volumes.raw import RawLayout
    from sandstone.volumes.source import Format, Source

_ZEISS = "Zeiss's projections; reconstruct them and save the volume as .txm (XMReconstructor)"
_VGSTUDIO = "VGStudio; export the volume there as raw data (.vol with .vgi) or as TIFF slices"
_GE = "phoenix datos|x; export the volume there as raw data with its layout, or as TIFF slices"
# Formats with a header that no library of the lock reads, and how to get the voxels out of them.
EXPORTS = {
    **dict.fromkeys((".txrm", ".xrm"), _ZEISS),
    ".hx": "a project of Amira or Avizo; save its volume there as .am or 3D TIFF",
    **dict.fromkeys((".vgl", ".xvgi"), _VGSTUDIO),
    **dict.fromkeys((".pcr", ".pca"), _GE),
    ".isq": "Scanco; export it as .mha (ImageJ, 3D Slicer) or as TIFF slices",
    ".rek": "Fraunhofer EZRT; export the volume as TIFF slices",
    ".hdr": "Analyze or ENVI; save it as .nrrd or .mha (ImageJ, 3D Slicer)",
    ".img": "Analyze or DICOM; save it as .nrrd or .mha (ImageJ, 3D Slicer)",
    ".czi": "Zeiss ZEN; export it as OME-TIFF (Bio-Formats)",
    ".edf": "ESRF; save the slices as TIFF (silx, ImageJ)",
}
# Formats that are read, by what stands from some byte on whatever their name is.
NAMES = {
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"): (".txm", "a reconstruction of Zeiss"),
    (0, b"# AmiraMesh"): (".am", "a lattice of Amira"),
    (0, b"# Avizo"): (".am", "a lattice of Avizo"),
    (128, b"DICM"): (".dcm", "a slice in DICOM"),
}
_START_BYTES = 132


@cache
def known() -> "dict[str, Format]":
    """Return the formats of all readers by suffix, lower case with its point.

    A new reader stands here once; its own `FORMATS` says the rest.
    """
    from sandstone.volumes import containers, headered, images, medical, raw, stores, tiff

    readers = (tiff, images, raw, headered, medical, containers, stores)
    return {suffix: each for reader in readers for suffix, each in reader.FORMATS.items()}


def opener(
    files: list[Path], raw: "RawLayout | None" = None, dataset: str | None = None
) -> "Callable[[], Source]":
    """Return what opens `files`, chosen by suffix, with the option that its format takes.

    Raises
    ------
    InputError
        If the suffix is unknown, an option is given that the format would ignore, or several
        files are not slices, or blocks of slices, of one kind.
    """
    check_files(files)
    if len(files) > 1:
        return _stack(files, raw, dataset)
    (path,) = files
    suffix = suffix_of(path)
    if suffix not in known():
        raise InputError(
            f"{path}: unknown suffix {suffix!r}; supported are {', '.join(known())}; if it has no "
            "header, rename it to .raw and give its layout, else export it as TIFF"
        )
    reader = known()[suffix]
    taken: dict[str | None, tuple] = {"raw": (raw,), "dataset": (dataset,), None: ()}
    _refuse_options(
        path,
        raw=None if reader.takes == "raw" else raw,
        dataset=None if reader.takes == "dataset" else dataset,
    )
    return lambda: reader.open(path, *taken[reader.takes])


def check_files(files: list[Path]) -> None:
    """Refuse what names and beginnings of files show to be no volume that is read here.

    Raises
    ------
    InputError
        If several files are not slices of one kind, or one is of a format with a header that
        nothing here reads: the sentence says how to export it.
    """
    if len(files) > 1:
        _check_one_kind(files)
        return
    (path,) = files
    suffix = suffix_of(path)
    if suffix in EXPORTS:
        raise InputError(f"{path}: this format is not read; it is that of {EXPORTS[suffix]}")
    start = b"" if suffix in KINDS else _beginning(path)
    for (offset, magic), (name, what) in NAMES.items():
        if start.startswith(magic, offset) and suffix != name:
            raise InputError(f"{path}: begins like {what}; if it is one, rename it to {name}")


def _check_one_kind(files: list[Path]) -> None:
    kinds = [KINDS.get(suffix_of(file)) for file in files]
    for file, kind in zip(files, kinds, strict=True):
        if kind is None or kind != kinds[0]:
            raise InputError(
                f"{file}: only slices of one kind ({', '.join(KINDS)}) can be stacked from several "
                f"files, and {files[0].name} is the first; give one file, or slices of one kind"
            )


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_START_BYTES)
    except OSError:  # a folder, or what its reader will say
        return b""


def _stack(
    files: list[Path], raw: "RawLayout | None", dataset: str | None
) -> "Callable[[], Source]":
    from sandstone.volumes import containers, images, medical, tiff

    kind = KINDS[suffix_of(files[0])]
    _refuse_options(files[0], raw, None if kind == "NetCDF" else dataset)
    for sentence in left_out(files):
        note(sentence)
    say_themselves = {  # which slices they hold
        "NetCDF": lambda: containers.open_blocks(files, dataset),
        "DICOM": lambda: medical.open_series(files),
    }
    if kind in say_themselves:
        return say_themselves[kind]
    for sentence in odd_numbers(files):
        note(sentence)
    stack = tiff.open_stack if kind == "TIFF" else images.open_stack
    return lambda: images.with_log(stack(files), log_beside(files))


def _refuse_options(path: Path, raw: "RawLayout | None", dataset: str | None) -> None:
    """Refuse options that would have no effect."""
    if raw is not None:
        raise InputError(f"{path}: raw describes headerless .raw files only; remove it")
    if dataset is not None:
        containers = (suffix for suffix, each in known().items() if each.takes == "dataset")
        raise InputError(
            f"{path}: dataset names an array inside {', '.join(containers)} only; remove it"
        )
