"""Strengthen the detail of finished images, or add white noise: what that does to PSNR and LPIPS.

Takes the folder of results, the sample and models, by default those of `make demo`, and prints what
is gained over bicubic on the test tiles. Needs the weights of LPIPS (SANDSTONE_WEIGHTS).
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from quality import LPIPS, REPOSITORY

sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))
STRONGER, NOISES = (1.2, 1.3), (0.006, 0.012)
BORDER = 4  # HR pixels


def with_detail(images: np.ndarray, scale: int, factor: float) -> np.ndarray:
    """Return images, shape (n, y, x), with what LR cannot show made stronger."""
    height, width = images.shape[1:]
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.fftfreq(width))
    gain = np.where(frequency > 0.5 / scale, factor, 1.0)
    return np.real(np.fft.ifft2(np.fft.fft2(images) * gain))


class Scores:
    """Scores of images against HR, shape (n, y, x) in [0, 1]: PSNR, LPIPS, power of detail."""

    def __init__(self, hr: np.ndarray, scale: int) -> None:
        from sandstone.models import backend
        from sandstone.models.lpips import LpipsAlex

        backend.start(threads=2)
        self.hr, self.scale, self.lpips = self._cut(hr), scale, LpipsAlex(LPIPS)

    def of(self, images: np.ndarray) -> tuple[float, float, float]:
        """Return all three; as in a run, images are rounded to 8 bits and cut."""
        sr = self._cut(np.rint(images.clip(0, 1) * 255) / 255)
        errors = ((sr - self.hr) ** 2).mean(axis=(1, 2))
        both = [each[..., np.newaxis].astype(np.float32) for each in (self.hr, sr)]
        distance = float(np.mean(np.asarray(self.lpips.distance(*both))))
        powers = [self._power(each) for each in (sr, self.hr)]
        return float(np.mean(-10 * np.log10(errors))), distance, powers[0] / powers[1]

    @staticmethod
    def _cut(images: np.ndarray) -> np.ndarray:
        return images[:, BORDER:-BORDER, BORDER:-BORDER]

    def _power(self, images: np.ndarray) -> float:
        from sandstone.metrics.spectra import radial_power_spectrum

        found = [radial_power_spectrum(image, 1.0) for image in images]
        return sum(float((power * f)[f > 0.5 / self.scale].sum()) for f, power in found)


def main() -> None:
    """Measure each model's images as they are, with more detail, and with noise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    parser.add_argument("sample", nargs="?", default="phantom")
    parser.add_argument("models", nargs="*", default=["srresnet", "srgan"])
    args = parser.parse_args()
    if not LPIPS.is_file():
        sys.exit(f"noise_and_look: {LPIPS} is absent; see data/README.md")
    if not (args.results / "pairs" / f"{args.sample}.h5").is_file():
        sys.exit(f"noise_and_look: {args.results} has no pairs of {args.sample}; make demo first")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from sandstone.dataset.pairs import open_pairs, open_predictions
    from sandstone.imaging import grey

    with open_pairs(args.results / "pairs" / f"{args.sample}.h5") as pairs:
        test, scale = pairs.split("test"), pairs.attrs.scale
        scores = Scores(grey.to_unit(test.hr[:]).astype(np.float64), scale)

    def images_of(method: str) -> np.ndarray:
        with open_predictions(args.results / "predictions" / method / f"{args.sample}.h5") as found:
            return grey.to_unit(found.sr[:]).astype(np.float64)

    base = scores.of(images_of("bicubic"))

    def show(name: str, images: np.ndarray) -> None:
        psnr, lpips, power = scores.of(images)
        print(f"{name:36}{psnr - base[0]:+7.2f} dB{lpips / base[1]:8.3f}{power:7.2f}", flush=True)

    print(f"{'image':36}{'gain':>10}{'ratio':>8}{'power':>7}")
    for model in args.models:
        images = images_of(model)
        noise = np.random.default_rng(0).normal(size=images.shape)
        show(model, images)
        for factor in STRONGER:
            show(f"{model}, detail x {factor}", with_detail(images, scale, factor))
        for strength in NOISES:
            show(f"{model}, noise of {strength:.1%}", images + strength * noise)


if __name__ == "__main__":
    main()
