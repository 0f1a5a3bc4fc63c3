"""What a schema cannot say about the volumes to upscale."""

from typing import Any

from sandstone.config.sources import check_source
from sandstone.errors import InputError

Config = dict[str, Any]

TILE = {"z": 256, "mean": 128}  # cubes hold more than squares


def check(config: Config) -> None:
    """Refuse entries of `upscale` that cannot be computed; fill in the tile that suits the axes.

    Raises
    ------
    InputError
        Naming the first key that is wrong, and what it should be.
    """
    for name, entry in config["upscale"].items():
        key = f"config: upscale.{name}"
        if "sha256" in entry and "url" not in entry:
            raise InputError(f"{key}.sha256 stands without url; give both, or neither")
        check_source(key, entry)
        _check_name(f"{key}.model", entry["model"], config, "models")
        if "hr" in entry:
            _check_name(f"{key}.hr", entry["hr"], config, "samples")
        _check_window(key, entry)
        entry.setdefault("tile", TILE[entry["axes"]])


def _check_name(key: str, name: str, config: Config, section: str) -> None:
    if name not in config[section]:
        known = ", ".join(config[section])
        raise InputError(f"{key} names {name!r}, which is not in {section} ({known})")


def _check_window(key: str, entry: Config) -> None:
    for name in ("window", "levels"):
        low, high = entry.get(name, (0, 1))
        if low >= high:
            raise InputError(f"{key}.{name} {[low, high]} is empty; give low before high")
    if "window" in entry and "levels" in entry:
        raise InputError(f"{key} has both window and levels; keep one of them")
