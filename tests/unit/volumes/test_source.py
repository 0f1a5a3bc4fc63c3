from pathlib import Path

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.volumes.source import (
    UNKNOWN,
    is_print,
    library_errors,
    micrometres,
    number,
    numbers,
    unreadable_is_silent,
)


@pytest.mark.parametrize(
    ("unit", "size"),
    [("µm", 1), ("μm", 1), ("Microns", 1), (b"mm", 1e3), ('"nm"', 1e-3), ("furlong", None)],
)
def test_units(unit: str | bytes, size: float | None) -> None:
    assert micrometres(unit) == size


@pytest.mark.parametrize(
    ("value", "read"),
    [
        *((2.5, 2.5), ("2.5", 2.5), (b" 2.5 ", 2.5), ("2,5", 2.5), ("2.5,", 2.5), ("0,005", 0.005)),
        *(
            ("2,500", None),
            ("", None),
            ("two", None),
            (None, None),
            ([1, 2], None),
            ("1.2.3", None),
        ),
    ],
)
def test_a_number_of_metadata_may_be_text(value: object, read: float | None) -> None:
    assert number(value) == read


@pytest.mark.parametrize(
    "values",
    [
        "2.5 2.5 3",
        "2.5, 2.5, 3.0",
        b"2.5,2.5,3.0",
        "(2.5; 2.5; 3)",
        "2,5 2,5 3",
        np.array([2.5, 2.5, 3]),
        np.array([b"2.5", b"2,5", b"3"]),
    ],
)
def test_numbers_of_metadata_may_be_one_text(values: object) -> None:
    assert numbers(values) == [2.5, 2.5, 3.0]


@pytest.mark.parametrize("dpi", [72, 96, 300, 1200, 2400])
def test_a_print_resolution_is_known_in_every_unit(dpi: int) -> None:
    per_cm = round(dpi / 2.54)
    per_metre = round(dpi / 0.0254)
    for edge in (25400 / dpi, 1e4 / per_cm, 1e6 / per_metre, round(25400 / dpi, 2)):
        assert is_print(edge)
    assert not is_print(25400 / (1.1 * dpi))


@pytest.mark.parametrize("edge", [None, 0.5, 1, 2, 2.5, 5, 20, 25, 40, 50])
def test_sizes_of_scans_are_no_print_resolutions(edge: float | None) -> None:
    assert not is_print(edge)


def test_metadata_that_cannot_be_read_count_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    @unreadable_is_silent
    def size() -> tuple[float, float, float]:
        raise ValueError("three\nnumbers expected")

    assert size() == UNKNOWN
    assert capsys.readouterr().out == (
        "note: the voxel size in the metadata cannot be read (three numbers expected); it counts "
        "as none\n"
    )


def test_what_a_library_says_is_no_order_to_delete() -> None:
    sentence = r"rock\.tif: cannot be read \(odd\); see whether"
    with pytest.raises(InputError, match=sentence), library_errors(Path("rock.tif")):
        raise RuntimeError("odd")
