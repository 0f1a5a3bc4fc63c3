import numpy as np
import pytest

from sandstone.phantom import grains

SHAPE = (24, 40, 48)


def packed(seed=0, solid_share=0.8, shape=SHAPE, diameter=12.0):
    return grains.pack(shape, diameter, solid_share, np.random.default_rng(seed))


def one_grain(stretch=None, facets=None, centre=(8.0, 10.0, 12.0), radius=5.0):
    far = np.full((1, grains.FACETS, 3), 1e-6)
    return grains.Grains(
        centres=np.array([centre]),
        radii=np.array([radius]),
        stretches=(np.eye(3) / radius if stretch is None else stretch)[None],
        facets=far if facets is None else facets,
    )


def grid(shape):
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)


def test_one_generator_one_packing():
    first, same, other = packed(3), packed(3), packed(4)
    for name in ("centres", "radii", "stretches", "facets"):
        np.testing.assert_array_equal(getattr(first, name), getattr(same, name))
    assert not np.array_equal(first.centres[:5], other.centres[:5])


def test_grains_fill_the_box_and_a_margin():
    rock = packed()
    assert (rock.centres >= -12).all()
    assert (rock.centres <= np.array(SHAPE) + 12).all()
    for axis, length in enumerate(SHAPE):
        counts, _ = np.histogram(rock.centres[:, axis], bins=3, range=(-12, length + 12))
        assert counts.min() > 0.6 * counts.max()


def test_mean_diameter_is_the_cemented_one():
    rock = packed(solid_share=0.8, shape=(60, 60, 60))
    growth = (0.8 / grains.PACKED_SHARE) ** (1 / 3)
    assert 2 * rock.radii.mean() * growth == pytest.approx(12, rel=0.05)
    assert rock.radii.std() / rock.radii.mean() == pytest.approx(grains.SIZE_SPREAD, rel=0.2)


def test_grains_keep_their_distance():
    rock = packed(shape=(48, 48, 48))
    gaps = np.linalg.norm(rock.centres[:, None] - rock.centres[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert np.median(gaps.min(axis=1)) > 1.5 * rock.radii.mean()


def test_flattening_keeps_the_volume_of_a_grain():
    rock = packed()
    volumes = 1 / np.abs(np.linalg.det(rock.stretches))
    np.testing.assert_allclose(volumes, rock.radii**3, rtol=1e-6)


def test_distance_to_a_ball_is_euclidean_and_ends_at_the_reach():
    shape, reach = (20, 24, 28), 4.0
    fields = grains.distance_fields(one_grain(), np.arange(20), shape[1:], reach)
    exact = np.linalg.norm(grid(shape) - [8, 10, 12], axis=-1) - 5
    np.testing.assert_allclose(fields.nearest, np.minimum(exact, reach), atol=1e-5)
    assert (fields.second == reach).all()
    assert fields.nearest.dtype == np.float32


def test_flattened_grain_has_its_surface_where_the_ellipsoid_has():
    axes = np.array([2.0, 6.0, 8.0])
    rock = one_grain(stretch=np.diag(1 / axes))
    fields = grains.distance_fields(rock, np.arange(20), (24, 28), 4.0)
    inside = (((grid((20, 24, 28)) - [8, 10, 12]) / axes) ** 2).sum(axis=-1) < 1 - 1e-6
    np.testing.assert_array_equal(fields.nearest < -1e-5, inside)


def test_face_cuts_a_grain_flat():
    faces = np.full((1, grains.FACETS, 3), 1e-6)
    faces[0, 0] = [1 / 2.5, 0, 0]  # 2.5 voxels above the centre
    fields = grains.distance_fields(one_grain(facets=faces), np.arange(20), (24, 28), 4.0)
    solid = fields.nearest < 0
    assert solid[10].any()
    assert not solid[11:].any()
    assert solid[4].any()


def test_second_distance_is_that_to_the_other_grain():
    two = grains.Grains(
        centres=np.array([[8.0, 8.0, 8.0], [8.0, 8.0, 18.0]]),
        radii=np.array([4.0, 4.0]),
        stretches=np.stack([np.eye(3) / 4] * 2),
        facets=np.full((2, grains.FACETS, 3), 1e-6),
    )
    fields = grains.distance_fields(two, np.arange(16), (16, 28), 100.0)
    distances = [np.linalg.norm(grid((16, 16, 28)) - centre, axis=-1) - 4 for centre in two.centres]
    np.testing.assert_allclose(fields.nearest, np.minimum(*distances), atol=1e-4)
    np.testing.assert_allclose(fields.second, np.maximum(*distances), atol=1e-4)
    assert (fields.label[..., :13] == 0).all()
    assert (fields.label[..., 14:] == 1).all()


def test_slices_are_the_same_alone_and_together():
    rock = packed()
    together = grains.distance_fields(rock, np.arange(-3, 20), SHAPE[1:], 5.0)
    some = grains.distance_fields(rock, np.array([-2, 4, 17]), SHAPE[1:], 5.0)
    for name in ("nearest", "second", "label"):
        np.testing.assert_array_equal(getattr(some, name), getattr(together, name)[[1, 7, 20]])
    assert (together.nearest <= together.second).all()
