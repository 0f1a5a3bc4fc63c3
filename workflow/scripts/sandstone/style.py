"""One look for all figures: type, colours, scale bars, and files without dates."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.transforms import Bbox
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from sandstone import files

mpl.use("Agg")
mpl.rcParams.update(
    {
        "axes.axisbelow": True,
        "axes.edgecolor": "#444444",
        "axes.grid": True,
        "axes.labelsize": 9,
        "axes.linewidth": 0.8,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 9.5,
        "figure.constrained_layout.h_pad": 0.06,
        "figure.constrained_layout.w_pad": 0.06,
        "figure.facecolor": "white",
        "figure.titlesize": 11,
        # DejaVu Sans comes with matplotlib, so that every machine draws the same letters.
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.6,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "lines.linewidth": 1.4,
        "pdf.compression": 9,
        # TrueType stays text: journals refuse the outlines of Type 3.
        "pdf.fonttype": 42,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
    }
)

DPI = 200
PLACE_DIGITS = 9  # of places in a figure, as shares of it

# Okabe & Ito (2008), "Color Universal Design": distinct under every kind of colour blindness.
BLUE, SKY, GREEN, YELLOW = "#0072B2", "#56B4E9", "#009E73", "#F0E442"
ORANGE, VERMILLION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"
BLACK, GREY, LIGHT_GREY = "#222222", "#8c8c8c", "#d9d9d9"

HR_COLOUR = BLACK
SPLIT_COLOURS = {"train": BLUE, "val": ORANGE, "test": VERMILLION}
BASELINE_COLOURS = {"nearest": GREY, "bilinear": SKY, "bicubic": BLUE, "lanczos": GREEN}
# The last five are dark colours of Tol (2021), "Colour schemes", muted.
MODEL_COLOURS = (ORANGE, VERMILLION, PURPLE, "#882255", "#332288", "#999933", "#117733", "#AA4499")


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` by `height` inches that lays itself out.

    It belongs to no global state, so it needs no closing.
    """
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def save(drawn: Figure, png: str | Path, pdf: str | Path) -> None:
    """Write a figure as PNG (`DPI` dots per inch) and PDF, the same bytes on every run.

    Both files appear together or not at all. Times and version numbers are left out of
    the metadata.
    """
    # Laid out once: both files agree, and it takes longer than drawing.
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    _settle(drawn)
    with files.atomic_path(png) as png_part, files.atomic_path(pdf) as pdf_part:
        drawn.savefig(png_part, format="png", metadata={"Software": None})
        no_date = {"CreationDate": None, "Creator": None, "Producer": None}
        drawn.savefig(pdf_part, format="pdf", metadata=no_date)


def _settle(drawn: Figure | SubFigure) -> None:
    """Round the places that the layout found.

    Its solver adds in the order of addresses in memory, so the last bits of a place may differ from
    run to run, and PDF writes -0 for one of them and 0 for the other.
    """
    for part in drawn.subfigs:
        part.bbox_relative.set_points(_rounded(part.bbox_relative.get_points()))
        _settle(part)
    for axes in drawn.axes:
        place = axes.get_position(original=True)
        axes.set_position(Bbox(_rounded(place.get_points())))


def _rounded(points: np.ndarray) -> np.ndarray:
    """Return points, as shares of the figure, without the last bits and without -0."""
    return np.round(points, PLACE_DIGITS) + 0.0


def method_colours(methods: Sequence[str]) -> dict[str, str]:
    """Return one colour a method.

    Baselines and HR have colours of their own; models take theirs in the order given, so
    figures that list the models in the same order agree.
    """
    fixed = BASELINE_COLOURS | {"hr": HR_COLOUR}
    models = dict.fromkeys(method for method in methods if method not in fixed)
    coloured = fixed | dict(zip(models, itertools.cycle(MODEL_COLOURS), strict=False))
    return {method: coloured[method] for method in methods}


def show_grey(axes: Axes, image: np.ndarray, grey_max: int, *, aspect: float = 1.0) -> AxesImage:
    """Draw an image of shape (y, x) in grey levels, 0 black and `grey_max` white.

    Every image of a figure has this same scale, so brightness may be compared.

    Parameters
    ----------
    axes
        Where to draw; ticks and grid are removed.
    image
        Unsigned integer grey levels.
    grey_max
        The data range: largest value of the dtype.
    aspect
        Height of a voxel divided by its width.
    """
    bare(axes)
    return axes.imshow(image, cmap="gray", vmin=0, vmax=grey_max, aspect=aspect)


def bare(axes: Axes) -> None:
    """Remove ticks and grid from the axes of an image, and keep a thin frame."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, linewidth=0.5)


def log_ordinate(axes: Axes) -> None:
    """Make the ordinate logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def round_length_um(width_um: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that fits into a third of a width.

    Examples
    --------
    >>> round_length_um(571.0)
    100.0
    """
    target = width_um / 3
    # The logarithm of a number just below a power of ten may be rounded up to that power's.
    decades = [10.0 ** (math.floor(math.log10(target)) + shift) for shift in (-1, 0)]
    lengths = (step * decade for decade in decades for step in (1, 2, 5))
    return max(length for length in lengths if length <= target)


def length_label(length_um: float) -> str:
    """Return a length with its unit: micrometres, or millimetres from 1000 µm on."""
    return f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"


def scale_bar(axes: Axes, voxel_size_um: float, *, corner: str = "lower left") -> None:
    """Draw a scale bar of round length into a corner of an image.

    Parameters
    ----------
    axes
        Axes whose horizontal data unit is one voxel.
    voxel_size_um
        Width of a voxel in micrometres.
    corner
        `lower left` or `lower right`.
    """
    voxels, rows = (abs(end - start) for start, end in (axes.get_xlim(), axes.get_ylim()))
    length_um = round_length_um(voxels * voxel_size_um)
    bar = AnchoredSizeBar(
        axes.transData,
        length_um / voxel_size_um,
        length_label(length_um),
        loc=corner,
        pad=0.25,
        borderpad=0.35,
        sep=2.5,
        color="white",
        size_vertical=min(voxels, rows) / 60,
        fontproperties=FontProperties(size=7.5),
    )
    bar.patch.set(facecolor="black", edgecolor="none", alpha=0.65)
    axes.add_artist(bar)


def panel_label(axes: Axes, letter: str) -> None:
    """Write a bold panel letter at the upper left, in line with the title."""
    axes.set_title(letter, loc="left", fontweight="bold", fontsize=11)
