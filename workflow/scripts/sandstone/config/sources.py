"""The volumes that a config names: how they must be described, and which files they are."""

import glob
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from sandstone.config.paths import check_inside_data, check_path, home_advice
from sandstone.errors import InputError, shown
from sandstone.volumes.folder import (
    KINDS,
    is_folder_of_slices,
    natural_order,
    slices_in,
    suffix_of,
    without_previews,
)
from sandstone.volumes.formats import check_files

Config = dict[str, Any]

HEADERLESS = (".raw", ".raw.gz")
MAY_BE_HEADERLESS = (*HEADERLESS, ".vol")  # a .vol has its header beside it, or none
READERS = (
    *("h5py", "imagecodecs", "nibabel", "nrrd", "numpy", "olefile"),
    *("PIL", "pydicom", "scipy", "tifffile", "zarr"),
)


def check_source(key: str, entry: Config) -> None:
    """Refuse a volume whose `path`, `url`, `sha256` and `raw` contradict each other.

    Parameters
    ----------
    key : str
        Where it stands, as in "config: samples.berea".
    entry : dict
        What stands there.

    Raises
    ------
    InputError
        Naming the key.
    """
    check_path(f"{key}.path", entry["path"])
    if "url" in entry and not Path(entry["path"]).is_file():
        _check_download(key, entry)
    _check_raw(key, entry)


def _check_download(key: str, entry: Config) -> None:
    if len(entry.get("sha256", [])) != len(entry["url"]):
        raise InputError(
            f"{key} has {len(entry['url'])} url but {len(entry.get('sha256', []))} sha256; "
            "give one for each, so that a download can be trusted"
        )
    check_inside_data(f"{key}.path", entry["path"])
    if len(entry["url"]) == 1:
        return
    if PurePosixPath(entry["path"]).suffix:
        raise InputError(
            f"{key}.path is {entry['path']}, but several url make a folder of slices; "
            "name a folder without suffix"
        )
    names = _part_names(entry)
    for name in names:
        check_path(f"{key}.url", name)
        kinds = {KINDS.get(suffix_of(each)) for each in names}
        if suffix_of(name) not in KINDS or len(kinds) > 1 or names.count(name) > 1:
            raise InputError(
                f"{key}.url ends in {shown(name)}, but several url make a folder of slices; "
                "give addresses that end in different names of slices, such as TIFF files"
            )


def check_same_downloads(config: Config) -> None:
    """Refuse two volumes that would fetch different files to one place."""
    sources: dict[str, tuple[str, str]] = {}
    for key, entry in entries(config):
        for file, source in downloads(entry).items():
            if sources.setdefault(file, source)[1] != source[1]:
                raise InputError(
                    f"config: {key} fetches {file}, as another volume does with another sha256; "
                    "give each its own path"
                )


def entries(config: Config) -> Iterator[tuple[str, Config]]:
    """Yield where each volume stands in the config, as "samples.berea.lr", and what stands there.

    Synthetic ones are among them.
    """
    for section in ("samples", "upscale"):
        for name, entry in config[section].items():
            yield f"{section}.{name}", entry
            if "lr" in entry:
                yield f"{section}.{name}.lr", entry["lr"]


def _check_raw(key: str, entry: Config) -> None:
    suffix = suffix_of(entry["path"])
    if suffix in HEADERLESS and "raw" not in entry:
        raise InputError(f"{key}.path is headerless; give its layout as raw: {{shape, dtype}}")
    if "raw" in entry and suffix not in MAY_BE_HEADERLESS:
        raise InputError(f"{key}.raw is for .raw files, but path is {entry['path']}; drop it")


def volume_files(name: str, sample: Config, section: str = "samples") -> list[str]:
    """Return the files of a volume: those at `path`, else those that `url` will make.

    Parameters
    ----------
    name : str
        Its key in `section` of the config.
    sample : dict
        What stands under that key.
    section : str, optional
        ``samples`` or ``upscale``.

    Raises
    ------
    InputError
        If nothing is at `path` and there is no `url` to fetch it from, a file has a name that the
        workflow cannot pass on, or the names show that the files are no volume that is read.
    """
    files = _volume_files(f"config: {section}.{name}.path", sample)
    for file in files:
        check_path(f"config: {section}.{name}: a file of its path", file)
    check_files(list(map(Path, files)))
    return files


def check_readable(name: str, sample: Config, section: str = "samples") -> None:
    """Open a volume that is there, so that a run does not start with one that cannot be read.

    Every slice of a stack is looked at, which takes about a second for a thousand. Where Python
    lacks a library of the jobs, as it may with `--use-conda`, names alone are checked.

    Raises
    ------
    InputError
        As `volume_files` and `sandstone.volumes.volume.open_volume` say it.
    """
    files = volume_files(name, sample, section)
    if not all(Path(file).exists() for file in files) or not all(map(find_spec, READERS)):
        return
    from sandstone.volumes.volume import RawLayout, open_volume

    raw = sample.get("raw")
    with redirect_stdout(io.StringIO()):  # notes are for the job, and --dag prints a graph
        open_volume(
            files,
            voxel_size_um=sample.get("voxel_size_um"),
            raw=raw and RawLayout(**{**raw, "shape": tuple(raw["shape"])}),
            dataset=sample.get("dataset"),
        ).close()


def _volume_files(key: str, sample: Config) -> list[str]:
    path = Path(sample["path"])
    if fetched := list(downloads(sample)):
        return sorted(fetched, key=natural_order)
    if is_folder_of_slices(path):
        return list(map(str, slices_in(path)))
    if path.exists():
        return [str(path)]
    if found := without_previews(list(map(Path, glob.glob(str(path))))):
        return sorted(map(str, found), key=natural_order)
    raise InputError(
        f"{key} is {shown(str(path))}, where nothing is; {home_advice(str(path))}correct it, or "
        "give url and sha256"
    )


def downloads(sample: Config) -> dict[str, tuple[str, str]]:
    """Map each file that a volume may fetch to its (url, sha256).

    Empty without `url`, and where `path` is a file of the user's already.
    """
    if "url" not in sample or Path(sample["path"]).is_file():
        return {}
    files = [sample["path"]]
    if len(sample["url"]) > 1:
        files = [f"{sample['path'].rstrip('/')}/{part}" for part in _part_names(sample)]
    return dict(zip(files, zip(sample["url"], sample["sha256"], strict=True), strict=True))


def _part_names(sample: Config) -> list[str]:
    return [PurePosixPath(url).name for url in sample.get("url", [])]
