"""Figures of models: networks and trainings."""

import numpy as np
import pytest
from helpers.small_figures import write_history

from sandstone.errors import InputError
from sandstone.models import description
from sandstone.training import history


def test_a_missing_network_is_one_sentence_and_exit_code_2(tmp_path, run_script):
    flags = ("--network", "no.json", "--png", tmp_path / "a.png", "--pdf", tmp_path / "a.pdf")
    result = run_script("plot_network", *flags)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "no.json" in result.stderr


def test_a_model_without_discriminator_says_so(figure_inputs):
    import plot_network

    [sentence] = plot_network.draw(plot_network.read_network(figure_inputs / "no.json")).texts
    assert sentence.get_text().startswith("no discriminator")


def test_a_diagram_shows_every_parameter_once(figure_inputs):
    import plot_network

    network = plot_network.read_network(figure_inputs / "generator.json")
    boxes = plot_network.boxes(network)
    assert sum(box.parameters for box in boxes) == description.parameter_count(network)
    names = [name for box in boxes for name in box.names]
    assert names == [row["name"] for row in description.describe(network)]


def test_a_residual_block_is_drawn_as_its_steps(figure_inputs):
    import plot_network

    network = plot_network.read_network(figure_inputs / "generator.json")
    [block] = [box for box in plot_network.boxes(network) if box.row["kind"] == "residual_block"]
    conv = "3 × 3 conv, 32, norm"
    assert block.notes == [f"{conv}, PReLU, {conv}, add"]


@pytest.mark.parametrize(("adversarial", "expected"), [(True, 6), (False, 4)])
def test_training_shows_only_what_was_measured(adversarial, expected, tmp_path):
    import plot_training
    from sandstone.metrics import tables

    write_history(tmp_path / "history.csv", adversarial=adversarial)
    read = tables.read(tmp_path / "history.csv", history.COLUMNS)
    figure = plot_training.draw(read, "model")
    assert sum(axes.axison for axes in figure.axes) == expected


def test_training_shows_a_term_that_the_history_alone_names(tmp_path):
    import plot_training
    from sandstone.metrics import tables

    write_history(tmp_path / "history.csv", adversarial=True)
    read = tables.read(tmp_path / "history.csv", history.COLUMNS)
    figure = plot_training.draw(read.assign(loss_edge_strength=0.2), "model")
    _, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == ["sum, weighted", "pixel", "content", "adversarial", "edge strength"]


@pytest.mark.parametrize("column", ["loss_pixel", "val_ssim"])
def test_text_for_a_number_of_a_training_is_refused(column, tmp_path):
    import plot_training
    from sandstone.metrics import tables

    path = tmp_path / "history.csv"
    write_history(path, adversarial=False)
    tables.read(path, history.COLUMNS).assign(**{column: "much"}).to_csv(path, index=False)
    words = ["--history", str(path), "--model", "m", "--png", "a", "--pdf", "b"]
    with pytest.raises(InputError, match=f"no numbers in the column {column}"):
        plot_training.main([*words, "--provenance", "c"])


def test_training_marks_the_best_validation(tmp_path):
    import plot_training
    from sandstone.metrics import tables

    write_history(tmp_path / "history.csv", adversarial=False)
    figure = plot_training.draw(tables.read(tmp_path / "history.csv", history.COLUMNS), "model")
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert "★ best: 29.00 dB at step 40" in texts


@pytest.mark.parametrize("steps", [3, 400])
def test_what_is_said_of_the_best_validation_stands_clear_of_curve_and_title(steps):
    import pandas as pd

    import plot_training

    step = np.arange(1, steps + 1)
    rows = pd.DataFrame({"step": step, "learning_rate": 1e-3, "loss": 0.1, "loss_pixel": 0.1})
    rows["loss_discriminator"] = np.nan
    rows["val_psnr_db"] = 25.0 + step / steps
    rows["val_ssim"] = 0.9 - step / steps / 10
    figure = plot_training.draw(rows, "model")
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_title().startswith("validation")]
    assert len(panels) == 2
    for axes in panels:
        [stars] = [line for line in axes.lines if line.get_marker() == "*"]
        assert len(stars.get_xdata()) == 1
        assert axes.get_legend() is None  # its star would look like another best
        [text] = axes.texts
        box = text.get_window_extent()
        assert box.y0 > axes.bbox.y1
        assert box.y1 < axes.title.get_window_extent().y0
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
