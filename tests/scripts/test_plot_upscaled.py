"""The figure of an upscaled volume: a slice before and after, a detail, the jitter."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import small_upscaling
from helpers.small_figures import assert_same_figures
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

import plot_upscaled
from plot_upscaled import Both, View
from sandstone.errors import InputError
from sandstone.imaging import window
from sandstone.imaging.resample import resize
from sandstone.metrics.jitter import Jitter
from sandstone.upscaling.blocks import Tiling
from sandstone.upscaling.layout import Layout, read_layout
from sandstone.volumes.volume import Volume, open_volume

SHAPE = (9, 40, 50)


def upscaled(folder, shape=SHAPE, **flags):
    """Upscale a small volume in a folder."""
    small_upscaling.save_model(folder / "model")
    volume = small_upscaling.save_volume(folder / "rock.npy", small_upscaling.rock(shape))
    small_upscaling.prepare(folder, volume, **flags)
    small_upscaling.join(folder, volume, small_upscaling.upscale(folder, volume))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return upscaled(tmp_path_factory.mktemp("made"))


def words(folder, stem, **changes):
    chosen = {
        "volume": folder / "rock.npy",
        "voxel-size-um": small_upscaling.VOXEL_UM,
        "layout": folder / "layout.json",
        "zarr": folder / "rock.ome.zarr",
        "jitter": folder / "z_consistency.csv",
        "png": f"{stem}.png",
        "pdf": f"{stem}.pdf",
        **changes,
    }
    return small_upscaling.words(chosen)


def read(folder):
    layout = read_layout(folder / "layout.json")
    with (
        open_volume(folder / "rock.npy", voxel_size_um=small_upscaling.VOXEL_UM) as volume,
        open_volume(folder / "rock.ome.zarr") as image,
    ):
        both = plot_upscaled.read_both(layout, volume, image)
        voxels = (volume.read(0, volume.shape[0]), image.read(0, image.shape[0]))
    return layout, both, [window.to_unit(each, *layout.grey_window) for each in voxels]


def figure_of(folder):
    layout, both, _ = read(folder)
    return plot_upscaled.draw(both, layout, plot_upscaled.read_jitter(folder / "z_consistency.csv"))


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_the_figure_is_the_same_bytes_twice(made, tmp_path):
    for stem in ("first", "second"):
        plot_upscaled.main(words(made, tmp_path / stem))
    assert_same_figures(tmp_path)


def test_it_shows_the_middle_slice_and_the_same_place_of_both(made):
    _, both, (lr, sr) = read(made)
    assert (both.lr.z, both.sr.z) == (4, 4)
    np.testing.assert_array_equal(both.lr.overview, lr[4])
    np.testing.assert_array_equal(both.sr.overview, sr[4])
    (y, x), edge = both.corner, both.edge
    assert edge == 16
    np.testing.assert_array_equal(both.lr.detail, lr[4, y : y + edge, x : x + edge])
    fine = slice(2 * y, 2 * (y + edge)), slice(2 * x, 2 * (x + edge))
    np.testing.assert_array_equal(both.sr.detail, sr[4][fine])
    assert both.cubic.shape == both.sr.detail.shape
    whole = resize(lr[4], sr[4].shape, "bicubic").clip(0, 1)
    np.testing.assert_allclose(both.cubic, whole[fine], atol=1e-6)


def test_with_all_axes_it_shows_a_slice_within_the_slice_of_the_input(tmp_path):
    figure = figure_of(upscaled(tmp_path, shape=(5, 20, 40), axes="mean"))
    said = texts(figure)
    assert "rock: 2 times finer along all axes by tiny" in said
    assert {"input, z = 2 (15 µm deep)", "upscaled, z = 5 (16.5 µm deep)"} <= set(said)


def test_it_says_the_window_and_the_ratios_and_has_scale_bars(made):
    figure = figure_of(made)
    layout = read_layout(made / "layout.json")
    said = texts(figure)
    low, high = layout.grey_window
    [sentence] = [text for text in said if "(black)" in text]
    assert f"grey levels {low:g} (black) to {high:g} (white), percentiles 0.1 and 99.9" in sentence
    bars = [bar.txt_label.get_text() for bar in figure.findobj(AnchoredSizeBar)]
    assert bars == ["100 µm", "100 µm", "20 µm"]
    assert "upscaled, resolved (6 µm)" in said
    ratio = plot_upscaled.read_jitter(made / "z_consistency.csv")["ratio"].iloc[0]
    assert f"{ratio:.2f}" in said


def invented(shape):
    """A layout of a volume of some shape, and views of it as they are drawn."""
    layout = Layout(
        volume="a_plug_with_a_long_name",
        model="srgan",
        source={},
        network={},
        dtype="uint16",
        voxel_size_um=(12.25, 10.125, 10.125),
        tiling=Tiling(shape, scale=4, axes="z", tile=256, batch=1, halo=0),
        window={"low": -1234.5678, "high": 65432.125, "percentiles": [0.125, 99.875], "below": 3},
        back_projection={},
    )
    edge = min(16, *shape[1:])
    lr, sr = (np.zeros(each[1:], np.float32) for each in (shape, layout.tiling.sr_shape))
    views = [View(0, image, 1, image[: edge * n, : edge * n]) for image, n in ((lr, 1), (sr, 4))]
    return layout, Both(*views, cubic=views[1].detail, corner=(0, 0))


@pytest.mark.parametrize("shape", [(2, 16, 80), (2, 90, 17), (2, 2, 2)])
def test_everything_stays_within_the_figure_whatever_the_shape(shape):
    layout, both = invented(shape)
    lines = [Jitter("upscaled", "resolved", 12.25, 1.0, 1.0, ratio) for ratio in (0.01, 1.0, 17.0)]
    figure = plot_upscaled.draw(both, layout, pd.DataFrame(lines))
    figure.draw_without_rendering()
    left, bottom, right, top = figure.get_tightbbox().extents
    width, height = figure.get_size_inches()
    assert 0 <= left < right <= width
    assert 0 <= bottom < top <= height


def test_a_single_slice_has_no_jitter_to_draw(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(f"{','.join(Jitter._fields)}\ninput,resolved,6,nan,3.5,nan\n", "utf-8")
    jitter = plot_upscaled.read_jitter(table)
    assert jitter.empty
    layout, both = invented((1, 24, 30))
    assert not [
        text for text in texts(plot_upscaled.draw(both, layout, jitter)) if "jitter" in text
    ]


def test_a_large_slice_is_shown_by_means_and_read_in_bands(made, monkeypatch):
    _, _, (_, sr) = read(made)
    monkeypatch.setattr(plot_upscaled, "MOST_PIXELS", 30)
    monkeypatch.setattr(plot_upscaled, "BYTES_AT_ONCE", 1)
    rows = []
    original = Volume.read

    def noted(self, z0, z1, part=slice(None)):
        rows.append((z1 - z0, part.stop - part.start))
        return original(self, z0, z1, part)

    monkeypatch.setattr(Volume, "read", noted)
    with open_volume(made / "rock.ome.zarr") as image:
        step = plot_upscaled.step_of(image)
        overview = plot_upscaled.shrunken(image, 4, step)
    assert step == 4
    assert set(rows) == {(1, 4)}
    layout = read_layout(made / "layout.json")
    shown = window.to_unit(overview, *layout.grey_window)
    np.testing.assert_allclose(shown, sr[4].reshape(20, 4, 25, 4).mean(axis=(1, 3)), atol=1e-4)
    monkeypatch.setattr(Volume, "read", original)
    both = read(made)[1]
    assert both.lr.step == 2
    assert both.edge == 16


def test_the_record_names_what_holds_the_hashes_of_the_volumes(made, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    record = tmp_path / "figure.provenance.json"
    plot_upscaled.main(words(Path(), tmp_path / "figure", provenance=record))
    content = json.loads(record.read_text(encoding="utf-8"))
    named = {file["path"] for file in content["inputs"]}
    assert named == {"layout.json", "rock.ome.zarr/zarr.json", "z_consistency.csv"}
    assert content["voxel_size_um"] == [6.0, 3.0, 3.0]
    assert "--volume rock.npy" in content["command"]


@pytest.fixture
def refuse(made, tmp_path):
    def check(match, **changes):
        with pytest.raises(InputError, match=match):
            plot_upscaled.main(words(made, tmp_path / "figure", **changes))
        assert not list(tmp_path.glob("*figure*"))

    return check


def test_another_volume_is_refused(tmp_path, refuse):
    other = small_upscaling.save_volume(tmp_path / "other.npy", small_upscaling.rock((9, 40, 51)))
    refuse("no longer the volume of the layout", volume=other)


def test_an_image_of_another_layout_is_refused(made, tmp_path, refuse):
    volume = small_upscaling.save_volume(tmp_path / "rock.npy", small_upscaling.rock((9, 40, 51)))
    layout = tmp_path / "layout.json"
    small_upscaling.prepare(made, volume, layout=layout)
    refuse("not the upscaled volume of the layout", volume=volume, layout=layout)


@pytest.mark.parametrize(
    ("content", "match"),
    [("source,band\n", "lacks the column distance_um"), ("", "no CSV table"), ("a,b\n1,", "short")],
)
def test_a_wrong_table_is_refused(content, match, tmp_path, refuse):
    table = tmp_path / "table.csv"
    table.write_text(content, encoding="utf-8")
    refuse(match, jitter=table)


def test_a_missing_file_is_one_sentence_and_exit_code_2(made, tmp_path, run_script):
    changed = words(made, tmp_path / "figure", layout="no.json")
    result = run_script("plot_upscaled", *changed)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "no.json" in result.stderr
