"""Which files a volume is, and what opens them: every format by suffix, and slices in folders."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone.errors import InputError, note, shown

if TYPE_CHECKING:  # the Python of Snakemake, which looks for files, need not have NumPy
    from sandstone.volumes.raw import RawLayout
    from sandstone.volumes.source import Format, Source

TIFF = (".tif", ".tiff")
IMAGES = (".bmp", ".png", ".jpg", ".jpeg")
BLOCKS = (".nc",)  # ANU's CT laboratory stores a volume as several blocks of slices
STORES = (".zarr",)  # volumes that are folders themselves
TWO_PARTS = (".raw.gz", ".vol.info", ".nii.gz")  # suffixes with two points

# What lies in a folder: a volume is made of files of one kind.
KINDS = {
    **dict.fromkeys(TIFF, "TIFF"),
    **dict.fromkeys(BLOCKS, "NetCDF"),
    ".bmp": "BMP",
    ".png": "PNG",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
}
PREVIEW = "_spr"  # SkyScan's NRecon puts one such image beside the slices

_NIFTI = "NIfTI; save it as .nrrd or .mha, as 3D Slicer and ITK-SNAP do"
_DICOM = "DICOM; save the series as .nrrd (3D Slicer) or as TIFF slices (ImageJ)"
_ZEISS = "Zeiss; export the slices as TIFF with XMReconstructor or Scout-and-Scan"
_AVIZO = "Amira or Avizo; export the data there as 3D TIFF, or as raw data with its layout"
_VGSTUDIO = "VGStudio; export the volume there as raw data (.vol with .vgi) or as TIFF slices"
_GE = "phoenix datos|x; export the volume there as raw data with its layout, or as TIFF slices"
# Formats with a header that no library of the lock reads, and how to get the voxels out of them.
EXPORTS = {
    **dict.fromkeys((".nii", ".nii.gz"), _NIFTI),
    **dict.fromkeys((".dcm", ".dicom", ".ima"), _DICOM),
    **dict.fromkeys((".txm", ".txrm", ".xrm"), _ZEISS),
    **dict.fromkeys((".am", ".hx"), _AVIZO),
    **dict.fromkeys((".vgl", ".xvgi"), _VGSTUDIO),
    **dict.fromkeys((".pcr", ".pca"), _GE),
    ".isq": "Scanco; export it as .mha (ImageJ, 3D Slicer) or as TIFF slices",
    ".rek": "Fraunhofer EZRT; export the volume as TIFF slices",
    ".hdr": "Analyze or ENVI; save it as .nrrd or .mha (ImageJ, 3D Slicer)",
    ".img": "Analyze or DICOM; save it as .nrrd or .mha (ImageJ, 3D Slicer)",
    ".czi": "Zeiss ZEN; export it as OME-TIFF (Bio-Formats)",
    ".edf": "ESRF; save the slices as TIFF (silx, ImageJ)",
}
# The same, known by how a file begins whatever its name is.
BEGINNINGS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _ZEISS,
    b"# AmiraMesh": _AVIZO,
    b"# Avizo": _AVIZO,
}
_DICM = slice(128, 132)
# What systems append to the name of a copy.
COPIES = re.compile(r" ?\([0-9]+\)$|[ _-]+(copy|kopie)[ _-]?[0-9]*$", re.IGNORECASE)
MOST_GAPS_SHOWN = 5
MOST_FILES = 1 << 20  # that a header's pattern may name


@cache
def known() -> "dict[str, Format]":
    """Return the formats of all readers by suffix, lower case with its point.

    A new reader stands here once; its own `FORMATS` says the rest.
    """
    from sandstone.volumes import containers, headered, images, raw, tiff, zarr_store

    readers = (tiff, images, raw, headered, containers, zarr_store)
    return {suffix: each for reader in readers for suffix, each in reader.FORMATS.items()}


def suffix_of(path: str | Path) -> str:
    """Return the suffix that tells the format, lower case: of `a.raw.gz` both parts."""
    name = Path(path).name.lower()
    return next((two for two in TWO_PARTS if name.endswith(two)), Path(name).suffix)


# --- what opens a file ---


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
    if len(files) > 1:
        return _stack(files, raw, dataset)
    (path,) = files
    refuse_unread(path)
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


def refuse_unread(path: Path) -> None:
    """Refuse a format that has a header which nothing here reads, and say how to export it.

    Raises
    ------
    InputError
        Naming the program whose format it is.
    """
    suffix = suffix_of(path)
    export = EXPORTS.get(suffix)
    if export is None and suffix not in KINDS:
        export = _known_by_its_beginning(path)
    if export is not None:
        raise InputError(f"{path}: this format is not read; it is that of {export}")


def _known_by_its_beginning(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            start = stream.read(_DICM.stop)
    except OSError:  # a folder, or what its reader will say
        return None
    if start[_DICM] == b"DICM":
        return _DICOM
    return next((how for magic, how in BEGINNINGS.items() if start.startswith(magic)), None)


def _stack(
    files: list[Path], raw: "RawLayout | None", dataset: str | None
) -> "Callable[[], Source]":
    from sandstone.volumes import containers, images, tiff

    kinds = [KINDS.get(suffix_of(file)) for file in files]
    for file, kind in zip(files, kinds, strict=True):
        if kind is None or kind != kinds[0]:
            raise InputError(
                f"{file}: only slices of one kind ({', '.join(KINDS)}) can be stacked from several "
                f"files, and {files[0].name} is the first; give one file, or slices of one kind"
            )
    _refuse_options(files[0], raw, None if kinds[0] == "NetCDF" else dataset)
    for sentence in left_out(files):
        note(sentence)
    if kinds[0] == "NetCDF":  # its blocks say themselves which slices they hold
        return lambda: containers.open_blocks(files, dataset)
    for sentence in odd_numbers(files):
        note(sentence)
    stack = tiff.open_stack if kinds[0] == "TIFF" else images.open_stack
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


# --- slices in a folder ---


def is_folder_of_slices(path: Path) -> bool:
    """Say whether `path` is a folder to look for slices in, rather than a store or a file."""
    return path.is_dir() and path.suffix.lower() not in STORES


def slices_in(folder: Path) -> list[Path]:
    """Return the slices of a folder in natural order, hidden files and previews left out.

    They are the files of the kind of which there are most: TIFF, BMP, PNG, JPEG, or blocks of
    NetCDF.

    Raises
    ------
    InputError
        If there are none, or a TIFF file stands among more images of another kind: it may be the
        whole volume, or a stray.
    """
    kinds = _kinds_in(folder)
    if not kinds:
        raise InputError(
            f"{folder}: this folder holds no TIFF slices ({', '.join(KINDS)}); check it, or give "
            "the file of the volume itself"
        )
    counts = {kind: len(files) for kind, files in kinds.items()}
    most = max(counts, key=lambda kind: (counts[kind], kind == "TIFF"))
    if most != "TIFF" and "TIFF" in counts:
        raise InputError(
            f"{folder}: holds {counts[most]} {most} files and {counts['TIFF']} TIFF, such as "
            f"{kinds['TIFF'][0].name}; give the file of the volume itself, or a pattern such as "
            f"{folder}/*{kinds[most][0].suffix}"
        )
    return kinds[most]


def left_out(files: list[Path]) -> list[str]:
    """Return sentences on what lies among the slices of a folder and is none of them.

    Nothing where `files` are another choice of files than `slices_in` makes.
    """
    folder = files[0].parent
    if any(file.parent != folder for file in files):
        return []
    kinds = _kinds_in(folder)
    kind = KINDS[suffix_of(files[0])]
    if set(kinds.get(kind, ())) != set(files):
        return []
    sentences = [
        f"{file}: a preview beside the slices is left out"
        for file in _candidates(folder)
        if _is_preview(file)
    ]
    others = [f"{len(found)} {other}" for other, found in kinds.items() if other != kind]
    if others:
        sentences.append(
            f"{folder}: read are the {len(files)} {kind} files; left out are {', '.join(others)}"
        )
    return sentences


def _kinds_in(folder: Path) -> dict[str, list[Path]]:
    """Return the slices of a folder by kind, each kind in natural order."""
    candidates = _candidates(folder)
    slices = [file for file in candidates if not _is_preview(file)] or candidates
    kinds: dict[str, list[Path]] = {}
    for file in sorted(slices, key=natural_order):
        kinds.setdefault(KINDS[suffix_of(file)], []).append(file)
    return kinds


def _candidates(folder: Path) -> list[Path]:
    return [
        entry
        for entry in folder.iterdir()
        if suffix_of(entry) in KINDS and not entry.name.startswith(".")
    ]


def _is_preview(file: Path) -> bool:
    return file.stem.lower().endswith(PREVIEW)


def log_beside(files: list[Path]) -> Path | None:
    """Return the SkyScan log of slices: the `.log` beside them with the start of their names."""
    folder = files[0].parent
    logs = [
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() == ".log"
        and entry.is_file()
        and all(file.parent == folder and file.name.startswith(entry.stem) for file in files)
    ]
    return max(logs, key=lambda log: len(log.stem), default=None)


def natural_order(path: str | Path) -> list[tuple[int, int | str]]:
    """Sort key that puts slice_2 before slice_10; ties by the plain text."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in [*parts, str(path)]]


