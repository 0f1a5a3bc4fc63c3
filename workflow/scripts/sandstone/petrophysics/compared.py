"""What the pores of every method say beside those of HR: the table, and the same in words."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sandstone.files import cell, csv_text
from sandstone.petrophysics.measures import described
from sandstone.petrophysics.rock_tables import ROCK_COLUMNS, Draws, Row, rows_of


def compare(
    tables: Mapping[str, pd.DataFrame],
    reference: pd.DataFrame,
    blocks: np.ndarray,
    resampled: Draws | None,
    *,
    siblings: Mapping[str, Sequence[str]],
    confidence: float,
) -> list[Row]:
    """Return the rows of every method, without those that are another one's siblings.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By method, all of the same images and thresholds.
    reference, blocks, resampled, confidence
        See `rows_of`.
    siblings : mapping of str to sequence of str
        Methods that differ from one in the seed of their training alone.
    """
    further = {name for others in siblings.values() for name in others}
    return [
        row
        for method, table in tables.items()
        if method not in further
        for row in rows_of(
            table,
            reference,
            blocks,
            resampled,
            siblings=[tables[name] for name in siblings.get(method, ()) if name in tables],
            confidence=confidence,
        )
    ]


def table_text(rows: Sequence[Row]) -> str:
    """Return the rows as CSV text; what cannot be given is empty."""
    return csv_text(
        ROCK_COLUMNS,
        ([cell(value) if isinstance(value, float) else value for value in row] for row in rows),
    )


def tell(rows: Sequence[Row]) -> None:
    """Print a line a method and measure."""
    for row in rows:
        about = described(row.measure)
        if not math.isnan(row.lost):
            print(f"{row.method}, {about.name}: {row.lost:.0f} lost", flush=True)
            continue
        ends = f"[{row.error_low:+.1f}, {row.error_high:+.1f}]"
        error = f"{row.error:+.1f} % {ends if row.error_low <= row.error_high else '[none]'}"
        print(f"{row.method}, {about.name}: {error}, {row.swept:.1f} % over the sweep", flush=True)
        if not math.isnan(row.held):
            print(
                f"    {row.seeds} seeds: from {row.seed_low:.4g} to {row.seed_high:.4g}, HR has "
                f"{row.hr:.4g}; such an interval holds HR in {row.held:.0f} % of the images",
                flush=True,
            )
