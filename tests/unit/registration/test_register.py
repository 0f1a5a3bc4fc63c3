"""Registration as a whole: the accuracy it promises, and what it says of scans that do not fit."""

import numpy as np
import pytest
from helpers import twin_scans
from helpers.twin_scans import InMemory

from sandstone.errors import InputError
from sandstone.registration.register import Registration, _is_sure, check_end, found, given
from sandstone.registration.scans import Scan
from sandstone.registration.search import Match
from sandstone.registration.transform import Transform

FINE_UM, COARSE_UM = (2.0, 2.0, 2.0), (6.0, 6.0, 6.0)
SHAPE = (66, 72, 78)
COARSE_SHAPE = (22, 24, 26)
BLUR = 6.0  # µm


def centred(shape, size, *numbers):
    return Transform(
        *numbers, centre_um=tuple(n * edge / 2 for n, edge in zip(shape, size, strict=True))
    )


def twins(
    transform, *, shape=SHAPE, size=FINE_UM, coarse_shape=COARSE_SHAPE, coarse_size=COARSE_UM
):
    """Return both scans, as uint8 and uint16."""
    rock = twin_scans.grains(np.multiply(shape, size), size_um=9.0, count=300, seed=1)
    fine = twin_scans.scan(rock, shape, size, noise=4.0, seed=2)
    coarse = twin_scans.scan(
        rock, coarse_shape, coarse_size, transform=transform, blur_um=BLUR, noise=1.0, seed=3
    )
    return (
        np.rint(fine.clip(0, 255)).astype(np.uint8),
        np.rint(200 * coarse + 3000).astype(np.uint16),
    )


def scans(fine, coarse, size=FINE_UM, coarse_size=COARSE_UM):
    return (
        Scan(InMemory(fine, size, "hr.tif"), "the fine scan"),
        Scan(InMemory(coarse, coarse_size, "lr.tif"), "the coarse scan"),
    )


@pytest.fixture(scope="module")
def plain():
    """Twins that differ by a third of a coarse voxel."""
    return twins(centred(SHAPE, FINE_UM, (2.0, -2.0, 1.0)))


