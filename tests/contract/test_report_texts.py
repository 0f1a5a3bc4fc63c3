"""The report's front page and captions, rendered as Snakemake does it."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from docutils.core import publish_parts
from jinja2 import Environment

from sandstone.config.checks import validate

TEXTS = Path(__file__).resolve().parents[2] / "workflow" / "report"
# Snakemake adds these targets, to which the front page refers.
LINKS = "\n\n.. _Workflow: javascript:workflow\n.. _Statistics: javascript:statistics\n"
WILDCARDS = SimpleNamespace(sample="phantom", model="srgan", network="generator")


@pytest.fixture
def config(repository):
    content = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    validate(content)
    return content


def render(name, config):
    environment = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - no HTML yet
    template = environment.from_string((TEXTS / f"{name}.rst").read_text(encoding="utf-8") + LINKS)
    text = template.render(snakemake=SimpleNamespace(config=config, wildcards=WILDCARDS))
    publish_parts(text, writer_name="html", settings_overrides={"report_level": 2, "halt_level": 2})
    return " ".join(text.split(".. _Workflow:", maxsplit=1)[0].split())


@pytest.mark.parametrize("path", sorted(TEXTS.glob("*.rst")), ids=lambda path: path.stem)
def test_texts_are_valid_and_leave_nothing_open(path, config):
    text = render(path.stem, config)
    assert not {"{{", "{%", "None", "Undefined"} & set(text.split())
    assert " ." not in text
    assert " ," not in text


def test_the_front_page_states_the_settings(config):
    changed = copy.deepcopy(config)
    changed["pairs"]["guard_um"] = 47
    changed["pairs"]["degradation"] = {"kernel": "psf", "psf_sigma": 1.7, "noise": 0.03}
    changed["slices"]["dtype"] = "uint16"
    changed["evaluation"]["confidence"] = 0.9
    changed["models"]["srgan"]["loss"]["adversarial"] = 0.007
    changed["weights"]["lpips_alex"] = {"path": "weights.npz"}
    text = render("workflow", changed)
    for words in (
        "at least 47 µm apart",
        "standard deviation of 1.7 HR voxels",
        "0.03 of the data range",
        "whole range of uint16 as data range: SSIM",
        "1.5 pixels, LPIPS with AlexNet features",
        "The 90 % confidence intervals",
        "0.007 × adversarial loss (relativistic), against a patch discriminator",
    ):
        assert words in text
    assert "uint8" not in text
    assert "bicubic interpolation." not in text.split("Models")[0]


def test_the_front_page_tells_a_blur_between_slices_and_noise_that_is_not_white(config):
    changed = copy.deepcopy(config)
    psf = {"kernel": "psf", "psf_sigma": [3.3, 3.5, 3.4], "noise": 0.03}
    changed["pairs"]["degradation"] = {**psf, "noise_slope": 0.002, "noise_correlation": 0.8}
    text = render("workflow", changed)
    assert "standard deviation of 3.3 × 3.5 × 3.4 HR voxels (z, y, x), averaging" in text
    assert "whose variance gains 0.002 from black to white, shaped by a Gaussian of 0.8 LR" in text


def test_the_front_page_tells_whose_scanner_is_imitated(config):
    changed = copy.deepcopy(config)
    changed["pairs"]["degradation"] = {"kernel": "fitted", "from": "plug", "psf_sigma": 1.5}
    text = render("workflow", changed)
    assert "fitted to the coarse scan of ``plug`` (figure" in text
    assert "1.5 HR voxels" not in text


def test_the_front_page_names_settings_that_made_the_results_and_are_others_now(config):
    assert "other settings" not in render("workflow", config)
    made = {"result": "srgan", "setting": "steps", "recorded": "6", "configured": "500000"}
    text = render("workflow", {**config, "made_otherwise": [made]})
    assert "made with other settings than this page tells" in text
    assert "- ``srgan``: steps 6, not 500000" in text


def test_the_front_page_tells_slices_by_number_and_a_volume_by_its_path(config):
    changed = copy.deepcopy(config)
    split = {"train": [0, 5], "val": [6, 6], "test": [7, 7]}
    changed["samples"] = {
        "phantom": {"path": "data/raw/plug.tif", "voxel_size_um": [9, 2, 2], "split": split}
    }
    text = render("workflow", changed)
    assert "the volume ``data/raw/plug.tif`` with voxels of 9 × 2 × 2 µm (z, y, x)." in text
    assert "slices 0 to 5 are for training, 6 for validation and 7 for testing" in text


def test_the_front_page_leaves_out_what_is_not_used(config):
    changed = copy.deepcopy(config)
    changed["samples"]["spare"] = changed["samples"]["phantom"]
    changed["evaluation"]["models"] = ["srresnet"]
    text = render("workflow", changed)
    assert "spare" not in text
    assert "srgan" not in text


def test_the_front_page_names_the_model_that_another_starts_from(config):
    changed = copy.deepcopy(config)
    changed["evaluation"]["models"] = ["srgan"]
    assert "- ``srresnet``: a generator" in render("workflow", changed)


def test_the_caption_of_a_training_speaks_of_a_discriminator_only_where_one_is(config):
    assert "discriminator" in render("training", config)
    changed = copy.deepcopy(config)
    changed["models"]["srgan"]["loss"]["adversarial"] = 0
    assert "discriminator" not in render("training", changed)
