"""SPAN as it was published, trained on photographs: its weights under the names of our layers.

Wan et al. (2024), CVPR workshops, "Swift parameter-free attention network for efficient
super-resolution" (arXiv:2311.12770); file `team38_span_ch28_slim.pth` of the MIT repository
Amazingren/NTIRE2024_ESR.
"""

from collections.abc import Mapping

import numpy as np

from sandstone.errors import InputError, shortened
from sandstone.priors.published import BLOCKS, SCALE, SCALES, generator

COLOURS = 3


def layers(tensors: Mapping[str, np.ndarray], scale: int) -> dict[str, list[np.ndarray]]:
    """Return kernel and bias of each layer of our generator from the published tensors.

    Colours fold away exactly: the network reads grey as three equal colours, and the mean of
    its three answers is linear in the last kernel.

    Parameters
    ----------
    tensors : mapping
        The state dict: float32, kernels (outputs, inputs, rows, columns).
    scale : {2, 3, 4}
        At 2 and 3 the last kernel answers with means of the pixels that it draws at 4, by the
        area that they share; see `_resampled`.

    Returns
    -------
    dict
        By the name of the layer: float32 kernel (rows, columns, inputs, outputs) and bias.

    Raises
    ------
    InputError
        If these are the tensors of another network.
    """
    if scale not in SCALES:
        raise InputError(f"scale is {scale}: SPAN from photographs is made for 2, 3 or 4")
    names = _names()
    wanted = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    if missing := sorted(wanted - set(tensors)):
        raise InputError(
            f"the file holds another network than SPAN: it lacks {shortened(missing[0])}; "
            "give team38_span_ch28_slim.pth"
        )
    found = {
        layer: [
            tensors[f"{name}.weight"].astype(np.float32).transpose(2, 3, 1, 0),
            tensors[f"{name}.bias"].astype(np.float32),
        ]
        for name, layer in names.items()
    }
    _check_shapes(found)
    return {**found, "tail": [_grey_tail(each, scale) for each in found["tail"]]}


def _names() -> dict[str, str]:
    """Map the published names of layers to ours."""
    blocks = ["first_1", *(f"block_{number}" for number in range(1, BLOCKS - 1)), "last"]
    convolutions = {
        f"block_{number}.c{place}_r.eval_conv": f"{block}_conv_{place}"
        for number, block in enumerate(blocks, start=1)
        for place in (1, 2, 3)
    }
    ends = {"conv_2.eval_conv": "body", "conv_cat": "join", "upsampler.0": "tail"}
    return {"conv_1.eval_conv": "head", **convolutions, **ends}


def _check_shapes(found: Mapping[str, list[np.ndarray]]) -> None:
    filters = generator(SCALE)["filters"]
    ends = {
        "head": (3, 3, COLOURS, filters),
        "join": (1, 1, 4 * filters, filters),
        "tail": (3, 3, filters, COLOURS * SCALE**2),
    }
    for name, (kernel, bias) in found.items():
        expected = ends.get(name, (3, 3, filters, filters))
        if kernel.shape != expected or bias.shape != expected[-1:]:
            raise InputError(
                f"the file holds another network than SPAN with {filters} channels: {name} has "
                f"the shape {kernel.shape}, not {expected}; give team38_span_ch28_slim.pth"
            )


def _grey_tail(weight: np.ndarray, scale: int) -> np.ndarray:
    """Return the last kernel or bias for grey: outputs are colour, then row, then column."""
    phases = weight.reshape(*weight.shape[:-1], COLOURS, SCALE, SCALE).mean(axis=-3)
    return _resampled(phases, scale).reshape(*weight.shape[:-1], scale**2)


def _resampled(phases: np.ndarray, scale: int) -> np.ndarray:
    """Return the pixels of an LR pixel at another scale, (..., 4, 4) to (..., scale, scale).

    Each is the mean of the finer image over its area.
    """
    if scale == SCALE:
        return phases
    edges = np.arange(scale + 1) * SCALE / scale
    starts = np.arange(SCALE)
    shared = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    shares = np.clip(shared, 0, None) * scale / SCALE
    return np.einsum("ri,cj,...ij->...rc", shares, shares, phases).astype(np.float32)
