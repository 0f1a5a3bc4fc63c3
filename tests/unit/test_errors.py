"""Sentences for the user."""

import pytest

from sandstone.errors import note


def test_a_note_is_one_line_whatever_a_file_is_called(capsys: pytest.CaptureFixture[str]):
    note("a\nb.tif: no voxel size")
    assert capsys.readouterr().out == "note: a\\nb.tif: no voxel size\n"