def odd_numbers(files: Sequence[Path]) -> list[str]:
    """Return a sentence each on numbers that a series of slices leaves out, or has twice."""
    stems = {file.stem for file in files}
    named: dict[tuple[str | int, ...], list[Path]] = {}
    for file in files:
        original = COPIES.sub("", file.stem)
        parts = re.split(r"([0-9]+)", original if original in stems else file.stem)
        key = tuple(int(part) if part.isdecimal() else part for part in parts)
        named.setdefault(key, []).append(file)
    sentences = [
        f"{several[0]} and {several[1].name} have one number; is a slice there twice?"
        for several in named.values()
        if len(several) > 1
    ][:1]
    if gaps := _gaps(list(named)):
        shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in gaps[:MOST_GAPS_SHOWN])
        sentences.append(
            f"{files[0].parent}: no files are numbered {shown}"
            f"{', ...' if len(gaps) > MOST_GAPS_SHOWN else ''}, between others that are; are "
            "slices missing? Those beside the gap are taken for neighbours"
        )
    return sentences


def _gaps(names: list[tuple[str | int, ...]]) -> list[tuple[int, int]]:
    """Return the first and last number of each gap in a series; none where it is no series."""
    if len(names) < 3 or len({name[::2] for name in names}) > 1:
        return []
    varying = [column for column in zip(*names, strict=True) if len(set(column)) > 1]
    if len(varying) != 1:
        return []
    numbers = sorted(int(number) for number in varying[0])
    steps = Counter(b - a for a, b in pairwise(numbers))
    step, often = max(steps.items(), key=lambda item: (item[1], -item[0]))
    if 2 * often < len(numbers) - 1:
        return []
    return list(_between(numbers, step))


