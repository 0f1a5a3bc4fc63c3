"""What a config may say of a pair of scans and of samples that share one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandstone.config import checks, used
from sandstone.errors import InputError

FINE = {"path": "fine.tif", "voxel_size_um": 2.0}
COARSE = {"path": "coarse.tif", "voxel_size_um": 8.0}


def validated(repository: Path, **samples: Any) -> dict[str, Any]:
    """The default config with more samples, validated; the samples alone are returned."""
    config = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    config["samples"].update(samples)
    checks.validate(config)
    return config["samples"]


def test_a_pair_is_registered_by_itself(repository: Path):
    samples = validated(repository, rock={**FINE, "lr": COARSE})
    assert samples["rock"]["registration"] == {"method": "auto"}
    assert "registration" not in samples["phantom"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("none", {"method": "none"}),
        ({"shift_um": [2, 2, 0]}, {"method": "given", "shift_um": [2, 2, 0]}),
        ({"method": "auto"}, {"method": "auto"}),
    ],
)
def test_a_registration_may_be_a_word_or_numbers(repository: Path, written, meant):
    samples = validated(repository, rock={**FINE, "lr": COARSE, "registration": written})
    assert samples["rock"]["registration"] == meant


def test_samples_may_share_a_scan_but_not_its_partner(repository: Path):
    rock = {**FINE, "axis": "x", "lr": COARSE}
    samples = validated(repository, rock=rock, shrunken={"scan_of": "rock", "axis": "y"})
    assert samples["shrunken"] == {"scan_of": "rock", "axis": "y", **FINE}


def test_voxels_need_not_have_a_whole_ratio(repository: Path):
    validated(repository, rock={**FINE, "lr": {**COARSE, "voxel_size_um": 7.1}})
    validated(repository, rock={**FINE, "lr": {**COARSE, "voxel_size_um": [20, 8, 8]}})


def test_each_sample_may_be_shrunken_in_its_own_way(repository: Path):
    own = {"kernel": "fitted", "from": "rock"}
    samples = validated(
        repository,
        rock={**FINE, "lr": COARSE},
        imitated={"scan_of": "rock", "degradation": own},
        blurred={"scan_of": "rock", "degradation": {"kernel": "psf"}},
        plain={"scan_of": "rock"},
    )
    assert samples["imitated"]["degradation"].items() >= own.items()
    assert samples["blurred"]["degradation"]["psf_sigma"] == 1.5
    config = {"samples": samples, "pairs": {"degradation": {"kernel": "bicubic"}}}
    assert used.degradation_of(config, "plain") == {"kernel": "bicubic"}
    assert used.degradation_of(config, "blurred")["kernel"] == "psf"


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        ({**FINE, "lr": COARSE, "degradation": {"kernel": "psf"}}, "rock has lr and degradation"),
        ({**FINE, "degradation": {"kernel": "fitted"}}, "rock.degradation.from is missing"),
        (
            {**FINE, "degradation": {"kernel": "fitted", "from": "phantom"}},
            "rock.degradation.from names 'phantom', which has no coarse scan",
        ),
        ({**FINE, "registration": "auto"}, "rock.registration has no coarse scan"),
        ({**FINE, "lr": COARSE, "registration": "best"}, "registration.method"),
        ({**FINE, "lr": COARSE, "registration": {"method": "given"}}, "add shift_um"),
        (
            {**FINE, "lr": COARSE, "registration": {"method": "none", "shift_um": [1, 1, 1]}},
            "shift_um does not act with method none",
        ),
        ({**FINE, "lr": {"voxel_size_um": 8.0}}, "rock.lr"),
        ({**FINE, "lr": {**COARSE, "url": ["https://a.org/b.tif"]}}, "1 url but 0 sha256"),
        ({**FINE, "lr": {**COARSE, "voxel_size_um": 1.0}}, "exchange path and lr.path"),
        ({**FINE, "lr": {**COARSE, "voxel_size_um": 4.2}}, "set pairs.scale to 2"),
        ({**FINE, "lr": {**COARSE, "voxel_size_um": 40.0}}, "set pairs.scale to 8"),
        ({**FINE, "lr": {**COARSE, "voxel_size_um": [8, 8, 11]}}, "4 x 5.5"),
        ({"scan_of": "nothing"}, "scan_of is 'nothing', which has no scan of its own"),
        ({"scan_of": "rock"}, "scan_of is 'rock'"),
        ({"phantom": {"shape": [9, 9, 9], "voxel_size_um": 2}, "lr": COARSE}, "phantom and lr"),
    ],
)
def test_mistakes_are_named(repository: Path, sample, sentence: str):
    with pytest.raises(InputError, match=sentence):
        validated(repository, rock=sample)
