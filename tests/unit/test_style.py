"""The one look of all figures."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from sandstone import style
from sandstone.choices import BASELINES


def drawn_bar(axes):
    [bar] = [artist for artist in axes.artists if isinstance(artist, AnchoredSizeBar)]
    [rectangle] = bar.size_bar.get_children()
    return rectangle.get_width(), bar.txt_label.get_text()


def image_axes(width):
    axes = style.figure(2, 2).subplots()
    style.show_grey(axes, np.zeros((width, width), np.uint8), 255)
    return axes


def test_a_baseline_has_its_colour_whoever_else_is_shown():
    alone = style.method_colours(["bicubic"])
    among = style.method_colours(["srgan", "nearest", "bicubic"])
    assert alone["bicubic"] == among["bicubic"]


def test_models_take_their_colours_in_order_and_never_a_baselines():
    methods = [*BASELINES, "b", "a", "c"]
    colours = style.method_colours(methods)
    assert list(colours) == methods
    assert len(set(colours.values())) == len(methods)
    assert style.method_colours(["b", "a"]) == {name: colours[name] for name in ("b", "a")}


def test_more_models_than_colours_still_have_one_each():
    methods = [f"model_{number}" for number in range(20)]
    assert list(style.method_colours(methods)) == methods


@given(st.floats(1e-2, 1e7))
@example(0.3)  # a third of it is just below 0.1
def test_a_scale_bar_has_a_round_length_that_fits(width_um):
    length = style.round_length_um(width_um)
    assert f"{length:.0e}"[0] in "125"
    assert float(f"{length:.0e}") == pytest.approx(length)
    assert width_um / 10 < length <= width_um / 3 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("width", "voxel_size_um", "voxels", "label"),
    [(256, 2.0, 50, "100 µm"), (64, 8.0, 12.5, "100 µm"), (256, 20, 50, "1 mm")],
)
def test_a_scale_bar_spans_its_length_in_voxels(width, voxel_size_um, voxels, label):
    axes = image_axes(width)
    style.scale_bar(axes, voxel_size_um)
    length, text = drawn_bar(axes)
    assert (length, text) == (pytest.approx(voxels), label)


def test_all_images_share_the_data_range():
    image = style.show_grey(style.figure(2, 2).subplots(), np.full((4, 4), 7, np.uint16), 65535)
    assert image.get_clim() == (0, 65535)


def test_saved_files_are_the_same_twice_and_know_no_date(tmp_path):
    for number in (1, 2):
        figure = style.figure(2, 1)
        figure.subplots().plot([1, 2], label="grain")
        style.save(figure, tmp_path / f"{number}.png", tmp_path / f"{number}.pdf")
    for suffix in ("png", "pdf"):
        first, second = ((tmp_path / f"{number}.{suffix}").read_bytes() for number in (1, 2))
        assert first == second
        assert b"Date" not in first


def test_a_figure_that_cannot_be_written_leaves_nothing(tmp_path):
    figure = style.figure(2, 1)
    figure.suptitle(r"$\nonsense$")
    with pytest.raises(ValueError, match="nonsense"):
        style.save(figure, tmp_path / "a.png", tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_the_last_bits_of_a_layout_change_no_byte(tmp_path):
    """The solver of the layout adds in the order of addresses, which differs from run to run."""
    for stem, noise in (("first", -1e-17), ("second", 2e-16)):
        figure = style.figure(3, 2)
        part, _ = figure.subfigures(2, 1)
        part.add_axes((0.1, 0.2 + noise, 0.5, 0.5 - noise)).plot([0, 1])
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        part.bbox_relative.set_points(part.bbox_relative.get_points() + noise)
        style.save(figure, tmp_path / f"{stem}.png", tmp_path / f"{stem}.pdf")
    first, second = ((tmp_path / f"{stem}.pdf").read_bytes() for stem in ("first", "second"))
    assert first == second