def _between(numbers: list[int], step: int) -> Iterator[tuple[int, int]]:
    for a, b in pairwise(numbers):
        if b - a > step:
            yield a + step, b - step if (b - a) % step == 0 else b - 1


# --- files that a header names ---


def named_data(text: str, following: Iterable[str], path: Path) -> list[str]:
    """Return the names of data files: one, those of a LIST, or those of a printf pattern.

    Parameters
    ----------
    text : str
        What the header says: a name, ``LIST``, or ``slice%03d.raw first last step``.
    following : iterable of str
        The lines behind it.
    path : Path
        The header, for the sentence.

    Raises
    ------
    InputError
        If it is a pattern with other numbers than three, or one that names no files.

    References
    ----------
    https://teem.sourceforge.net/nrrd/format.html#detached
    """
    first, *rest = text.split() or [""]
    if first.upper() == "LIST":
        return [line.strip() for line in following if line.strip()]
    if not (numbered := re.fullmatch(r"([^%]*)%(0?)(\d{0,2})d([^%]*)", first)) or not rest:
        return [text]
    try:
        start, stop, step = map(int, rest[:3])
        numbers = range(start, stop + (1 if step > 0 else -1), step)
    except ValueError:
        numbers = range(0)
    if not 0 < len(numbers) <= MOST_FILES:
        raise InputError(f"{path}: {shown(text)} names no files; write FORMAT FIRST LAST STEP")
    before, zero, width, behind = numbered.groups()
    return [f"{before}{number:{zero}{width}d}{behind}" for number in numbers]
