"""The columns of the workflow's CSV tables of metrics, and reading tables checked for theirs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sandstone.errors import InputError

CORNER_COLUMNS = ("z", "y", "x")
TILE_COLUMNS = ("sample", "method", "tile", *CORNER_COLUMNS)  # and a column a metric
SPECTRUM_COLUMNS = ("sample", "method", "frequency_per_um", "power", "ring_correlation")
SUMMARY_COLUMNS = (
    *("sample", "method", "metric", "mean", "ci_low", "ci_high", "n", "median"),
    *("baseline", "gain", "gain_low", "gain_high", "rock", "ceiling"),
    *("seeds", "seed_sd", "domain"),
)
GAP_COLUMNS = (
    *("real", "simulated", "method", "metric", "mean_simulated", "mean_real"),
    *("gap", "gap_low", "gap_high", "n"),
)
JUDGED_COLUMNS = (
    *("volume", "method", "metric", "mean", "ci_low", "ci_high"),
    *("gain", "gain_low", "gain_high", "n"),
)
TEXTS = (
    *("volume", "real", "simulated", "sample", "method", "metric", "baseline", "rock"),
    *("source", "band", "domain", "measure", "unit"),
)


def read(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a CSV file that must have at least `columns`.

    Raises
    ------
    InputError
        If the file is missing, cut short, no table, lacks a column, has no rows, or text for a
        number.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; run the step that writes it")
    try:
        _check_whole(path)
        table = pd.read_csv(path, dtype={"sample": str, "method": str})
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is no CSV table ({reason}); delete it and run again") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path} has more cells than columns; delete it and run again")
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]}; delete it and run again")
    if table.empty:
        raise InputError(f"{path} has no rows; delete it and run again")
    for column in columns:
        if column not in TEXTS and table[column].dtype.kind not in "iuf":
            raise InputError(
                f"{path} has no numbers in the column {column}; delete it and run again"
            )
    return table


def metric_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns of a per-tile table that hold metrics, in their order."""
    return [column for column in table.columns if column not in TILE_COLUMNS]


def _check_whole(path: str | Path) -> None:
    """Refuse a table that ends within a line: its last number may be cut short, and look right."""
    with Path(path).open("rb") as stream:
        text = stream.read()
    if text and not text.endswith(b"\n"):
        raise ValueError("it is cut short")


def only_value(table: pd.DataFrame, column: str, path: str | Path) -> str:
    """Return the one value that a column repeats.

    Raises
    ------
    InputError
        If the column holds several values.
    """
    values = table[column].unique()
    if len(values) != 1:
        listed = ", ".join(map(str, values))
        raise InputError(f"{path} mixes several values of {column} ({listed}); give one a file")
    return str(values[0])
