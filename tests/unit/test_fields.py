import pytest

from sandstone.errors import InputError
from sandstone.fields import are, check_fields, is_number, is_whole

KINDS = {"scale": is_whole, "voxel_size_um": lambda value: are(is_number, value, 3)}
RIGHT = {"scale": 4, "voxel_size_um": [1.0, 2, 3.5]}


def test_an_object_with_possible_values_passes_whatever_else_it_holds():
    check_fields({**RIGHT, "more": None}, KINDS, "layout.json", "make it again")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", "4"),
        ("scale", True),
        ("scale", 4.0),
        ("scale", 2**31),
        ("voxel_size_um", [1, 2]),
        ("voxel_size_um", [1, 2, float("nan")]),
        ("voxel_size_um", [1, 2, float("inf")]),
        ("voxel_size_um", "123"),
        ("voxel_size_um", {1, 2, 3}),
    ],
)
def test_the_first_impossible_value_is_named_with_file_and_remedy(key, value):
    with pytest.raises(InputError) as told:
        check_fields({**RIGHT, key: value}, KINDS, "layout.json", "make it again")
    assert str(told.value) == f"layout.json: {key} is {value!r}; make it again"


def test_a_long_value_is_shortened():
    with pytest.raises(InputError) as told:
        check_fields({**RIGHT, "scale": "4" * 9999}, KINDS, "layout.json", "make it again")
    assert len(str(told.value)) < 200
