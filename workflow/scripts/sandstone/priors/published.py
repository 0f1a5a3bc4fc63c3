"""What is known of published networks without reading their weights: plain Python."""

from typing import Any

URL = (
    "https://raw.githubusercontent.com/Amazingren/NTIRE2024_ESR/"
    "6404fa48dde4a4adbf241a51debdc661aef20449/model_zoo/team38_span_ch28_slim.pth"
)
SHA256 = "6c80f05048313289c6526e5fc9726688d7bb3dfdd6ae3c8b1e7dd09f601e5971"
SCALE = 4  # that it was trained for
SCALES = (2, 3, 4)
BLOCKS = 6

ORIGIN = {
    "network": "SPAN with 28 channels, x4 (Wan et al. 2024, arXiv:2311.12770)",
    "source": URL,
    "sha256": SHA256,
    "licence": "MIT",
    "seen": "photographs, and no rock",
}


def generator(scale: int) -> dict[str, Any]:
    """Return the options of the generator that its weights fit."""
    fixed = {"blocks": BLOCKS, "filters": 28, "bicubic_skip": False}
    return {"architecture": "span", "scale": scale, **fixed}


NETWORKS = ("span_photo",)  # those that the config may name
