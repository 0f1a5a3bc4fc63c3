"""From slices and a coarse volume to the fit, and from the fit to tile pairs of other rock."""

import json

import numpy as np
import pytest
from helpers.scan_pairs import FINE_UM, ScanPair

import fit_degradation
import make_pairs
import plot_degradation
from sandstone import files
from sandstone.dataset import slices
from sandstone.dataset.pairs import open_pairs
from sandstone.errors import InputError
from sandstone.tiff_stack import write_stack

LOW, HIGH = 1000.0, 41000.0  # window of the fine scan


def write_fine(folder, stem, volume, voxel_size_um=(FINE_UM,) * 3):
    """Write slices, mask and JSON, and return the flags that name them."""
    mask = np.full(volume.shape, slices.ROCK, np.uint8)
    for name, stack in ((f"{stem}.tif", volume), (f"{stem}.mask.tif", mask)):
        write_stack(
            folder / name,
            stack,
            shape=stack.shape,
            dtype=stack.dtype,
            voxel_size_um=voxel_size_um,
        )
    metadata = {
        "sample": stem,
        "source": {},
        "voxel_size_um": voxel_size_um,
        "shape": volume.shape,
        "dtype": volume.dtype.name,
        "origin": (0, 0, 0),
        "window": {"low": LOW, "high": HIGH, "percentiles": [0, 100]},
        "grey_max": 255,
        "field_of_view": {},
    }
    files.write_json(folder / f"{stem}.json", metadata)
    names = {"slices": ".tif", "mask": ".mask.tif", "metadata": ".json"}
    return [w for flag, end in names.items() for w in (f"--{flag}", str(folder / f"{stem}{end}"))]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Files of a pair of scans; returns the folder, the flags of a fit and the pair."""
    folder = tmp_path_factory.mktemp("pair")
    scans = ScanPair(scale=3, sigma=(2.0, 3.0, 2.5), shape=(60, 110, 110), grain=0.8)
    fine = write_fine(folder, "plug", np.rint(255 * scans.fine).astype(np.uint8))
    coarse_um = 3 * FINE_UM
    coarse = np.rint(100 * scans.coarse).astype(np.uint16)
    write_stack(
        folder / "coarse.tif",
        coarse,
        shape=coarse.shape,
        dtype=coarse.dtype,
        voxel_size_um=(coarse_um,) * 3,
    )
    registration = {"sample": "plug", "transform": scans.transform.as_dict()}
    files.write_json(folder / "registration.json", registration)
    flags = [
        *("--sample", "plug", *fine, "--lr", str(folder / "coarse.tif"), "--scale", "3"),
        *("--registration", str(folder / "registration.json")),
        *("--output", str(folder / "fit.json"), "--provenance", str(folder / "fit.p.json")),
    ]
    fit_degradation.main(flags)
    return folder, flags, scans


@pytest.fixture
def fit(pair):
    folder, _, _ = pair
    return json.loads((folder / "fit.json").read_text())


def test_the_scanner_is_found(pair, fit):
    _, _, scans = pair
    assert fit["psf_sigma"] == pytest.approx(scans.sigma, rel=0.05)
    assert fit["noise"]["noise"] == pytest.approx(scans.noise, rel=0.1)
    assert fit["noise"]["correlation"][1:] == pytest.approx([0.8, 0.8], abs=0.1)
    assert fit["residual"]["correlation"] > 0.95
    assert fit["coarse_voxel_size_um"] == [6.0] * 3


def test_grey_levels_are_raw_ones_of_both_scans(fit):
    fine, coarse = (np.array(fit["grey"][name]) for name in ("fine", "coarse"))
    share = (fine - LOW) / (HIGH - LOW)
    np.testing.assert_allclose(coarse, 100 * (30 + 200 * share), rtol=0.02)


def test_the_spectrum_of_the_model_is_below_that_of_the_scan_by_the_noise(fit):
    spectrum = fit["spectrum"]
    frequency = np.array(spectrum["frequency_per_um"])
    assert frequency[-1] == pytest.approx(1 / 12, rel=0.05)  # Nyquist of 6 µm
    noise = plot_degradation.noise_power(fit, frequency)
    both = np.array(spectrum["model"]) + noise
    np.testing.assert_allclose(both[:8], spectrum["coarse"][:8], rtol=0.35)


def test_two_fits_have_the_same_bytes(pair):
    folder, flags, _ = pair
    before = (folder / "fit.json").read_bytes()
    fit_degradation.main(flags)
    assert (folder / "fit.json").read_bytes() == before


def replaced(flags, **values):
    flags = list(flags)
    for name, value in values.items():
        flags[flags.index(f"--{name}") + 1] = str(value)
    return flags


def test_a_shift_that_registration_left_is_noted(pair, tmp_path, capsys):
    _, flags, scans = pair
    moved = scans.transform.as_dict()
    moved["shift_um"][0] += 2.5
    files.write_json(tmp_path / "moved.json", {"transform": moved})
    output = tmp_path / "fit.json"
    fit_degradation.main(
        replaced(
            flags,
            registration=tmp_path / "moved.json",
            output=output,
            provenance=tmp_path / "p.json",
        )
    )
    assert "note: plug: the scans fit better with a further shift of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "lacks transform; delete it and run register_volumes.py again"),
        ({"transform": {}}, "holds no transform of two scans"),
        (
            {"transform": {"shift_um": [900, 0, 0], "rotation_deg": [0] * 3, "scale": 1}},
            "holds no transform",
        ),
    ],
)
def test_a_damaged_registration_is_told(pair, tmp_path, content, sentence):
    _, flags, _ = pair
    files.write_json(tmp_path / "wrong.json", content)
    with pytest.raises(InputError, match=sentence):
        fit_degradation.main(replaced(flags, registration=tmp_path / "wrong.json"))


def test_a_wrong_scale_is_told(pair):
    _, flags, _ = pair
    with pytest.raises(InputError, match="set --scale to 3"):
        fit_degradation.main(replaced(flags, scale=2))


def test_scans_that_do_not_meet_end_in_one_sentence(pair, tmp_path, run_script):
    _, flags, scans = pair
    apart = {**scans.transform.as_dict(), "shift_um": [900, 0, 0]}
    files.write_json(tmp_path / "apart.json", {"transform": apart})
    output = tmp_path / "fit.json"
    wrong = replaced(flags, registration=tmp_path / "apart.json", output=output)
    result = run_script("fit_degradation", *wrong)
    assert result.returncode == 2
    assert "too thin to fit a degradation" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not output.exists()


# --- tile pairs that imitate the scanner ---


FITTED = {"degradation-kernel": "fitted"}
TILES = {"scale": 3, "hr-size": 33, "stride": 33, "guard-um": 30, "depth-step": 1}


def make(fine, output, **flags):
    """Make tile pairs; a flag of a list has as many values."""
    words = list(fine)
    for name, value in {**TILES, **flags, "output": output}.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    make_pairs.main(words)
    return open_pairs(output)


@pytest.fixture
def fitted(fit, tmp_path):
    """Flags of a fitted degradation; what they are given changes the fit."""

    def write(**changes):
        files.write_json(tmp_path / "fit.json", {**fit, **changes})
        return {**FITTED, "degradation-fit": tmp_path / "fit.json"}

    return write


def other_rock(folder, shape=(60, 110, 110), voxel_size_um=(FINE_UM,) * 3):
    other = ScanPair(scale=3, shape=shape, fine_noise=0)
    return write_fine(folder, "other", np.rint(255 * other.fine).astype(np.uint8), voxel_size_um)


def test_other_rock_is_seen_as_the_scanner_would(fit, fitted, tmp_path):
    fine = other_rock(tmp_path)
    with make(fine, tmp_path / "fitted.h5", **fitted()) as reader:
        found, lr = reader.attrs.degradation, reader.split("train").lr[:]
    assert (found.pop("kernel"), found.pop("from")) == ("fitted", "plug")
    assert found["psf_sigma"] == pytest.approx(fit["psf_sigma"])
    assert found["noise"] == fit["noise"]["noise"]
    grain = np.mean(fit["noise"]["correlation"][1:])
    assert found["noise_correlation"] == pytest.approx(grain)
    psf = {f"degradation-{name.replace('_', '-')}": value for name, value in found.items()}
    with make(fine, tmp_path / "psf.h5", **{"degradation-kernel": "psf"}, **psf) as reader:
        np.testing.assert_array_equal(reader.split("train").lr[:], lr)


def test_the_pair_seen_by_its_own_fit_is_its_coarse_scan_but_for_the_noise(
    pair, fit, fitted, tmp_path
):
    _, _, scans = pair
    flags = fitted(noise={**fit["noise"], "noise": 0.0})
    fine = write_fine(tmp_path, "plug", np.rint(255 * scans.fine).astype(np.uint8))
    # Without a shift, a coarse voxel is an LR pixel at the depth of every third slice.
    truth = ScanPair(scale=3, sigma=scans.sigma, shape=scans.shape, shift=(0, 0, 0), noise=0.0)
    compared = 0
    with make(fine, tmp_path / "pairs.h5", **flags) as reader:
        train = reader.split("train")
        for tile, z, y, x in zip(train.lr[:], train.z, train.y, train.x, strict=True):
            if z % 3 == 1 and z > 12:
                seen = (truth.coarse[z // 3, y // 3 :, x // 3 :] - 30) / 200
                inner = (slice(2, 9), slice(2, 9))
                np.testing.assert_allclose(tile[inner] / 255, seen[inner], atol=0.02)
                compared += 1
    assert compared > 5


def test_blur_is_the_same_micrometres_in_other_voxels(fit, fitted, tmp_path, capsys):
    fine = other_rock(tmp_path, voxel_size_um=(4.0, 4.0, 4.0))
    with make(fine, tmp_path / "pairs.h5", **fitted(), **{"guard-um": 32}) as reader:
        sigma = reader.attrs.degradation["psf_sigma"]
    assert sigma == pytest.approx(np.divide(fit["psf_sigma"], 2))
    assert "the scanner had voxels of 6 x 6 µm, LR pixels are 12 x 12 µm" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"scale": 2, "hr-size": 32, "stride": 32}, "fitted for scale 3, not --scale 2"),
        ({"degradation-kernel": "psf"}, "fitted and --degradation-fit go together"),
        ({"guard-um": 10}, "blur in depth reaches 8 slices"),
    ],
)
def test_what_does_not_go_together_is_told(fitted, tmp_path, flags, sentence):
    with pytest.raises(InputError, match=sentence):
        make(other_rock(tmp_path), tmp_path / "pairs.h5", **{**fitted(), **flags})


@pytest.fixture
def scanned(fitted, tmp_path):
    """Flags of other rock's slices, of a coarse scan on their LR pixels, and of its fit."""
    fine, shape = other_rock(tmp_path), (60, 36, 36)
    about = {"shape": shape, "voxel_size_um": (FINE_UM, 3 * FINE_UM, 3 * FINE_UM)}
    for name, level in (("lr", 100), ("lr.mask", 255)):
        pages = np.full(shape, level, np.uint8)
        write_stack(tmp_path / f"{name}.tif", pages, dtype=np.uint8, **about)
    coarse = {"lr-slices": tmp_path / "lr.tif", "lr-mask": tmp_path / "lr.mask.tif"}
    return fine, {**fitted(), **coarse}


def test_a_real_coarse_scan_is_described_by_its_fit(scanned, fit, tmp_path):
    fine, flags = scanned
    with make(fine, tmp_path / "pairs.h5", **flags) as reader:
        assert reader.attrs.degradation["kernel"] == "scanned"
        assert reader.attrs.degradation["psf_sigma"] == pytest.approx(fit["psf_sigma"])
        assert set(np.unique(reader.split("train").lr[:])) == {100}


def test_its_slices_of_one_split_may_not_show_another(scanned, tmp_path):
    fine, flags = scanned
    with pytest.raises(InputError, match="blur in depth reaches 8 slices"):
        make(fine, tmp_path / "pairs.h5", **{**flags, "guard-um": 10})


def test_a_fitted_degradation_needs_a_fit(tmp_path):
    with pytest.raises(InputError, match="go together; give both or neither"):
        make(other_rock(tmp_path), tmp_path / "pairs.h5", **FITTED)
    (tmp_path / "fit.json").write_text("{}")
    damaged = {**FITTED, "degradation-fit": tmp_path / "fit.json"}
    with pytest.raises(InputError, match="lacks sample; delete it and run fit_degradation"):
        make(other_rock(tmp_path), tmp_path / "pairs.h5", **damaged)
