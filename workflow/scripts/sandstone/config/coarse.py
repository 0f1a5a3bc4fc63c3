"""Scans that belong together: the fine and the coarse one of a pair, and samples of one scan."""

from typing import Any

from sandstone.config.sources import check_source
from sandstone.config.validity import check_ratio
from sandstone.errors import InputError, shortened, shown

Config = dict[str, Any]

SCAN = {"phantom", "path", "url", "sha256", "voxel_size_um", "dataset", "raw", "axis", "split"}
GIVEN = ("shift_um", "rotation_deg", "scale")


def share_scans(config: Config) -> None:
    """Give each sample with `scan_of` the fine scan of the sample that it names, in place.

    What it says of its own stays. What is no sample is left as it is: the schema says so.

    Raises
    ------
    InputError
        If that sample is none, or has its own scan from another one.
    """
    samples = config.get("samples") if isinstance(config, dict) else None
    if not isinstance(samples, dict):
        return
    for name, sample in samples.items():
        owner = sample.get("scan_of") if isinstance(sample, dict) else None
        if not isinstance(owner, str):
            continue
        scan = samples.get(owner)
        if not isinstance(scan, dict) or "scan_of" in scan:
            others = [each for each in samples if "scan_of" not in (samples[each] or {})]
            raise InputError(
                f"config: samples.{name}.scan_of is {shown(owner)}, which has no scan of its own; "
                f"choose from {shortened(', '.join(others))}"
            )
        for key in SCAN & scan.keys() - sample.keys():
            sample[key] = scan[key]


def write_out_registrations(config: Config) -> None:
    """Turn `registration: none` into what it stands for, in place: {method: none}.

    Numbers without a method are given ones. What is no sample is left as it is: the schema says so.
    """
    samples = config.get("samples") if isinstance(config, dict) else None
    for sample in samples.values() if isinstance(samples, dict) else ():
        if not isinstance(sample, dict):
            continue
        registration = sample.get("registration")
        if isinstance(registration, str):
            sample["registration"] = {"method": registration}
        elif isinstance(registration, dict) and registration.keys() & set(GIVEN):
            registration.setdefault("method", "given")


def check_pair(key: str, sample: Config, scale: int) -> None:
    """Refuse a coarse scan that cannot be the LR of its sample, and fill in its registration.

    Parameters
    ----------
    key : str
        Where the sample stands, as in "config: samples.berea".
    sample : dict
        What stands there.
    scale : int
        HR voxels per LR voxel.

    Raises
    ------
    InputError
    """
    if "lr" not in sample:
        if "registration" in sample:
            raise InputError(f"{key}.registration has no coarse scan to lie on; add lr, or drop it")
        return
    if "degradation" in sample:
        raise InputError(
            f"{key} has lr and degradation; its LR is a scan, so drop one (a second sample with "
            "scan_of can shrink the same scan)"
        )
    if "phantom" in sample:
        raise InputError(f"{key} has phantom and lr; a pair needs the path of a fine scan")
    check_source(f"{key}.lr", sample["lr"])
    sample.setdefault("registration", {"method": "auto"})
    _check_registration(f"{key}.registration", sample["registration"])
    fine, coarse = (each.get("voxel_size_um") for each in (sample, sample["lr"]))
    if fine and coarse:
        name = f"{key}: the coarse scan"
        check_ratio(name, _edges(fine), _edges(coarse), scale, "pairs.scale")


def _check_registration(key: str, registration: Config) -> None:
    given = [name for name in GIVEN if name in registration]
    if registration["method"] == "given" and "shift_um" not in registration:
        raise InputError(f"{key} is given without numbers; add shift_um: [z, y, x]")
    if registration["method"] != "given" and given:
        raise InputError(
            f"{key}.{given[0]} does not act with method {registration['method']}; drop one of them"
        )


def _edges(voxel_size_um: Any) -> list[float]:
    return voxel_size_um if isinstance(voxel_size_um, list) else [voxel_size_um] * 3
