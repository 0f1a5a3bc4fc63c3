"""Inputs of figures, which the tests of all figure scripts share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import small_figures

from sandstone.errors import InputError


@pytest.fixture(scope="session")
def figure_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what every figure script reads; nothing changes it."""
    path = tmp_path_factory.mktemp("inputs")
    small_figures.write_inputs(path)
    return path


@pytest.fixture
def refuse_figure(
    figure_inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[str], str], None]:
    """Check that a script refuses its arguments and writes nothing."""
    monkeypatch.chdir(figure_inputs)

    def check(arguments: list[str], match: str) -> None:
        with pytest.raises(InputError, match=match):
            small_figures.call(arguments, tmp_path / "figure")
        assert not list(tmp_path.glob("*figure*"))

    return check
