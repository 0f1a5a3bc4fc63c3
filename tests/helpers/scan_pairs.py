"""Two scans of one made-up rock, of which everything is known that a fit has to find."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter1d

from sandstone.degradation import sub_blocks
from sandstone.degradation.sub_blocks import Overlap, SubBlock
from sandstone.registration.transform import Transform

FINE_UM = 2.0
Vector = tuple[float, float, float]


def rock(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Grains and pores with some texture: float64 in [0, 1], shape (z, y, x)."""
    rng = np.random.default_rng(seed)
    grains = gaussian_filter(rng.standard_normal(shape), 3)
    texture = gaussian_filter(rng.standard_normal(shape), 1.5)
    grey = np.where(grains > np.quantile(grains, 0.25), 0.7, 0.25)
    return np.clip(grey + 0.15 * texture / texture.std(), 0.02, 0.98)


def noise(shape: tuple[int, ...], *, grain: float = 0.0, seed: int = 1) -> np.ndarray:
    """Noise of variance 1, shaped by a Gaussian of `grain` voxels."""
    white = np.random.default_rng(seed).standard_normal(shape)
    shaped = gaussian_filter(white, grain, mode="wrap") if grain else white
    return shaped / shaped.std()


@dataclass
class ScanPair:
    """A fine scan and a coarse one; `shift` is where the coarse voxels lie farther, fine voxels.

    The coarse scan is what SciPy makes of the rock, not the code under test: blur, mean over
    `scale` voxels along y and x, cubic splines at the coarse voxels' centres, noise, `grey`.
    """

    scale: int = 2
    sigma: Vector = (1.6, 2.4, 2.0)
    shift: Vector = (0.3, -0.4, 0.2)
    shape: tuple[int, int, int] = (48, 100, 100)
    fine_noise: float = 0.03
    noise: float = 0.02
    noise_slope: float = 0.0
    grain: float = 0.0
    grey: Callable[[np.ndarray], np.ndarray] = lambda levels: 30 + 200 * levels
    rock: np.ndarray = field(init=False)
    fine: np.ndarray = field(init=False)
    coarse: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.rock = rock(self.shape)
        dirty = self.rock + self.fine_noise * noise(self.shape, seed=5)
        self.fine = np.clip(dirty, 0, 1).astype(np.float32)
        seen = self._seen()
        variance = self.noise**2 + self.noise_slope * np.clip(seen, 0, 1)
        self.coarse = self.grey(seen + np.sqrt(variance) * noise(seen.shape, grain=self.grain))

    def _seen(self) -> np.ndarray:
        blurred = gaussian_filter(self.rock, self.sigma)
        for axis in (1, 2):
            blurred = uniform_filter1d(blurred, self.scale, axis=axis)
        # Of an even number of voxels, SciPy's mean belongs to half a voxel before.
        half = np.array([0.0, 0.5, 0.5]) * (self.scale % 2 == 0)
        starts = np.array(self.shift) + self.scale / 2 - 0.5 + half
        counts = [length // self.scale - 1 for length in self.shape]
        places = [s + self.scale * np.arange(n) for s, n in zip(starts, counts, strict=True)]
        return map_coordinates(blurred, np.meshgrid(*places, indexing="ij"), order=3)

    @property
    def transform(self) -> Transform:
        """What a perfect registration finds."""
        z, y, x = (-FINE_UM * each for each in self.shift)
        return Transform((z, y, x))

    def overlap(self, transform: Transform | None = None) -> Overlap:
        """How the scans lie on each other; as they do, unless another transform is given."""
        coarse_um = FINE_UM * self.scale
        return Overlap(
            transform=transform or self.transform,
            fine_shape=self.shape,
            fine_origin=(0, 0, 0),
            fine_voxel_size_um=(FINE_UM,) * 3,
            coarse_shape=self.coarse.shape,
            coarse_voxel_size_um=(coarse_um,) * 3,
            scale=self.scale,
        )

    def blocks(self, transform: Transform | None = None) -> list[SubBlock]:
        """The sub-blocks of both scans, all of them rock."""
        everywhere = np.ones(self.shape[1:], bool)
        return sub_blocks.read(
            sub_blocks.choose(self.overlap(transform), lambda _z: everywhere),
            read_fine=self.fine.__getitem__,
            read_rock=lambda _z: everywhere,
            read_coarse=lambda z, y, x: self.coarse[z, y, x],
        )
