"""A synthetic sandstone with CT physics, seeded.

Packed and cemented grains (`grains.py`) of several minerals, with rough surfaces, opened
contacts, dissolution along the cleavage of feldspars and microporous clay; then the scanner:
point spread function, Poisson and Gaussian noise, rings, plug and holder. Attenuations are
shares of quartz's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import ndtri

from sandstone.errors import InputError
from sandstone.phantom.grains import distance_fields, pack
from sandstone.seeds import Stage

GRAINS, MINERALS, RINGS, ROUGHNESS, TEXTURE, NOISE, SURFACE = range(7)

QUARTZ, FELDSPAR, CLAY, HEAVY = range(4)
ATTENUATION = np.array([1.0, 1.13, 0.85, 2.15], np.float32)  # by mineral
FELDSPAR_SHARE = 0.16
PORE, AIR, HOLDER = 0.32, 0.0, 0.2  # pores hold some resin, as in an impregnated plug
WHITE = 2.4  # attenuation at the detector's largest grey level
BLACK = -0.1  # attenuation at grey level 0: noise on air is not cut off
VARIATION = 0.02  # standard deviation of attenuation from grain to grain

ROUGHNESS_VOXELS = 0.7  # standard deviation of the grains' surfaces
ROUGHNESS_LENGTH = 1.6  # voxels
OPEN_CONTACT = 0.55  # voxels between two grains, below which an open contact is a crack
OPEN_SHARE = 0.2  # share of the grains whose contacts stay open
CLEAVAGE_PERIOD = 6.0  # voxels between two planes along which feldspars dissolve
DISSOLVED_SHARE = 0.3  # share of the feldspars that are partly dissolved
MICROPORES = 0.35  # share of clay that is pore, in specks of about a voxel
CLAY_CONTRAST = 0.15  # standard deviation of attenuation within clay
TEXTURE_LENGTH = 0.9  # voxels over which clay varies

PATH_LENGTH = 0.5  # optical depth of a voxel of quartz, for the number of photons that arrive
NOISE_LENGTH = 0.45  # voxels over which reconstruction correlates noise, in plane

PLUG_RADIUS = 0.955  # shares of half the slice
GAP = 0.01
HOLDER_THICKNESS = 0.03

SLAB = 48  # slices computed at once; the result does not depend on it
SURFACE_SLICES = 32  # slices in which porosity is measured


@dataclass(frozen=True)
class Specification:
    """What a phantom is made of and how it is scanned; units and ranges as in the config's schema.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x), voxels.
    """

    shape: tuple[int, int, int]
    voxel_size_um: float
    porosity: float
    grain_size_um: float
    clay: float
    heavy_minerals: float
    psf_sigma: float
    photons: float
    readout_noise: float
    ring_strength: float
    plug: bool
    seed: int


class Phantom:
    """A synthetic sandstone, grown at once and scanned slab by slab.

    Parameters
    ----------
    wanted : Specification

    Raises
    ------
    InputError
        If the grains are too small for the voxels or too large for the volume, or if their
        minerals leave no quartz.
    """

    def __init__(self, wanted: Specification) -> None:
        diameter = wanted.grain_size_um / wanted.voxel_size_um
        _check_diameter(wanted, diameter)
        self._wanted = wanted
        self._reach = max(6.0, 0.35 * diameter)
        solid = 1 - wanted.porosity
        self._grains = pack(wanted.shape, diameter, solid, self._random(GRAINS))
        self._minerals = _choose_minerals(wanted, len(self._grains), self._random(MINERALS))
        self._surface = self._find_surface()

    def slices(self) -> Iterator[np.ndarray]:
        """Yield the scanned slices in order of depth: uint16, shape (y, x)."""
        depth = self._wanted.shape[0]
        halo = _filter_reach(self._wanted.psf_sigma)
        for start in range(0, depth, SLAB):
            stop = min(start + SLAB, depth)
            rock = self._rock(np.arange(start - halo, stop + halo))
            yield from self._scan(rock, halo, np.arange(start, stop))

    def pores(self, z: np.ndarray) -> np.ndarray:
        """Return where slices `z`, consecutive ones, are pore between grains: bool (z, y, x).

        Cracks, dissolution, clay's micropores and heavy cement are not counted.
        """
        return self._rough_distance(z)[0] >= self._surface

    def _random(self, purpose: int, *more: int) -> np.random.Generator:
        return np.random.default_rng([self._wanted.seed, Stage.PHANTOM, purpose, *more])

    def _smooth_noise(self, purpose: int, z: np.ndarray, length: float) -> np.ndarray:
        """Return Gaussian noise of variance 1, correlated over `length` voxels, in slices `z`.

        The noise belongs to the slices: it is the same, whatever slab they are asked for in.
        """
        halo = _filter_reach(length)
        noise = np.stack(
            [
                # Depths above the volume are negative; a seed may not be.
                self._random(purpose, depth % 2**32).standard_normal(
                    self._wanted.shape[1:], np.float32
                )
                for depth in range(int(z[0]) - halo, int(z[-1]) + halo + 1)
            ]
        )
        smooth = ndimage.gaussian_filter(noise, length)[halo : halo + len(z)]
        return smooth / np.float32(_smoothed_deviation(length))

    def _rough_distance(self, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return rough distances to the two nearest grains, the nearest, and the roughness."""
        fields = distance_fields(self._grains, z, self._wanted.shape[1:], self._reach)
        rough = ROUGHNESS_VOXELS * self._smooth_noise(ROUGHNESS, z, ROUGHNESS_LENGTH)
        return fields.nearest + rough, fields.second + rough, fields.label, rough

    def _find_surface(self) -> float:
        """Return the distance from the packed grains at which the cement ends: by porosity.

        Only the spread of the roughness matters here, so that uncorrelated noise will do.
        """
        depth, height, width = self._wanted.shape
        z = np.linspace(0, depth - 1, min(depth, SURFACE_SLICES)).round().astype(int)
        distance = distance_fields(self._grains, z, (height, width), self._reach).nearest
        sample = distance[:, ::2, ::2]
        rough = self._random(SURFACE).standard_normal(sample.shape, np.float32)
        return float(np.quantile(sample + ROUGHNESS_VOXELS * rough, 1 - self._wanted.porosity))

    def _rock(self, z: np.ndarray) -> np.ndarray:
        """Return the attenuation of the rock before the scanner: float32 (z, y, x)."""
        nearest, second, label, rough = self._rough_distance(z)
        kind = self._minerals.kind[label]
        attenuation = self._minerals.attenuation[label]
        pore = nearest >= self._surface
        crack = ~pore & (second - nearest < OPEN_CONTACT) & self._minerals.open[label]
        texture = self._smooth_noise(TEXTURE, z, TEXTURE_LENGTH)
        attenuation += np.float32(CLAY_CONTRAST) * texture * (kind == CLAY)
        self._dissolve(attenuation, z, label, texture=rough)
        micropore = (kind == CLAY) & (texture < np.float32(ndtri(MICROPORES)))
        # Heavy minerals are cement, too: they fill the pores around their grains.
        attenuation[(pore & (kind != HEAVY)) | crack | micropore] = PORE
        return attenuation

    def _dissolve(
        self, attenuation: np.ndarray, z: np.ndarray, label: np.ndarray, *, texture: np.ndarray
    ) -> None:
        """Open planes along the cleavage of the partly dissolved feldspars, in place.

        The texture bends the planes and leaves some of them closed.
        """
        dissolved = self._minerals.dissolved[label]
        where = np.nonzero(dissolved)
        places = np.stack([z[where[0]], where[1], where[2]], axis=1).astype(np.float32)
        across = np.einsum("ni,ni->n", places, self._minerals.cleavage[label[where]])
        bend = texture[where] / np.float32(ROUGHNESS_VOXELS)
        opened = np.cos(2 * np.pi / CLEAVAGE_PERIOD * across + bend) > 0.6 - 0.5 * bend
        attenuation[tuple(axis[opened] for axis in where)] = PORE

    def _scan(self, rock: np.ndarray, halo: int, z: np.ndarray) -> np.ndarray:
        """Return slices `z` as the scanner sees them: uint16 (z, y, x).

        The rock has `halo` further slices at both ends, for the point spread function.
        """
        wanted = self._wanted
        radius = _radius(wanted.shape[1:])
        if wanted.plug:
            rock = _put_in_holder(rock, radius)
        image = ndimage.gaussian_filter(rock, wanted.psf_sigma)[halo : halo + len(z)]
        rings = self._rings(radius)
        for index, depth in enumerate(z):
            image[index] += self._noise(image[index], int(depth)) + rings
        if wanted.plug:
            image[:, radius > 1] = BLACK  # outside the circle of the reconstruction
        share = np.clip((image - BLACK) / (WHITE - BLACK), 0, 1)
        return np.rint(share * np.float32(65535)).astype(np.uint16)

    def _noise(self, image: np.ndarray, depth: int) -> np.ndarray:
        """Return the noise of one slice: Poisson in the photons, Gaussian in the readout.

        Photons are counted behind a voxel of optical depth `PATH_LENGTH` times attenuation
        (Beer-Lambert), and their logarithm brings the count back to attenuation.
        """
        wanted = self._wanted
        rng = self._random(NOISE, depth)
        expected = wanted.photons * np.exp(-PATH_LENGTH * image)
        counts = np.maximum(rng.poisson(expected), 1)
        photon_noise = np.log(expected / counts).astype(np.float32) / np.float32(PATH_LENGTH)
        readout = wanted.readout_noise * rng.standard_normal(image.shape, np.float32)
        return ndimage.gaussian_filter(photon_noise + readout, NOISE_LENGTH)

    def _rings(self, radius: np.ndarray) -> np.ndarray:
        """Return ring artefacts: every detector pixel is a little off, at every depth alike."""
        edge = max(self._wanted.shape[1:])
        gains = self._random(RINGS).standard_normal(edge + 1, np.float32)
        places = np.minimum((radius * edge / 2).astype(int), edge)
        return np.float32(self._wanted.ring_strength) * gains[places]


