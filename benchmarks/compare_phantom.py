"""Draw the synthetic sandstone beside a real one: docs/phantom_beside_real_rock.png.

Needs the shared rock (SANDSTONE_DATA). Both are shown at the same magnification.
"""

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

import numpy as np  # noqa: E402 - after the path to the shared modules
import tifffile  # noqa: E402
import yaml  # noqa: E402

from sandstone import style  # noqa: E402
from sandstone.imaging import window  # noqa: E402
from sandstone.phantom.phantom import Phantom, Recipe  # noqa: E402

ROCK = Path(os.environ.get("SANDSTONE_DATA", REPOSITORY.parent / "shared" / "data"))
OUTPUT = REPOSITORY / "docs" / "phantom_beside_real_rock.png"
REAL_VOXEL_UM = 2.2315
EDGE_UM = 1000.0
SLICE = 20


def phantom_slice() -> tuple[np.ndarray, float]:
    """Return one slice of the default phantom, made shallower, and its voxel size."""
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    settings = config["samples"]["phantom"]["phantom"]
    shape = (48, *settings["shape"][1:])
    slices = Phantom(Recipe(**{**settings, "shape": shape, "seed": config["seed"]})).slices()
    image = next(image for depth, image in enumerate(slices) if depth == SLICE)
    return image, settings["voxel_size_um"]


def central(image: np.ndarray, voxel_um: float) -> np.ndarray:
    """Cut the central square of `EDGE_UM` and stretch its grey levels as slicing does."""
    half = round(EDGE_UM / voxel_um / 2)
    y, x = (length // 2 for length in image.shape)
    square = image[y - half : y + half, x - half : x + half]
    return window.apply(square, *np.percentile(square, [0.1, 99]))


def main() -> None:
    """Make both squares and draw them side by side."""
    if not (ROCK / "sandstone_versa.tif").is_file():
        sys.exit(f"compare_phantom: {ROCK}/sandstone_versa.tif is absent; see data/README.md")
    real = tifffile.imread(ROCK / "sandstone_versa.tif")[3]
    phantom, voxel_um = phantom_slice()
    squares = {
        "Synthetic sandstone": (central(phantom, voxel_um), voxel_um),
        "Real sandstone": (central(real, REAL_VOXEL_UM), REAL_VOXEL_UM),
    }
    figure = style.figure(7.2, 3.8)
    for axes, (title, (square, size)) in zip(figure.subplots(1, 2), squares.items(), strict=True):
        style.show_grey(axes, square, 255)
        style.scale_bar(axes, size)
        axes.set_title(title)
    figure.savefig(OUTPUT, dpi=95)
    print(OUTPUT)


if __name__ == "__main__":
    main()