CASES = {
    "shift, turn, scale": {"numbers": ((3.1, -4.7, 2.3), (0.4, -0.7, 0.5), 1.004)},
    "a far shift in a larger scan": {
        "numbers": ((50.0, 61.0, 33.0), (0.2, -0.2, 0.9), 0.995),
        "coarse_shape": (44, 50, 46),
    },
    "a few slices": {
        "numbers": ((1.0, -2.7, 3.3), (0.1, -0.2, 0.6), 1.003),
        "shape": (15, 90, 96),
        "coarse_shape": (5, 30, 32),
    },
    "no whole ratio": {
        "numbers": ((1.3, -2.7, 0.3), (-0.5, 0.9, 0.3), 1.0),
        "size": (2.12, 2.12, 2.12),
    },
    "flat voxels": {
        "numbers": ((3.0, 1.0, -2.5), (0.5, 0.3, -0.8), 0.997),
        "size": (3.0, 2.0, 2.0),
        "coarse_shape": (25, 29, 31),
        "coarse_size": (8.0, 5.0, 5.0),
    },
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_known_transform_is_found_within_a_tenth_of_an_hr_voxel(case):
    settings = {name: value for name, value in case.items() if name != "numbers"}
    size, shape = settings.get("size", FINE_UM), settings.get("shape", SHAPE)
    true = centred(shape, size, *case["numbers"])
    pair = scans(*twins(true, **settings), size, settings.get("coarse_size", COARSE_UM))
    result = found(*pair)
    off = np.subtract(result.transform.shift_um, true.shift_um) / size
    assert np.abs(off).max() < 0.1
    # Rotation and scale: by what they move the ends of the fine scan.
    places = np.random.default_rng(0).uniform(0, 1, (300, 3)) * np.multiply(shape, size)
    moved = result.transform.to_coarse(places) - true.to_coarse(places)
    assert np.abs(moved / size).max() < 0.2
    assert result.after > 0.95
    assert result.before is None or result.before < result.after
    assert result.method == "auto"


def test_numbers_that_are_known_are_taken_as_they_are(plain):
    pair = scans(*plain)
    known = given(*pair, Transform((2.0, -2.0, 1.0)), "given")
    as_delivered = given(*pair, Transform(), "none")
    assert known.transform == centred(SHAPE, FINE_UM, (2.0, -2.0, 1.0))
    assert as_delivered.transform == centred(SHAPE, FINE_UM)
    assert as_delivered.before == as_delivered.after == pytest.approx(known.before, abs=0.01)
    assert known.after > known.before
    assert (known.method, as_delivered.method) == ("given", "none")


def test_a_given_registration_that_does_not_fit_is_told(plain, capsys):
    given(*scans(*plain), Transform((30.0, 24.0, 0.0)), "given")
    assert "note: lr.tif: the scans correlate at" in capsys.readouterr().out


def test_fields_apart_are_refused(plain):
    with pytest.raises(InputError, match=r"lr\.tif: the fields of both scans do not overlap"):
        given(*scans(*plain), Transform((500.0, 0.0, 0.0)), "given")


def test_another_rock_is_refused(plain):
    fine, coarse = plain
    other = np.random.default_rng(8).permutation(coarse.ravel()).reshape(coarse.shape)
    with pytest.raises(InputError, match=r"does not show the rock of hr\.tif.*48 orientations"):
        found(*scans(fine, other))


def test_chance_is_told_from_one_rock():
    """As measured where two scans of a few large grains share no field, and where they do."""
    distinct, vague = (Match(1.0, quotient, 0.6, (0, 0, 0)) for quotient in (5.0, 1.2))
    assert _is_sure(0.95, vague)
    assert _is_sure(0.66, distinct)
    assert not _is_sure(0.78, vague)
    assert not _is_sure(0.5, distinct)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lr: lr[::-1], r"is mirrored along z, upside down, .*save it as np\.flip\(lr, 0\)"),
        (lambda lr: np.rot90(lr, axes=(1, 2)), r"is turned by 90° about z"),
        (lambda lr: lr.transpose(2, 1, 0), r"is saved with the axes z and x swapped"),
    ],
)
def test_a_turned_or_mirrored_scan_is_named(plain, change, words):
    fine, coarse = plain
    with pytest.raises(InputError, match=rf"lr\.tif: the coarse scan {words}"):
        found(*scans(fine, np.ascontiguousarray(change(coarse))))


@pytest.mark.parametrize("coarse_size", [(2.0, 2.0, 2.0), (1.0, 2.0, 2.0)])
def test_a_coarse_scan_that_is_not_coarser_is_refused(plain, coarse_size):
    fine, coarse = plain
    for register in (found, lambda *pair: given(*pair, Transform(), "none")):
        with pytest.raises(InputError, match=r"not larger than the 2 x 2 x 2 µm of hr\.tif; give"):
            register(*scans(fine, coarse, coarse_size=coarse_size))


@pytest.mark.parametrize(
    ("transform", "after", "words"),
    [
        (Transform(), 0.7, "a correlation of 0.700, below the 0.900 before"),
        (
            Transform(rotation_deg=(4.0, 2.8, 0.0)),
            0.95,
            "a rotation of 4.9° and a scale of 1.000, at its bounds",
        ),
        (Transform(scale=0.951), 0.95, "a rotation of 0.0° and a scale of 0.951, at its bounds"),
    ],
)
def test_a_search_that_went_astray_is_refused(plain, transform, after, words):
    _, coarse = scans(*plain)
    with pytest.raises(InputError, match=f"registration has gone astray: it ends at {words}"):
        check_end(Registration("auto", transform, 1.0, 0.9, after), coarse)


def test_a_search_that_ends_well_is_not(plain):
    _, coarse = scans(*plain)
    for before in (None, 0.9, 0.95):
        check_end(Registration("auto", Transform(), 1.0, before, 0.95), coarse)