@dataclass(frozen=True)
class _Minerals:
    """What each grain is made of, one entry a grain."""

    kind: np.ndarray
    attenuation: np.ndarray
    open: np.ndarray
    dissolved: np.ndarray
    cleavage: np.ndarray


def _choose_minerals(wanted: Specification, count: int, rng: np.random.Generator) -> _Minerals:
    # Rounding must not bring a share below zero.
    quartz = max(0.0, 1 - wanted.clay - wanted.heavy_minerals - FELDSPAR_SHARE)
    shares = [quartz, FELDSPAR_SHARE, wanted.clay, wanted.heavy_minerals]
    kind = rng.choice(4, count, p=shares)
    cleavage = rng.normal(size=(count, 3)).astype(np.float32)
    return _Minerals(
        kind=kind,
        attenuation=ATTENUATION[kind] * rng.normal(1, VARIATION, count).astype(np.float32),
        open=rng.random(count) < OPEN_SHARE,
        dissolved=(kind == FELDSPAR) & (rng.random(count) < DISSOLVED_SHARE),
        cleavage=cleavage / np.linalg.norm(cleavage, axis=1, keepdims=True),
    )


def _check_diameter(wanted: Specification, diameter: float) -> None:
    if diameter < 6:
        raise InputError(
            f"grains of {wanted.grain_size_um:g} µm are {diameter:.1f} voxels across, fewer than "
            "6; raise grain_size_um or lower voxel_size_um"
        )
    if diameter > min(wanted.shape):
        raise InputError(
            f"grains of {wanted.grain_size_um:g} µm are {diameter:.0f} voxels across, more than "
            f"the {min(wanted.shape)} of the volume; lower grain_size_um or enlarge shape"
        )
    if wanted.clay + wanted.heavy_minerals + FELDSPAR_SHARE > 1:
        raise InputError("clay and heavy_minerals leave no quartz; lower them")


def _filter_reach(sigma: float) -> int:
    """Return how far, in voxels, SciPy's Gaussian filter looks: four standard deviations."""
    return int(4 * sigma + 0.5)


def _smoothed_deviation(sigma: float) -> float:
    """Return the standard deviation of white noise of variance 1 after a Gaussian filter in 3-D."""
    impulse = np.zeros(2 * _filter_reach(sigma) + 1)
    impulse[_filter_reach(sigma)] = 1
    return float(np.sum(ndimage.gaussian_filter1d(impulse, sigma) ** 2)) ** 1.5


def _radius(shape: tuple[int, int]) -> np.ndarray:
    """Distance from the rotation axis, shape (y, x); 1 at the nearest edge of the slice."""
    centres = [(length - 1) / 2 for length in shape]
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(y - centres[0], x - centres[1]) * 2 / min(shape)


def _put_in_holder(rock: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Keep a cylinder of the rock, in air and a plastic holder."""
    inner = PLUG_RADIUS + GAP
    outside = np.where((radius > inner) & (radius <= inner + HOLDER_THICKNESS), HOLDER, AIR)
    return np.where(radius <= PLUG_RADIUS, rock, outside.astype(np.float32))
