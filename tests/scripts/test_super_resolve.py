import json

import numpy as np
import pytest
from helpers import tile_pairs

import super_resolve
from sandstone.dataset import pairs
from sandstone.errors import InputError
from sandstone.imaging import grey, resample
from sandstone.models import inference

SCALE, LR = 4, 8
HR = SCALE * LR


def checkerboard(n, dtype):
    """LR tiles of black and white squares, each tile with squares of another size."""
    y, x = np.indices((LR, LR))
    top = grey.grey_max(dtype)
    return np.stack([((y // (k + 1) + x // (k + 1)) % 2 * top).astype(dtype) for k in range(n)])


@pytest.fixture
def make(tmp_path):
    """Write a pairs file whose test split holds the given LR tiles."""

    def write(lr, scale=SCALE):
        size = lr.shape[1] * scale
        hr = dict.fromkeys(pairs.SPLITS, np.zeros((len(lr), size, size), lr.dtype))
        corners = tuple(np.random.default_rng(1).integers(0, 99, (3, len(lr))))
        return tile_pairs.write(
            tmp_path / "pairs.h5",
            hr,
            dict.fromkeys(pairs.SPLITS, lr),
            corners=dict.fromkeys(pairs.SPLITS, corners),
            scale=scale,
        )

    return write


@pytest.fixture
def super_resolved(tmp_path):
    """Run the script in this process and return the SR tiles, checked to be aligned."""

    def run(path, method, *flags):
        output = tmp_path / "sr.h5"
        arguments = ["--pairs", path, "--method", method, "--output", output, *flags]
        super_resolve.main([str(text) for text in arguments])
        with pairs.open_pairs(path) as reference, pairs.open_predictions(output) as result:
            pairs.check_aligned(reference, result)
            assert result.attrs.method == method
            return result.sr[:]

    return run


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kernel", super_resolve.BASELINES)
def test_a_baseline_is_its_kernel_clipped_and_rounded(make, super_resolved, kernel, dtype):
    lr = checkerboard(4, dtype)
    sr = super_resolved(make(lr), kernel, "--batch", 3)
    assert sr.dtype == dtype
    top = grey.grey_max(dtype)
    for tile, low in zip(sr, lr, strict=True):
        exact = resample.resize(low.astype(np.float32) / top, (HR, HR), kernel) * float(top)
        np.testing.assert_allclose(tile, np.clip(exact, 0, top), atol=0.5 + 1e-6 * top)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_overshoot_is_clipped_and_never_wraps(make, super_resolved, kernel, dtype):
    lr = checkerboard(4, dtype)
    top = grey.grey_max(dtype)
    raw = resample.resize((lr[-1] / top).astype(np.float32), (HR, HR), kernel)
    assert raw.min() < 0
    assert raw.max() > 1
    sr = super_resolved(make(lr), kernel)[-1]
    assert (sr[raw >= 1] == top).all()
    assert (sr[raw <= 0] == 0).all()


def test_the_batch_does_not_matter(make, super_resolved):
    path = make(checkerboard(7, np.uint8))
    one, many = (super_resolved(path, "lanczos", "--batch", n) for n in (1, 100))
    np.testing.assert_array_equal(one, many)


def test_two_runs_give_the_same_bytes(make, super_resolved, tmp_path):
    path = make(checkerboard(7, np.uint8))
    contents = []
    for _ in range(2):
        super_resolved(path, "bicubic")
        contents.append((tmp_path / "sr.h5").read_bytes())
    assert contents[0] == contents[1]


def describe(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "generator.json").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (("srgan", None), "srgan is none of the baselines .* --model-dir"),
        (("bicubic", '{"scale": 4}'), "bicubic is a baseline and needs no --model-dir"),
        (("srgan", ""), r"generator\.json is not valid JSON"),
        (("srgan", "{}"), r"generator\.json has no scale"),
        (("srgan", '{"scale": 2}'), "enlarges by 2 but the pairs by 4"),
    ],
)
def test_a_wrong_model_is_told_before_anything_is_written(
    make, super_resolved, tmp_path, case, message
):
    method, model = case
    flags = [] if model is None else ["--model-dir", describe(tmp_path / "model", model)]
    with pytest.raises(InputError, match=message):
        super_resolved(make(checkerboard(2, np.uint8)), method, *flags)
    assert not (tmp_path / "sr.h5").exists()


def test_an_untrained_model_is_told(make, super_resolved, tmp_path):
    with pytest.raises(InputError, match=r"generator\.json does not exist"):
        super_resolved(
            make(checkerboard(2, np.uint8)), "srgan", "--model-dir", tmp_path / "nowhere"
        )


def test_a_diverged_model_is_told(make, super_resolved, tmp_path, monkeypatch):
    nowhere = np.full((1, HR, HR), np.nan, np.float32)

    def diverged(*_, **__):
        return lambda lr: nowhere.repeat(len(lr), 0)

    monkeypatch.setattr(inference, "load_network", diverged)
    folder = describe(tmp_path / "model", '{"scale": 4}')
    with pytest.raises(InputError, match="srgan gives values that are not finite"):
        super_resolved(make(checkerboard(2, np.uint8)), "srgan", "--model-dir", folder)
    assert not (tmp_path / "sr.h5").exists()


def test_baselines_do_not_load_tensorflow(make, run_script, tmp_path, monkeypatch):
    path = make(checkerboard(2, np.uint8))
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run_script(
        "super_resolve", "--pairs", path, "--method", "nearest", "--output", tmp_path / "sr.h5"
    )
    assert result.returncode == 0, result.stderr
    assert "nearest: 2 of 2 tiles" in result.stdout


@pytest.fixture
def model(tmp_path):
    """A generator whose last layer is random, so that it is no plain bicubic."""
    import keras

    from sandstone.models import networks
    from sandstone.models.weights import save_network_json

    keras.utils.set_random_seed(3)
    options = {"scale": SCALE, "blocks": 1, "filters": 4, "bicubic_skip": True}
    generator = networks.build_generator(**options)
    tail = generator.get_layer("tail")
    rng = np.random.default_rng(0)
    tail.set_weights([rng.normal(0, 0.3, weight.shape) for weight in tail.get_weights()])
    folder = tmp_path / "srgan"
    folder.mkdir()
    save_network_json(folder / "generator.json", options)
    generator.save_weights(folder / "generator.weights.h5")
    return folder


def test_a_model_gives_what_its_generator_predicts(make, super_resolved, model):
    from sandstone.models import weights

    rng = np.random.default_rng(2)
    lr = rng.integers(0, 255, (5, LR, LR), dtype=np.uint8, endpoint=True)
    sr = super_resolved(make(lr), "srgan", "--model-dir", model, "--batch", 2)
    generator = weights.load_generator(model)
    expected = inference.predict(generator, grey.to_unit(lr)[..., None])[..., 0]
    assert json.loads((model / "generator.json").read_text(encoding="utf-8"))["scale"] == SCALE
    np.testing.assert_allclose(sr, expected * 255, atol=0.51)
    assert sr.std() > 10


def test_a_self_ensemble_is_the_mean_over_the_views_of_each_tile(make, super_resolved, model):
    rng = np.random.default_rng(2)
    path = make(rng.integers(0, 255, (3, LR, LR), dtype=np.uint8, endpoint=True))
    flags = ("srgan", "--model-dir", model)
    alone = super_resolved(path, *flags)
    mean = super_resolved(path, *flags, "--self-ensemble", "true")
    network = inference.averaged_over_views(inference.load_network(model, 2))
    with pairs.open_pairs(path) as reference:
        expected = network(grey.to_unit(reference.split("test").lr[:]))
    np.testing.assert_array_equal(mean, grey.from_unit(expected, mean.dtype))
    assert not np.array_equal(mean, alone)


def test_a_baseline_takes_no_self_ensemble(make, super_resolved):
    with pytest.raises(InputError, match="nearest is a baseline and takes no --self-ensemble"):
        super_resolved(make(checkerboard(2, np.uint8)), "nearest", "--self-ensemble", "true")


def test_back_projection_brings_the_image_nearer_to_its_lr(make, super_resolved, model):
    from sandstone.imaging.degrade import Degradation, degrade

    rng = np.random.default_rng(2)
    lr = rng.integers(100, 150, (3, LR, LR), dtype=np.uint8, endpoint=True)
    path = make(lr)
    flags = ("srgan", "--model-dir", model, "--back-projection")

    def error(sr):
        again = [degrade(each, SCALE, Degradation("bicubic"), rng) for each in grey.to_unit(sr)]
        return np.abs(np.stack(again) - grey.to_unit(lr)).mean()

    alone, once, often = (error(super_resolved(path, *flags, n)) for n in (0, 1, 5))
    assert often < once < alone


def test_a_baseline_takes_no_back_projection(make, super_resolved):
    with pytest.raises(InputError, match="nearest is a baseline and takes no --back-projection"):
        super_resolved(make(checkerboard(2, np.uint8)), "nearest", "--back-projection", 1)
