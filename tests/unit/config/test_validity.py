import pytest

from sandstone.config import validity
from sandstone.errors import InputError

NAN = float("nan")


@pytest.mark.parametrize("window", [(0, 100), (0.1, 99.9), (50, 50.5)])
def test_percentiles_in_order_are_a_window(window: tuple[float, float]) -> None:
    validity.check_window("--window", window)


@pytest.mark.parametrize("window", [(5, 5), (99, 1), (-1, 50), (1, 100.5), (NAN, 9), (1, NAN)])
def test_other_percentiles_are_none(window: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"^slices\.window .* is no range of percentiles"):
        validity.check_window("slices.window", window)


@pytest.mark.parametrize("levels", [(5, 5), (5, 4), (NAN, 4)])
def test_grey_levels_are_in_order(levels: tuple[float, float]) -> None:
    validity.check_levels("--levels", (-3.5, 70000))
    with pytest.raises(InputError, match=r"^--levels .* is empty; give the low one first"):
        validity.check_levels("--levels", levels)


@pytest.mark.parametrize(
    ("value", "advice"), [(255, "take 252 or 256"), (3, "take 4"), (9, "take 8 or 12")]
)
def test_the_nearest_multiples_are_told(value: int, advice: str) -> None:
    validity.check_multiple("--stride", 8, "--scale", 4)
    with pytest.raises(InputError, match=f"--stride {value} is not a multiple .* 4; {advice}$"):
        validity.check_multiple("--stride", value, "--scale", 4)


@pytest.mark.parametrize(
    ("lpips", "metric", "least", "largest"), [(False, "SSIM", 11, 26), (True, "LPIPS", 32, 16)]
)
def test_a_border_leaves_enough_of_a_tile(
    lpips: bool, metric: str, least: int, largest: int
) -> None:
    validity.check_border("--border", largest, 64, lpips=lpips)
    for border in (-1, largest + 1, 40):
        with pytest.raises(InputError) as caught:
            validity.check_border("--border", border, 64, lpips=lpips)
        assert str(caught.value) == (
            f"--border {border} does not fit: {metric} needs {least} of a tile's 64 voxels; "
            f"choose one from 0 to {largest}"
        )


def test_tiles_too_small_for_a_metric_are_refused() -> None:
    with pytest.raises(InputError, match="LPIPS needs tiles of 32 voxels, not 31; make pairs"):
        validity.check_border("--border", 0, 31, lpips=True)


PIXEL = {"pixel": 1.0, "pixel_kind": "l1", "adversarial": 0}


def key(setting):
    return f"<{setting}>"


def refused(judge, *values):
    with pytest.raises(InputError) as caught:
        judge(*values, key=key, start="here: ")
    return str(caught.value)


def test_a_loss_without_terms_is_refused():
    told = refused(validity.check_losses, {**PIXEL, "pixel": 0}, {})
    assert told == "here: no loss has a weight above 0; set <loss.pixel> to 1.0"


@pytest.mark.parametrize("kind", validity.PUBLISHED)
def test_a_kind_of_a_published_network_needs_its_weights(kind):
    loss = {**PIXEL, "content": 0.1, "content_kind": kind}
    told = refused(validity.check_losses, loss, {kind: None})
    assert told == f"here: <loss.content_kind> {kind} needs <weights.{kind}>; give it"
    validity.check_losses(loss, {kind: "file"}, key=key)
    validity.check_losses({**loss, "content": 0}, {}, key=key)


def test_features_of_a_discriminator_need_one():
    loss = {**PIXEL, "content": 0.1, "content_kind": "discriminator_features"}
    told = refused(validity.check_losses, loss, {})
    assert told.startswith("here: <loss.content_kind> discriminator_features needs a discriminator")
    assert "raise <loss.adversarial> above 0" in told
    validity.check_losses({**loss, "adversarial": 0.01}, {}, key=key)


def test_a_crop_is_no_larger_than_a_tile():
    validity.check_crop(16, 16, key=key)
    told = refused(validity.check_crop, 17, 16)
    assert told == "here: <crop> 17 is larger than an LR tile (16 pixels); lower it"
