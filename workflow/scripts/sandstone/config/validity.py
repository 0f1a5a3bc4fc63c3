"""Rules that a key of the config and a flag of a script keep alike: one judge, two callers.

The workflow judges its config before any job; a script judges its flags again, since it may be
called by hand. A `name` is what a sentence calls the value: ``config: slices.window``, or
``--window``.
"""

from collections.abc import Sequence

from sandstone.errors import InputError


def check_window(name: str, percentiles: Sequence[float]) -> None:
    """Raise an `InputError` unless these are two percentiles, the low one first."""
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise InputError(
            f"{name} {low:g} {high:g} is no range of percentiles; give low before high, as in "
            "0.1 99.9"
        )


def check_levels(name: str, levels: Sequence[float]) -> None:
    """Raise an `InputError` unless these are two grey levels, the low one first."""
    low, high = levels
    if not low < high:
        raise InputError(f"{name} {low:g} {high:g} is empty; give the low one first")


def check_multiple(name: str, value: int, scale_name: str, scale: int) -> None:
    """Raise an `InputError` unless `value` HR voxels fill whole LR pixels."""
    below = value // scale * scale
    if below == value:
        return
    nearest = f"{below} or {below + scale}" if below else f"{scale}"
    raise InputError(f"{name} {value} is not a multiple of {scale_name} {scale}; take {nearest}")


def check_border(name: str, border: int, hr_size: int) -> None:
    """Raise an `InputError` unless a tile of `hr_size` voxels has more than `border` to cut."""
    if not 0 <= 2 * border < hr_size:
        raise InputError(
            f"{name} {border} leaves nothing of a tile of {hr_size} voxels; choose one from 0 to "
            "less than half the edge"
        )
