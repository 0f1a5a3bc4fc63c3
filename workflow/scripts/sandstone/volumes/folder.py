"""Which files make a volume: the slices in a folder and their order, what a header names."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from sandstone import bdv_xml
from sandstone.errors import InputError, shown

TIFF = (".tif", ".tiff")
IMAGES = (".bmp", ".png", ".jpg", ".jpeg")
DICOM = (".dcm", ".dicom", ".ima")
BLOCKS = (".nc",)  # ANU's CT laboratory stores a volume as several blocks of slices
STORES = (".zarr",)  # volumes that are folders themselves
DESCRIBED_BY_XML = (".h5", ".hdf5")  # where BigDataViewer exported it
TWO_PARTS = (".raw.gz", ".vol.info", ".nii.gz")  # suffixes with two points

# What lies in a folder: a volume is made of files of one kind.
KINDS = {
    **dict.fromkeys(TIFF, "TIFF"),
    **dict.fromkeys(BLOCKS, "NetCDF"),
    **dict.fromkeys(DICOM, "DICOM"),
    ".bmp": "BMP",
    ".png": "PNG",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
}
# What systems append to the name of a copy.
COPIES = re.compile(r" ?\([0-9]+\)$|[ _-]+(copy|kopie)[ _-]?[0-9]*$", re.IGNORECASE)
MOST_GAPS_SHOWN = 5
PREVIEW = "_spr"  # SkyScan's NRecon puts one such image beside the slices

_HEADER_BYTES = 1 << 20  # a list of files may be longer than other headers
# Which line of a header names its data file.
DATA_LINES = {
    ".mhd": re.compile(r"(?im)^ElementDataFile\s*=[ \t]*(\S.*?)\s*$"),
    ".nhdr": re.compile(r"(?im)^data ?file:[ \t]*(\S.*?)\s*$"),
    ".vgi": re.compile(r"(?im)^name\s*=[ \t]*(\S.*?)\s*$"),
}
OME_FILES = re.compile(rb'(?:FileName|MetadataFile)="([^"]{1,255})"')
MOST_FILES = 1 << 20  # that a header's pattern may name


def suffix_of(path: str | Path) -> str:
    """Return the suffix that tells the format, lower case: of `a.raw.gz` both parts."""
    name = Path(path).name.lower()
    return next((two for two in TWO_PARTS if name.endswith(two)), Path(name).suffix)


# --- slices in a folder ---


def is_folder_of_slices(path: Path) -> bool:
    """Say whether `path` is a folder to look for slices in, rather than a store or a file."""
    return path.is_dir() and path.suffix.lower() not in STORES


def slices_in(folder: Path) -> list[Path]:
    """Return the slices of a folder in natural order, hidden files and previews left out.

    They are the files of the kind of which there are most: TIFF, BMP, PNG, JPEG, DICOM, or
    blocks of NetCDF.

    Raises
    ------
    InputError
        If there are none, or a TIFF file stands among more images of another kind: it may be the
        whole volume, or a stray.
    """
    kinds = _kinds_in(folder)
    if not kinds:
        raise InputError(
            f"{folder}: this folder holds no TIFF slices ({', '.join(KINDS)}); check it, name "
            "DICOM slices .dcm, or give the file of the volume itself"
        )
    counts = {kind: len(files) for kind, files in kinds.items()}
    most = max(counts, key=lambda kind: (counts[kind], kind == "TIFF"))
    if most != "TIFF" and "TIFF" in counts:
        raise InputError(
            f"{folder}: holds {counts[most]} {most} files and {counts['TIFF']} TIFF, such as "
            f"{kinds['TIFF'][0].name}; give the file of the volume itself, or a pattern: "
            f"{folder}/*{kinds[most][0].suffix} or {folder}/*{kinds['TIFF'][0].suffix}"
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
    kinds: dict[str, list[Path]] = {}
    for file in sorted(without_previews(_candidates(folder)), key=natural_order):
        kinds.setdefault(KINDS[suffix_of(file)], []).append(file)
    return kinds


def _candidates(folder: Path) -> list[Path]:
    return [
        entry
        for entry in folder.iterdir()
        if suffix_of(entry) in KINDS and not entry.name.startswith(".")
    ]


def without_previews(files: list[Path]) -> list[Path]:
    """Return files without SkyScan's previews, unless there is nothing else."""
    return [file for file in files if not _is_preview(file)] or files


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


def beside(path: Path) -> list[Path]:
    """Return the files that belong to `path`: the data of a header, or what describes a volume."""
    suffix = suffix_of(path)
    if suffix in DESCRIBED_BY_XML:
        return [xml] if (xml := bdv_xml.beside(path)) else []
    if suffix == ".vol":
        headers = (path.with_suffix(".vgi"), path.with_name(f"{path.name}.info"))
        return [header for header in headers if header.is_file()]
    if suffix == ".vol.info":
        named = [path.name.removesuffix(".info")]
    elif suffix in DATA_LINES:
        with path.open("rb") as stream:
            text = stream.read(_HEADER_BYTES).decode(errors="replace")
        line = DATA_LINES[suffix].search(text)
        try:
            named = named_data(line[1], text[line.end() :].splitlines(), path) if line else []
        except InputError:  # its reader will say so
            named = []
    else:
        return []
    return [file for name in named if (file := path.parent / name).is_file()]


def ome_set_of(path: Path) -> list[Path]:
    """Return the other files that the OME metadata of a TIFF file name, there being some.

    They are looked for near its ends, where programs put them, since nothing here reads TIFF.
    """
    if suffix_of(path) not in TIFF or not path.is_file():
        return []
    with path.open("rb") as stream:
        text = stream.read(_HEADER_BYTES)
        stream.seek(max(stream.tell(), path.stat().st_size - _HEADER_BYTES))
        text += stream.read()
    names = {name.decode(errors="replace") for name in OME_FILES.findall(text)}
    others = (path.parent / name for name in sorted(names) if Path(name).name == name)
    return [file for file in others if file != path and file.is_file()]


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


# --- all of them, as they are on disk ---


def stamp(paths: Iterable[str | Path]) -> str:
    """Return a short text that changes when a file of `paths` is written or replaced.

    Parameters
    ----------
    paths : iterable of paths
        Files; folders count with all that they hold, others with what `belonging` finds.

    Returns
    -------
    str
        The same for the same names, sizes and times of modification.
    """
    facts = [
        (file.name, status.st_size, status.st_mtime_ns)
        for path in belonging(paths)
        for file in _inside(path)
        if (status := file.stat())
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def belonging(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files of a volume with all others that it is read from.

    Headers come with their data files, HDF5 with BigDataViewer's XML, slices with the log that
    tells their voxel size, one file of an OME-TIFF set with the others. Folders stay as they are.
    """
    files = [Path(path) for path in paths]
    log = log_beside(files) if len(files) > 1 else None
    others = ome_set_of(files[0]) if len(files) == 1 else []
    named = [*files, *filter(None, [log]), *others]
    return [file for path in named for file in [path, *([] if path.is_dir() else beside(path))]]


def _inside(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path]
