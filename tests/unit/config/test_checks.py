from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandstone.choices import AUTO_GUARD
from sandstone.config import checks as configuration
from sandstone.config import used
from sandstone.errors import InputError

Config = configuration.Config


@pytest.fixture
def config(repository: Path) -> Config:
    return yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))


def test_defaults_are_filled_in(config: Config) -> None:
    del config["pairs"], config["models"]["srgan"]["learning_rate"]
    configuration.validate(config)
    assert config["pairs"]["degradation"]["kernel"] == "bicubic"
    assert config["models"]["srgan"]["learning_rate"] == 1e-3


def test_defaults_of_two_models_are_not_shared(config: Config) -> None:
    del config["slices"]
    configuration.validate(config)
    config["slices"]["window"].append(3)
    fresh = {key: value for key, value in config.items() if key != "slices"}
    configuration.validate(fresh)
    assert fresh["slices"]["window"] == [0.1, 99.9]


def test_the_guard_may_be_measured(config: Config) -> None:
    config["pairs"]["guard_um"] = AUTO_GUARD
    configuration.validate(config)


def _set(*keys: str | int, value: object) -> Callable[[Config], None]:
    def edit(config: Config) -> None:
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = value

    return edit


def _upscale(**settings: object) -> Callable[[Config], None]:
    entry = {"path": "plug.tif", "model": "srgan", **settings}
    return _set("upscale", value={"plug": entry})


RAW = {"path": "rock.raw"}
FETCHED = {"path": "data/raw/rock.tif", "url": ["https://example.org/a.tif"], "sha256": ["0" * 64]}

FITTED = {"kernel": "fitted", "from": "phantom"}

