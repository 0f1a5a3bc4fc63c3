import pytest
import tensorflow as tf

from sandstone.training import progress

ROW = {"learning_rate": 1e-3, "loss": 0.25, "loss_pixel": 0.25}


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = {"seconds": 100.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: now["seconds"])
    return now


def test_a_line_is_shown_every_few_seconds(clock, capsys):
    lines = progress.ProgressLines(steps=10_000)
    for step in range(11, 14):
        clock["seconds"] += 2
        lines.show({"step": step} | ROW)
    told = capsys.readouterr().out
    assert told == (
        "step 13/10000: loss 0.25, pixel 0.25, learning rate 0.001, 2000 ms/step, 5:32:54 left\n"
    )


def test_validations_and_the_last_step_are_always_shown(clock, capsys):
    lines = progress.ProgressLines(steps=3)
    lines.show({"step": 1} | ROW | {"val_psnr_db": 31.234, "val_ssim": 0.9})
    lines.show({"step": 2} | ROW)
    lines.show({"step": 3} | ROW)
    first, last = capsys.readouterr().out.splitlines()
    assert "step 1/3" in first
    assert "validation 31.23 dB, SSIM 0.900" in first
    assert last.startswith("step 3/3")
    assert last.endswith("0:00:00 left")


def test_the_first_step_counts_in_no_speed_since_it_compiles(clock, capsys):
    lines = progress.ProgressLines(steps=100)
    for step, seconds in enumerate([60, 2, 2, 2], start=1):
        clock["seconds"] += seconds
        lines.show({"step": step} | ROW)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "step 1/100: loss 0.25, pixel 0.25, learning rate 0.001"
    assert second.endswith(", 2000 ms/step, 0:03:12 left")


def test_a_training_of_one_step_has_no_speed(clock, capsys):
    progress.ProgressLines(steps=1).show({"step": 1} | ROW)
    assert capsys.readouterr().out.endswith("learning rate 0.001\n")


def scalars(folder):
    """The (step, name, value) of all event files."""
    return [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)))
        for path in sorted(folder.glob("events*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]


def show(folder, steps, *, resumed):
    board = progress.Board(folder, resumed=resumed)
    for step in steps:
        board.show({"step": step, "loss": 1.0 * step})
    board.close()


def test_the_board_holds_every_tenth_step_and_validations(tmp_path):
    board = progress.Board(tmp_path, resumed=False)
    for step in (1, 10, 11):
        board.show({"step": step, "loss": 0.5})
    board.show({"step": 12, "loss": 0.5, "val_psnr_db": 30.0})
    board.close()
    assert scalars(tmp_path) == [(10, "loss", 0.5), (12, "loss", 0.5), (12, "val_psnr_db", 30.0)]


def test_a_resumed_board_appends_and_a_fresh_one_starts_again(tmp_path):
    show(tmp_path, [10], resumed=False)
    (tmp_path / "notes.txt").write_text("mine")
    show(tmp_path, [20], resumed=True)
    assert {step for step, *_ in scalars(tmp_path)} == {10, 20}
    show(tmp_path, [30], resumed=False)
    assert {step for step, *_ in scalars(tmp_path)} == {30}
    assert (tmp_path / "notes.txt").exists()
