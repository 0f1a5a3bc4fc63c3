"""Draw the radial power spectra of HR and of every method, and each method's share of HR.

Below the LR Nyquist frequency a method need only keep what the LR tile holds; above it,
power is detail that the method made up, rightly or wrongly.
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


def read_spectra(paths: Sequence[str], sample: str) -> pd.DataFrame:
    """Return the power at each frequency (index, cycles/µm): a column each for HR and the methods.

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
            power = part.set_index("frequency_per_um")["power"]
            if name in columns and not power.equals(columns[name]):
                raise InputError(
                    f"{path} gives another spectrum of {name} than a table before it; measure all "
                    "methods on the same pairs"
                )
            columns[name] = power
    return pd.DataFrame(columns)


def draw(spectra: pd.DataFrame, sample: str, lr_nyquist: float) -> Figure:
    """Return the figure: power above, share of HR's power below.

    Parameters
    ----------
    spectra
        What `read_spectra` returns.
    sample
        For the title.
    lr_nyquist
        Highest frequency that the LR pixels can hold, cycles/µm.
    """
    from sandstone import style

    figure = style.figure(7.5, 6.8)
    power, share = figure.subplots(2, 1, sharex=True, height_ratios=(1.35, 1))
    methods = [name for name in spectra.columns if name != "hr"]
    colours = style.method_colours(methods)
    power.semilogy(spectra["hr"], color=style.HR_COLOUR, linewidth=2.2, label="HR")
    for method in methods:
        look = {"color": colours[method], "linestyle": line_style(method), "label": method}
        power.semilogy(spectra[method], **look)
        share.semilogy(spectra[method] / spectra["hr"], **look)
    share.axhline(1, color=style.HR_COLOUR, linewidth=2.2)
    for axes in (power, share):
        axes.axvline(lr_nyquist, color=style.GREY, linestyle=(0, (6, 3)), linewidth=1)
    mark_nyquist(power, lr_nyquist)
    power.set(ylabel="power (µm²)")
    share.set(ylabel="power / power of HR", xlabel="spatial frequency (cycles/µm)")
    share.set_xlim(0, spectra.index.max())
    power.legend(ncols=2)
    for letter, axes in (("a", power), ("b", share)):
        style.panel_label(axes, letter)
    figure.suptitle(f"{sample}: radial power spectra of the test tiles")
    return figure


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
    spectra = read_spectra(args.spectra, sample)
    style.save(draw(spectra, sample, lr_nyquist), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=pairs.attrs.hr_voxel_size_um)
    print(f"drew {len(args.spectra)} spectra to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
