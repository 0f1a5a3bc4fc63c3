import pytest

from sandstone.errors import InputError
from sandstone.metrics import tables

ROWS = "sample,psnr_db\nrock,27.125\nrock,31.5\n"
# Between two lines, a table alone cannot tell.
WITHIN_A_LINE = [length for length in range(1, len(ROWS)) if ROWS[length - 1] != "\n"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(ROWS)
    return path


def test_rows_are_read(table):
    assert list(tables.read(table, ["sample", "psnr_db"])["psnr_db"]) == [27.125, 31.5]


@pytest.mark.parametrize("length", WITHIN_A_LINE)
def test_a_table_cut_within_a_line_is_refused_though_its_numbers_look_right(table, length):
    table.write_text(ROWS[:length])
    with pytest.raises(InputError, match=r"it is cut short\); delete it and run again"):
        tables.read(table, ["sample", "psnr_db"])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no CSV table"),
        ("sample,ssim\nrock,0.5\n", "lacks the column psnr_db"),
        ("sample,psnr_db\n", "has no rows"),
    ],
)
def test_what_is_no_table_of_metrics_is_refused_by_name(table, text, what):
    table.write_text(text)
    with pytest.raises(InputError, match=what) as refused:
        tables.read(table, ["sample", "psnr_db"])
    assert str(refused.value).startswith(str(table))


def test_an_absent_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        tables.read(tmp_path / "absent.csv", [])
