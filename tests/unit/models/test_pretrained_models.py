"""The models that come with the project, on a slice that none of them has seen."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from sandstone.imaging import resample
from sandstone.metrics.quality import psnr
from sandstone.models import inference, weights


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_ready_model_beats_bicubic(scale: int, repository: Path, shared_data: Path) -> None:
    model = weights.load_generator(repository / "pretrained" / f"sandstone_x{scale}")
    hr = tifffile.imread(shared_data / "sandstone_versa.tif", key=7)[400:592, 400:592] / 255
    lr = resample.resize(hr, (192 // scale, 192 // scale), "bicubic")
    sr = inference.predict(model, lr[np.newaxis, ..., np.newaxis])[0, ..., 0]
    bicubic = resample.resize(lr, hr.shape, "bicubic")
    gains = [psnr(hr, image, data_range=1, border=8) for image in (sr, bicubic)]
    assert gains[0] > gains[1] + 2
