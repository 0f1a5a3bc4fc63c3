"""SPAN's published weights under the names of our layers."""

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.priors import published as facts
from sandstone.priors import span_photo, torch_files

PUBLISHED = "team38_span_ch28_slim.pth"


@pytest.fixture(scope="module")
def tensors(shared_weights):
    return torch_files.read_state_dict(shared_weights / PUBLISHED)


def published(tensors, lr):
    """The published network on one grey image (y, x) in [0, 1], as it was published."""

    def conv(x, name):
        kernel, bias = tensors[f"{name}.weight"].astype(float), tensors[f"{name}.bias"]
        edge = kernel.shape[-1] // 2
        padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[-2:], axis=(1, 2))
        return np.einsum("iyxrc,oirc->oyx", windows, kernel) + bias[:, None, None]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    means = np.array([0.4488, 0.4371, 0.4040])[:, None, None]
    first = b = conv((lr[None] - means) * 255, "conv_1.eval_conv")
    outs = []
    for number in range(1, 7):
        h1 = conv(b, f"block_{number}.c1_r.eval_conv")
        h1 = h1 * sigmoid(h1)
        h2 = conv(h1, f"block_{number}.c2_r.eval_conv")
        h3 = conv(h2 * sigmoid(h2), f"block_{number}.c3_r.eval_conv")
        b = (h3 + b) * (sigmoid(h3) - 0.5)
        outs.append(b)
    gathered = np.concatenate([first, conv(b, "conv_2.eval_conv"), outs[0], h1])
    colours = conv(conv(gathered, "conv_cat"), "upsampler.0")
    height, width = lr.shape
    shuffled = colours.reshape(3, 4, 4, height, width).transpose(0, 3, 1, 4, 2)
    return shuffled.reshape(3, 4 * height, 4 * width).mean(axis=0)


def built(tensors, scale):
    from sandstone.models.networks import build_generator

    model = build_generator(**facts.generator(scale))
    for name, weights in span_photo.layers(tensors, scale).items():
        model.get_layer(name).set_weights(weights)
    return model


def test_our_network_is_the_published_one_up_to_the_border(tensors):
    lr = np.random.default_rng(1).random((12, 9), dtype=np.float32)
    expected = published(tensors, lr.astype(float))
    sr = np.array(built(tensors, 4)(lr[None, ..., None]))[0, ..., 0]
    np.testing.assert_allclose(sr, expected, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 3])
def test_at_another_scale_it_answers_with_means_of_its_pixels(tensors, scale):
    lr = np.random.default_rng(2).random((1, 10, 8, 1), dtype=np.float32)
    fine = np.array(built(tensors, 4)(lr))[0, ..., 0].repeat(3, 0).repeat(3, 1)
    edge = 12 // scale
    means = fine.reshape(10 * scale, edge, 8 * scale, edge).mean(axis=(1, 3))
    sr = np.array(built(tensors, scale)(lr))[0, ..., 0]
    np.testing.assert_allclose(sr, means, atol=1e-5)


def test_another_network_is_refused(tensors):
    with pytest.raises(InputError, match="lacks block_1"):
        span_photo.layers({"conv.weight": np.zeros((1, 1, 3, 3))}, 4)
    wider = {**tensors, "conv_cat.bias": np.zeros(30, np.float32)}
    with pytest.raises(InputError, match="join has the shape"):
        span_photo.layers(wider, 4)
    with pytest.raises(InputError, match="made for 2, 3 or 4"):
        span_photo.layers(tensors, 8)
