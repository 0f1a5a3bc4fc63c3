"""Draw what the coarse scanner of a pair does: grey levels, detail and noise, beside the fit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COUNTS = 0.22  # height of the bars below the map of grey levels, share of the panel


def draw(fit: dict[str, Any]) -> Figure:
    """Return the figure of a fit."""
    from sandstone import style

    figure = style.figure(10.5, 3.9)
    greys, detail, noise = figure.subplots(1, 3)
    draw_greys(greys, fit)
    draw_spectra(detail, fit)
    draw_noise(noise, fit)
    for axes, letter in zip((greys, detail, noise), "abc", strict=True):
        style.panel_label(axes, letter)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.19), ncols=2)
    sigma = " × ".join(f"{each:.2f}" for each in fit["psf_sigma"])
    figure.suptitle(
        f"{fit['sample']}: blur of {sigma} HR voxels (z, y, x), "
        f"noise of {100 * fit['noise']['noise']:.1f} % of the data range"
    )
    return figure


def draw_greys(axes: Axes, fit: dict[str, Any]) -> None:
    """Draw the map of grey levels, what it was fitted to, and how often levels occur."""
    import numpy as np

    from sandstone import style

    bins, fine = fit["grey_bins"], np.array(fit["grey_bins"]["fine"])
    axes.plot(fit["grey"]["fine"], fit["grey"]["coarse"], color=style.VERMILLION, label="fitted")
    axes.plot(
        *(fine, bins["coarse"]), "o", color=style.BLUE, markersize=3.5, label="middles of the scans"
    )
    axes.set(xlabel="raw grey level, fine scan blurred", ylabel="raw grey level, coarse scan")
    axes.margins(x=0.04)
    low, high = axes.get_ylim()
    axes.set_ylim(low - COUNTS * (high - low), high)
    counts = axes.twinx()
    width = np.diff(fine).min() if len(fine) > 1 else 1.0
    counts.bar(fine, bins["counts"], width=width, color=style.LIGHT_GREY, zorder=0)
    counts.set_ylim(0, max(bins["counts"]) / COUNTS * (1 + COUNTS))
    counts.set_axis_off()
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)


def draw_spectra(axes: Axes, fit: dict[str, Any]) -> None:
    """Draw power spectra of the coarse scan, of the fitted blur, and with the fitted noise."""
    import numpy as np

    from sandstone import style

    spectrum = fit["spectrum"]
    frequency, model = (np.array(spectrum[name]) for name in ("frequency_per_um", "model"))
    noise = noise_power(fit, frequency)
    axes.plot(frequency, spectrum["coarse"], color=style.BLACK, label="coarse scan")
    axes.plot(frequency, model, color=style.SKY, linestyle="--", label="fitted blur")
    axes.plot(frequency, noise, color=style.GREY, linestyle=":", label="fitted noise")
    axes.plot(frequency, model + noise, color=style.VERMILLION, label="fitted, both")
    axes.set_yscale("log")
    seen = np.concatenate([spectrum["coarse"], model + noise])
    axes.set_ylim(seen.min() / 5, seen.max() * 2)
    axes.set(xlabel="frequency (cycles/µm)", ylabel="power (µm²)")


def noise_power(fit: dict[str, Any], frequency: np.ndarray) -> np.ndarray:
    """Return the spectrum of the fitted noise, as Parseval has it: shape (k,), µm²."""
    import numpy as np

    from sandstone.imaging.degrade import gaussian_weights

    noise, pixel = fit["noise"], fit["coarse_voxel_size_um"][2]
    bins = fit["noise_bins"]
    grey = np.average(bins["grey"], weights=bins["counts"])
    weights = gaussian_weights(float(np.mean(noise["correlation"][1:])))
    place = np.arange(len(weights)) - len(weights) // 2
    passed = (weights * np.cos(2 * np.pi * np.outer(frequency, place) * pixel)).sum(axis=1)
    variance = noise["noise"] ** 2 + noise["noise_slope"] * grey
    return variance * pixel**2 * passed**2 / np.sum(weights**2) ** 2


def draw_noise(axes: Axes, fit: dict[str, Any]) -> None:
    """Draw the variance of the noise over the grey level: the line of photon transfer."""
    import numpy as np

    from sandstone import style

    bins, noise = fit["noise_bins"], fit["noise"]
    counts = np.array(bins["counts"])
    axes.scatter(
        bins["grey"],
        1e4 * np.array(bins["variance"]),
        s=12 + 60 * counts / counts.max(),
        color=style.BLUE,
        label="where the rock is even",
    )
    ends = np.array([0.0, 1.0])
    line = 1e4 * (noise["noise"] ** 2 + noise["noise_slope"] * ends)
    axes.plot(ends, line, color=style.VERMILLION, label="fitted")
    axes.set(
        xlabel="grey level, share of the data range", ylabel="variance (10⁻⁴ of the data range²)"
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0, top=1.25 * max(axes.get_ylim()[1], 1e-9))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--fit", type=cli.InputPath, required=True, help="fitted degradation (.json)"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the fit, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.degradation import fitted

    fit = fitted.read(args.fit)
    style.save(draw(fit), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=fit["fine_voxel_size_um"])
    print(f"drew the degradation of {fit['sample']} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
