"""What every figure script does: the same bytes on every run, and a sentence for wrong files."""

import pytest
from helpers.small_figures import ARGUMENTS, assert_same_figures, call, swapped

from sandstone.training import history


@pytest.mark.parametrize("figure", ARGUMENTS)
def test_every_figure_is_the_same_bytes_twice(figure, figure_inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(figure_inputs)
    for stem in ("first", "second"):
        call(ARGUMENTS[figure], tmp_path / stem)
    assert_same_figures(tmp_path)


def test_another_process_writes_the_same_bytes(figure_inputs, tmp_path, monkeypatch, run_script):
    monkeypatch.chdir(figure_inputs)
    call(ARGUMENTS["metrics"], tmp_path / "first")
    script, *flags = ARGUMENTS["metrics"]
    absolute = [
        figure_inputs / flag if (figure_inputs / flag).is_file() else flag for flag in flags
    ]
    second = tmp_path / "second"
    result = run_script(script, *absolute, "--png", f"{second}.png", "--pdf", f"{second}.pdf")
    assert (result.returncode, result.stderr) == (0, "")
    assert_same_figures(tmp_path)


@pytest.mark.parametrize(
    ("figure", "content", "match"),
    [
        ("training", "step,loss\n1,2\n", "lacks the column learning_rate"),
        ("training", ",".join(history.COLUMNS) + "\n", "has no rows"),
        ("training", "", "is no CSV table"),
        ("generator", "{", "is not valid JSON"),
        ("generator", "[]", "holds no JSON object"),
        ("generator", '{"scale": 4, "colour": 1}', "another program or version"),
        ("split", "{}", "lacks sample"),
        ("degradation", "{}", "lacks sample; delete it and run fit_degradation.py again"),
        ("metrics", "sample,method\n", "lacks the column tile"),
        ("spectra", "sample,method\n", "lacks the column frequency_per_um"),
        ("pairs", "nonsense", "wrong"),
    ],
)
def test_wrong_files_are_refused_and_leave_nothing(figure, content, match, tmp_path, refuse_figure):
    wrong = tmp_path / "wrong"
    wrong.write_text(content, encoding="utf-8")
    names = ("gan", "generator", "slices", "bicubic", "fit") if figure != "pairs" else ("pairs",)
    arguments = swapped(figure, **dict.fromkeys(names, str(wrong)))
    refuse_figure(arguments, match)


@pytest.mark.parametrize("figure", ["pairs", "histogram", "split", "training", "spectra"])
def test_missing_files_are_named(figure, refuse_figure):
    missing = dict.fromkeys(("pairs", "slices", "gan", "bicubic"), "missing.file")
    refuse_figure(swapped(figure, **missing), "missing.file")
