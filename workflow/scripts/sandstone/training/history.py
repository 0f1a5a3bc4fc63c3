"""What every step measured: the columns of `history.csv` and their text."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sandstone.files import csv_text
from sandstone.training import losses

COLUMNS = (
    "step",
    "learning_rate",
    "loss",
    *map(losses.column, losses.TERMS),
    "loss_discriminator",
    "discriminator_real",
    "discriminator_fake",
    "val_psnr_db",
    "val_ssim",
)
Measured = Mapping[str, float]  # only the columns that the step measured


def to_csv(rows: Sequence[Measured]) -> str:
    """Return the table as CSV, empty where a step did not measure.

    Numbers carry nine significant digits, which tell any two float32 apart.
    """
    return csv_text(COLUMNS, ([_text(row.get(column)) for column in COLUMNS] for row in rows))


def to_array(rows: Sequence[Measured]) -> np.ndarray:
    """Return the table as float64, shape (rows, columns), NaN where a step did not measure."""
    table = [[row.get(column, math.nan) for column in COLUMNS] for row in rows]
    return np.array(table, np.float64).reshape(len(rows), len(COLUMNS))


def from_array(table: np.ndarray) -> list[Measured]:
    """Return the rows that `to_array` was given."""
    return [
        {column: value for column, value in zip(COLUMNS, row, strict=True) if not math.isnan(value)}
        for row in table.tolist()
    ]


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
