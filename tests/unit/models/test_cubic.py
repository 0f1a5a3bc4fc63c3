import numpy as np
import pytest

from sandstone.imaging import resample
from sandstone.models import cubic
from sandstone.models.description import BICUBIC_RADIUS


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_enlarging_equals_pillow_away_from_the_ends(factor):
    line = np.random.default_rng(0).random((24, 1), dtype=np.float32)
    whole = resample.resize(line, (24 * factor, 1), "bicubic")
    inner = cubic.enlarge(line, factor)
    cut = BICUBIC_RADIUS * factor
    np.testing.assert_allclose(inner, whole[cut:-cut], atol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_weights_add_up_to_one(factor):
    np.testing.assert_allclose(cubic.weights(factor).sum(axis=0), 1, atol=1e-12)
