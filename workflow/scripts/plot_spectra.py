"""Draw the radial power spectra of HR and of every method, each method's share, and what is true.

Below the LR Nyquist frequency a method need only keep what the LR tile holds; above it,
power is detail that the method made up. The ring correlation with HR tells how much of it is
true.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.choices import BASELINES
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def read_spectra(paths: Sequence[str], sample: str, measure: str = "power") -> pd.DataFrame:
    """Return a measure at each frequency (index, cycles/µm): a column each for HR and the methods.

    The measure is ``power`` or ``ring_correlation``.

    Raises
    ------
    InputError
        If a table is no spectrum, is of another sample, or disagrees about HR.
    """
    import pandas as pd

    from sandstone.metrics import tables

    columns: dict[str, pd.Series] = {}
    for path in paths:
        table = tables.read(path, tables.SPECTRUM_COLUMNS)
        found = tables.only_value(table, "sample", path)
        if found != sample:
            raise InputError(
                f"{path} is of {found} but the pairs are of {sample}; give spectra of one sample"
            )
        spectra = dict(iter(table.groupby("method")))
        if "hr" not in spectra:
            raise InputError(f"{path} lacks the spectrum of hr; measure the method again")
        for name, part in spectra.items():
            values = part.set_index("frequency_per_um")[measure]
            if name in columns and not values.equals(columns[name]):
                raise InputError(
                    f"{path} gives another spectrum of {name} than a table before it; measure all "
                    "methods on the same pairs"
                )
            columns[name] = values
    return pd.DataFrame(columns)


def draw(
    spectra: pd.DataFrame, correlations: pd.DataFrame, sample: str, lr_nyquist: float
) -> Figure:
    """Return the figure: power, share of HR's power, and correlation with HR, one below the other.

    Parameters
    ----------
    spectra, correlations
        What `read_spectra` returns of the power and of the ring correlation.
    sample
        For the title.
    lr_nyquist
        Highest frequency that the LR pixels can hold, cycles/µm.
    """
    from sandstone import style
    from sandstone.metrics.spectra import RESOLVED

    figure = style.figure(7.5, 9)
    power, share, truth = figure.subplots(3, 1, sharex=True, height_ratios=(1.35, 1, 1))
    truth.set_ylim(min(0, correlations.to_numpy().min()), 1.02)
    methods = [name for name in spectra.columns if name != "hr"]
    colours = style.method_colours(methods)
    power.semilogy(spectra["hr"], color=style.HR_COLOUR, linewidth=2.2, label="HR")
    for method in methods:
        look = {"color": colours[method], "linestyle": line_style(method), "label": method}
        power.semilogy(spectra[method], **look)
        share.semilogy(spectra[method] / spectra["hr"], **look)
        truth.plot(correlations[method], **look | {"label": finest(correlations[method])})
    share.axhline(1, color=style.HR_COLOUR, linewidth=2.2)
    truth.axhline(RESOLVED, color=style.GREY, linewidth=1)
    for axes in (power, share, truth):
        axes.axvline(lr_nyquist, color=style.GREY, linestyle=(0, (6, 3)), linewidth=1)
    mark_nyquist(power, lr_nyquist)
    power.set(ylabel="power (µm²)")
    share.set(ylabel="power / power of HR")
    truth.set(ylabel="correlation with HR", xlabel="spatial frequency (cycles/µm)")
    truth.legend(title="true down to", ncols=2)
    share.set_xlim(0, spectra.index.max())
    power.legend(ncols=2)
    for letter, axes in (("a", power), ("b", share), ("c", truth)):
        style.panel_label(axes, letter)
    figure.suptitle(f"{sample}: radial power spectra of the test tiles")
    return figure


def finest(correlation: pd.Series) -> str:
    """Return the size of the finest details that are true, from a method's ring correlation."""
    from sandstone.metrics.spectra import resolution_um

    size = resolution_um(correlation.index.to_numpy(), correlation.to_numpy())
    return f"{size:.3g} µm"


def line_style(method: str) -> str:
    """Return dashes for baselines and a whole line for models."""
    return "--" if method in BASELINES else "-"


def mark_nyquist(axes: Axes, lr_nyquist: float) -> None:
    """Write beside its line what the LR Nyquist frequency is."""
    from sandstone import style

    axes.annotate(
        f" LR Nyquist,\n {lr_nyquist:.3g} cycles/µm",
        (lr_nyquist, 0.03),
        xycoords=axes.get_xaxis_transform(),
        color=style.GREY,
        fontsize=8.5,
        va="bottom",
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--spectra",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="power spectra (.csv), in the order to show",
    )
    arguments.add_argument(
        "--pairs", type=cli.InputPath, required=True, help="tile pairs, for the LR voxel size (.h5)"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the spectra and the voxel size, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.dataset.pairs import open_pairs
    from sandstone.metrics.spectra import in_plane_voxel_size_um

    with open_pairs(args.pairs) as pairs:
        sample = pairs.attrs.sample
        lr_nyquist = 0.5 / in_plane_voxel_size_um(pairs.attrs.lr_voxel_size_um)
    measures = ("power", "ring_correlation")
    read = [read_spectra(args.spectra, sample, measure) for measure in measures]
    style.save(draw(read[0], read[1], sample, lr_nyquist), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=pairs.attrs.hr_voxel_size_um)
    print(f"drew {len(args.spectra)} spectra to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