MISTAKES = {
    "fitted to nothing": (
        _set("pairs", "degradation", value={"kernel": "fitted"}),
        "no sample has lr",
    ),
    "fitted to a sample without lr": (
        _set("pairs", "degradation", value=FITTED),
        "names 'phantom', which has no coarse scan",
    ),
    "fitted to no sample": (
        _set("pairs", "degradation", value={**FITTED, "from": "plug"}),
        "names 'plug', which is not in samples",
    ),
    "a blur along two axes": (_set("pairs", "degradation", "psf_sigma", value=[1, 2]), "psf_sigma"),
    "unknown key": (_set("pairs", "hr_sise", value=1), "did you mean 'hr_size'"),
    "unknown top key": (_set("evaluate", value={}), "did you mean 'evaluation'"),
    "number read as text": (_set("models", "srgan", "learning_rate", value="1e-4"), "1.0e-4"),
    "wrong type": (_set("pairs", "scale", value="four"), "pairs.scale"),
    "section is a number": (_set("models", value=3), "a mapping of keys"),
    "out of range": (_set("evaluation", "confidence", value=2), "evaluation.confidence"),
    "guard of another word": (_set("pairs", "guard_um", value="wide"), "or auto"),
    "guard read as text": (_set("pairs", "guard_um", value="40"), "as 40, without quotes"),
    "guard below zero": (_set("pairs", "guard_um", value=-1), "pairs.guard_um"),
    "not finite": (_set("pairs", "guard_um", value=float("nan")), "finite"),
    "bad name": (_set("samples", "a b; rm", value=RAW), "a-z, 0-9 and _"),
    "scale does not divide": (_set("pairs", "scale", value=3), "take 255 or 258"),
    "shares": (_set("pairs", "split", "test", value=0.5), "adds up to 1.2"),
    "window": (_set("slices", "window", value=[90, 10]), "low before high"),
    "no source": (_set("samples", "x", value={"voxel_size_um": 2}), "either phantom or path"),
    "headerless": (_set("samples", "x", value=RAW), "layout"),
    "raw without reason": (
        _set(
            "samples", "x", value={"path": "a.tif", "raw": {"shape": [1, 1, 1], "dtype": "uint8"}}
        ),
        "drop it",
    ),
    "url without hash": (
        _set("samples", "x", value={**FETCHED, "sha256": ["0" * 64] * 2}),
        "one for each",
    ),
    "download outside data": (
        _set("samples", "x", value={**FETCHED, "path": "data/../../etc/rock.tif"}),
        "inside data/",
    ),
    "parts into a file": (
        _set(
            "samples", "x", value={**FETCHED, "url": FETCHED["url"] * 2, "sha256": ["0" * 64] * 2}
        ),
        "name a folder",
    ),
    "named twice": (_set("evaluation", "models", value=["srgan", "srgan"]), "names 'srgan' twice"),
    "key that is no text": (_set("pairs", 1, value=2), "config.pairs has the key 1"),
    "unknown sample": (_set("models", "srgan", "train_on", value=["rock"]), "not in samples"),
    "unknown model": (_set("evaluation", "models", value=["gan"]), "not in models"),
    "unknown parent": (_set("models", "srgan", "init_from", value="gan"), "not in models"),
    "circle": (_set("models", "srresnet", "init_from", value="srgan"), "circle"),
    "other generator": (
        _set("models", "srgan", "generator", "blocks", value=9),
        "blocks: 8 against 9",
    ),
    "no loss": (
        _set("models", "srresnet", "loss", "pixel", value=0),
        "no loss has a weight above 0; set models.srresnet.loss.pixel to 1.0",
    ),
    "content without discriminator": (
        _set("models", "srresnet", "loss", "content", value=1),
        "discriminator_features needs a discriminator; raise models.srresnet.loss.adversarial",
    ),
    "content without weights": (
        _set("models", "srgan", "loss", "content_kind", value="vgg19"),
        "weights.vgg19.path",
    ),
    "weights that are not there": (
        _set("weights", value={"lpips_alex": {"path": "none.h5"}}),
        "no file is",
    ),
    "unknown upscaling model": (_upscale(model="none"), "upscale.plug.model names 'none'"),
    "unknown fine sample": (_upscale(hr="none"), "upscale.plug.hr names 'none'"),
    "upscaling without path": (
        _set("upscale", value={"plug": {"model": "srgan"}}),
        "upscale.plug lacks the key 'path'",
    ),
    "upscaling a headerless file": (_upscale(path="a.raw"), "upscale.plug.path is headerless"),
    "upscaling a download without hash": (
        _upscale(path="data/a.tif", url=["https://example.org/a.tif"]),
        "upscale.plug has 1 url but 0 sha256",
    ),
    "spread of one training": (_upscale(spread=True), "upscale.plug.spread needs trainings"),
    "hash without download": (_upscale(sha256=["0" * 64]), "upscale.plug.sha256 stands without"),
    "empty window": (_upscale(window=[9, 9]), "upscale.plug.window 9 9 is no range"),
    "empty levels": (_upscale(levels=[9, 8]), "upscale.plug.levels 9 8 is empty"),
    "window and levels": (
        _upscale(window=[1, 9], levels=[1, 9]),
        "upscale.plug has both window and levels",
    ),
    "unknown axes": (_upscale(axes="y"), "must be one of z, mean"),
    "no zarr": (_upscale(formats=["tiff"]), "upscale.plug.formats"),
    "tiny tile": (_upscale(tile=8), "upscale.plug.tile"),
    "no slabs": (_upscale(slabs=0), "upscale.plug.slabs"),
    "large crop": (_set("models", "srgan", "crop", value=65), "64 pixels"),
    "large border": (
        _set("evaluation", "border", value=128),
        "SSIM needs 11 of a tile's 256 voxels; choose one from 0 to 122",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_that_names_the_key(config: Config, mistake: str) -> None:
    edit, expected = MISTAKES[mistake]
    edit(config)
    with pytest.raises(InputError) as error:
        configuration.validate(config)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_gan_without_discriminator_is_refused(config: Config) -> None:
    del config["models"]["srgan"]["discriminator"]
    with pytest.raises(InputError, match="no discriminator"):
        configuration.validate(config)


def test_a_volume_to_upscale_has_defaults(config: Config) -> None:
    _upscale()(config)
    configuration.validate(config)
    entry = config["upscale"]["plug"]
    defaults = {key: entry[key] for key in ("axes", "formats", "slabs", "tile", "batch")}
    assert defaults == {"axes": "z", "formats": ["zarr"], "slabs": 1, "tile": 256, "batch": 1}


def test_cubes_are_smaller_than_tiles(config: Config) -> None:
    _upscale(axes="mean")(config)
    configuration.validate(config)
    assert config["upscale"]["plug"]["tile"] == 128


def test_a_border_leaves_enough_for_lpips(config: Config) -> None:
    config["evaluation"]["border"] = 113
    configuration.validate(config)
    config["weights"] = {"lpips_alex": {"path": "data/a.npz", "url": "https://example.org/a"}}
    with pytest.raises(InputError, match=r"evaluation.border 113 .* LPIPS needs 32 .* 0 to 112$"):
        configuration.validate(config)


def test_a_model_that_nobody_uses_stops_nobody(config: Config) -> None:
    """Those of config.yaml may not fit the pairs of a study that has its own."""
    config["models"]["mine"] = {**config["models"]["srresnet"], "crop": 8}
    config["pairs"]["hr_size"] = 64
    with pytest.raises(InputError, match=r"models\.srresnet\.crop 24 is larger than an LR tile"):
        configuration.validate(config)
    config["evaluation"]["models"] = ["mine"]
    configuration.validate(config)


def test_null_drops_a_model(config: Config) -> None:
    config["models"]["srgan"] = None
    with pytest.raises(InputError, match="names 'srgan', which is not in models"):
        configuration.validate(config)
    config["evaluation"]["models"] = ["srresnet"]
    configuration.validate(config)
    assert [*config["models"]] == ["srresnet"]


def test_weights_that_no_loss_asks_for_may_be_absent(config: Config) -> None:
    config["weights"] = {"vgg19": {"path": "none.h5"}}
    configuration.validate(config)
    config["models"]["srgan"]["loss"]["content_kind"] = "vgg19"
    with pytest.raises(InputError, match="no file is"):
        configuration.validate(config)


def test_a_tilde_in_a_path_is_explained_where_nothing_is(config: Config) -> None:
    config["weights"] = {"lpips_alex": {"path": "~/none.npz"}}
    with pytest.raises(InputError, match=r"no file is; write your home folder out, .* knows ~; "):
        configuration.validate(config)


@pytest.mark.parametrize("content", [None, [], "seed: 1", 3])
def test_what_is_no_mapping_is_refused(content: object) -> None:
    with pytest.raises(InputError, match="must be a mapping of keys"):
        configuration.validate(content)


def test_values_that_only_the_schema_holds_for_equal_end_in_a_sentence(config: Config) -> None:
    config["evaluation"]["baselines"] = [[], b""]
    with pytest.raises(InputError, match=r"^config: evaluation\.baselines"):
        configuration.validate(config)


# --- models between two others ---


def between(config: Config, **entry: object) -> None:
    config["models"]["half"] = {"interpolate": ["srresnet", "srgan"], "alpha": 0.5, **entry}
    config["evaluation"]["models"] = ["half"]


def test_a_model_between_two_others_needs_both(config: Config) -> None:
    between(config)
    configuration.validate(config)
    assert used.used_models(config) == ["half", "srresnet", "srgan"]
    assert config["models"]["half"].keys() == {"interpolate", "alpha"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"interpolate": ["srgan", "srresnet"]}, "srresnet does not start from srgan"),
        ({"interpolate": ["srresnet", "nobody"]}, "names 'nobody', which is not in models"),
        ({"interpolate": ["srresnet", "half"]}, "names half, which lies between others"),
        ({"alpha": 1.5}, "alpha"),
        ({"steps": 3}, "steps"),
    ],
)
def test_a_model_between_strangers_is_refused(
    config: Config, entry: dict[str, object], words: str
) -> None:
    between(config, **entry)
    with pytest.raises(InputError, match=words):
        configuration.validate(config)


def test_projecting_back_needs_a_model_that_is_trained_here(config: Config, tmp_path: Path) -> None:
    between(config)
    (tmp_path / "plug.tif").touch()
    config["upscale"] = {"plug": {"path": str(tmp_path / "plug.tif"), "model": "half"}}
    config["inference"] = {"back_projection": 2}
    with pytest.raises(InputError, match="its model half is not trained here"):
        configuration.validate(config)


def test_only_a_measured_model_is_recommended(config: Config) -> None:
    config["evaluation"]["recommended"] = "srgan"
    configuration.validate(config)
    config["evaluation"]["models"] = ["srresnet"]
    with pytest.raises(InputError, match=r"recommended is 'srgan', which .* does not measure"):
        configuration.validate(config)
