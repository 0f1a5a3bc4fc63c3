"""The report's front page and captions, rendered as Snakemake does it."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from docutils.core import publish_parts
from jinja2 import Environment
from snakemake.utils import update_config

from sandstone.config.checks import validate
from sandstone.report.made import made
from sandstone.report.results import Results

TEXTS = Path(__file__).resolve().parents[2] / "workflow" / "report"
# Snakemake adds these targets, to which the front page refers.
LINKS = "\n\n.. _Workflow: javascript:workflow\n.. _Statistics: javascript:statistics\n"
WILDCARDS = SimpleNamespace(sample="phantom", model="srgan", network="generator", volume="plug")


@pytest.fixture
def config(repository):
    content = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    content["upscale"] = {"plug": {"path": "plug.npy", "model": "srgan", "axes": "mean"}}
    validate(content)
    return content


def render(name, config, results="nowhere", otherwise=()):
    """Render a text of a config and the records below a folder."""
    told = {**made(config, Results(results)), "otherwise": list(otherwise)}
    environment = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - no HTML yet
    template = environment.from_string((TEXTS / f"{name}.rst").read_text(encoding="utf-8") + LINKS)
    given = SimpleNamespace(config={"what_made_the_results": told}, wildcards=WILDCARDS)
    text = template.render(snakemake=given)
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
        "0.007 × adversarial (relativistic), against a patch discriminator",
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
    assert "fitted to the coarse scan of ``plug``" in text
    assert "1.5 HR voxels" not in text


def test_the_front_page_tells_a_guard_that_was_measured(config):
    changed = copy.deepcopy(config)
    changed["pairs"]["guard_um"] = "auto"
    assert "at least a correlation length apart, which was measured" in render("workflow", changed)


def test_the_front_page_names_settings_that_made_the_results_and_are_others_now(config):
    assert "has changed" not in render("workflow", config)
    each = {"result": "srgan", "setting": "steps", "recorded": "6", "configured": "500000"}
    text = render("workflow", config, otherwise=[each])
    assert "configuration has changed since some results were made" in text
    assert "- ``srgan``: steps 6, now 500000 in the configuration" in text


def test_without_a_record_the_texts_tell_the_config_and_say_so(config):
    text = render("workflow", config)
    assert text.count("(as configured; nothing records it)") == 10
    assert "for 400 steps" in text


EMPTY = {"script": "", "inputs": [], "outputs": [], "code": [], "packages": {}}
EMPTY["voxel_size_um"] = [4, 2, 2]


def write_record(folder, stem, command, **parameters):
    file = folder / f"{stem}.provenance.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {**EMPTY, "command": command, "parameters": parameters}
    file.write_text(json.dumps(content), encoding="utf-8")


TRAINED = {
    "generator_architecture": "srresnet",
    "generator_blocks": 3,
    "generator_filters": 8,
    "loss_pixel": 1.0,
    "loss_pixel_kind": "l1",
    "loss_adversarial": 0.0,
    "steps": 6,
    "batch": 4,
    "crop": 12,
    "learning_rate": 0.5,
    "schedule": "constant",
    "use_weights": "last",
    "ema": 0,
}
MEASURED = "--metrics results/metrics/bicubic/old.csv results/metrics/srgan/old.csv"


def test_the_texts_tell_the_records_not_the_config(config, tmp_path):
    training = "train.py --pairs results/pairs/old.h5 --init-weights results/models/first/g.h5"
    write_record(tmp_path, "models/srgan/training", training, **TRAINED)
    write_record(tmp_path, "metrics/summary", MEASURED, confidence=0.8, resamples=77, seed=5)
    write_record(tmp_path, "metrics/srgan/old", "--lpips-weights w.npz", border=9)
    write_record(tmp_path, "metrics/bicubic/old", "", border=3)
    text = render("workflow", config, tmp_path)
    for words in (
        "trained on ``old`` from the weights of ``first``",
        "for 6 steps of 4 crops of 12 × 12 LR pixels with Adam, learning rate 0.5",
        "Its loss is 1 × pixel (l1). Evaluation",
        "the test tiles of ``old``: the baselines bicubic and the models ``srgan``.",
        "3 HR pixels from each side (bicubic on old) or 9 HR pixels from each side (srgan on old),",
        "LPIPS with AlexNet features",
        "The 80 % confidence intervals of the means come from 77 bootstrap draws",
        "seed 5",
    ):
        assert words in text
    assert "80 % confidence interval" in render("metrics", config, tmp_path)
    assert "discriminator" not in render("training", config, tmp_path)


def test_samples_that_were_made_otherwise_are_told_apart(config, tmp_path):
    config["samples"]["other"] = {"path": "b.tif", "voxel_size_um": 3}
    config["evaluation"]["samples"] = ["phantom", "other"]
    window = {"field_of_view": "full", "window": [1, 99], "dtype": "uint16"}
    write_record(tmp_path, "slices/phantom", "--volume a.tif b.tif c.tif", **window)
    text = render("workflow", config, tmp_path)
    assert (
        "- ``phantom``: the volume ``a.tif`` and 2 more files with voxels of 4 × 2 × 2 µm" in text
    )
    assert "- ``other``: the volume ``b.tif`` with voxels of 3 µm (as configured" in text
    assert "Of ``phantom``: The whole volume was taken as rock. Its grey levels between" in text
    assert "Of ``other``: The rock was found" in text
    assert "uint8 or uint16 as data range" in text


def test_an_upscaled_volume_is_told_by_its_record(config, tmp_path):
    recorded = {"model": "srresnet", "axes": "z", "scale": 4, "window": [1.0, 99.0]}
    write_record(tmp_path, "upscaled/plug/layout", "", **recorded)
    text = render("workflow", config, tmp_path)
    assert (
        "- ``plug``: 4 times finer by ``srresnet``, within its slices, to voxels of 4 × 2" in text
    )
    assert "Its grey levels at the percentiles 1.0 and 99.0 were black and white" in text
    assert "``srresnet`` made it 4 times finer within its slices." in render(
        "upscaled", config, tmp_path
    )


def test_the_front_page_tells_where_a_model_was_asked_eight_times(config, tmp_path):
    write_record(tmp_path, "predictions/srgan/phantom", "", self_ensemble=True)
    write_record(tmp_path, "upscaled/plug/slabs/0", "", self_ensemble=True)
    text = render("workflow", config, tmp_path)
    assert "A tile of srgan on phantom is the mean over the eight flips and quarter turns" in text
    assert "along all three axes, as the mean over the eight flips and quarter turns of" in text
    assert "eight flips" not in render("workflow", config)


def test_the_front_page_tells_slices_by_number_and_a_volume_by_its_path(config):
    changed = copy.deepcopy(config)
    split = {"train": [0, 5], "val": [6, 6], "test": [7, 7]}
    changed["samples"] = {
        "phantom": {"path": "data/raw/plug.tif", "voxel_size_um": [9, 2, 2], "split": split}
    }
    text = render("workflow", changed)
    assert (
        "the volume ``data/raw/plug.tif`` with voxels of 9 × 2 × 2 µm (z, y, x) (as configured"
        in text
    )
    assert "slices 0 to 5 are for training, 6 for validation and 7 for testing" in text


def test_the_front_page_leaves_out_what_is_not_used(config):
    changed = copy.deepcopy(config)
    changed["samples"]["spare"] = changed["samples"]["phantom"]
    changed["evaluation"]["models"] = ["srresnet"]
    changed["upscale"] = {}
    text = render("workflow", changed)
    assert "spare" not in text
    assert "srgan" not in text
    assert "Upscaled" not in text


def test_the_front_page_names_the_model_that_another_starts_from(config):
    changed = copy.deepcopy(config)
    changed["evaluation"]["models"] = ["srgan"]
    assert "- ``srresnet``: a generator" in render("workflow", changed)


def test_the_front_page_claims_nothing_of_what_a_given_model_has_seen(config):
    changed = copy.deepcopy(config)
    changed["models"]["old"] = {"weights": "../berea/results/models/srgan"}
    changed["evaluation"]["models"] = ["srgan", "old"]
    text = render("workflow", changed)
    assert "on slices that no training here has seen." in text
    assert "- ``old``: a model that was trained before, given as the folder ``../berea/" in text
    changed["evaluation"]["models"], changed["upscale"] = ["old"], {}
    assert "a generator of type" not in render("workflow", changed)


def test_the_caption_of_a_training_speaks_of_a_discriminator_only_where_one_is(config):
    assert "discriminator" in render("training", config)
    changed = copy.deepcopy(config)
    changed["models"]["srgan"]["loss"]["adversarial"] = 0
    assert "discriminator" not in render("training", changed)


@pytest.mark.parametrize(
    ("overlay", "steps"), [("report_of_edited_config", "500000"), ("gan_fails", "60")]
)
def test_the_edits_that_were_found_in_a_report_change_nothing_that_it_tells(
    config, tmp_path, shared_cases, overlay, steps
):
    edit = yaml.safe_load((shared_cases / "workflow" / f"{overlay}.yaml").read_text("utf-8"))
    for model in ("srresnet", "srgan"):
        write_record(tmp_path, f"models/{model}/training", "train.py", **TRAINED)
    write_record(tmp_path, "metrics/summary", MEASURED, confidence=0.8, resamples=77, seed=5)
    before = render("workflow", config, tmp_path)
    update_config(config, edit)
    assert render("workflow", config, tmp_path) == before
    assert f"for {steps} steps" not in before
    assert f"for {steps} steps" in render("workflow", config)
