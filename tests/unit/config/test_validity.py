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


@pytest.mark.parametrize("border", [-1, 32, 40])
def test_a_border_leaves_something_of_a_tile(border: int) -> None:
    validity.check_border("--border", 31, 64)
    with pytest.raises(InputError, match=f"^--border {border} leaves nothing of a tile of 64"):
        validity.check_border("--border", border, 64)
