"""What acted in a training, for people: nothing that did not act, nothing that did left out."""

import pytest

import train
from sandstone.training import words

DEFAULTS = {
    "steps": 500,
    "batch": 16,
    "crop": 24,
    "augment": True,
    "learning_rate": 0.001,
    "schedule": "cosine",
    "decay_every": 1000,
    "decay_rate": 0.5,
    "ema": 0.99,
    "clip_norm": 0.0,
    "mixed_precision": False,
    "use_weights": "last",
    "validate_every": 100,
    "validation_tiles": 8,
    "threads": 2,
    "loss_pixel": 1.0,
    "loss_pixel_kind": "charbonnier",
    "loss_content": 0.0,
    "loss_content_kind": "vgg19",
    "loss_content_layer": "block3_conv4",
    "loss_adversarial": 0.0,
    "loss_adversarial_kind": "relativistic",
    "discriminator_architecture": "patch",
    "discriminator_filters": 8,
    "discriminator_spectral_norm": True,
}


def facts(**changes):
    return dict(words.facts({**DEFAULTS, **changes}))


def test_nothing_is_said_of_what_did_not_act():
    assert facts() == {
        "losses": "1 × pixel (charbonnier)",
        "steps": "500, each of 16 crops of 24 × 24 LR pixels, flipped and turned at random",
        "learning rate": "0.001, falling to almost 0 along a cosine",
        "averaged weights": "exponential mean over the steps, decay 0.99",
        "weights in use": "those of the last step",
        "validation": "every 100 steps, on 8 tiles",
        "threads": "2 for each operation",
    }


@pytest.mark.parametrize(
    ("changes", "what", "how"),
    [
        (
            {"schedule": "step"},
            "learning rate",
            "0.001, times 0.5 after every 1000 steps",
        ),
        ({"schedule": "constant"}, "learning rate", "0.001, constant"),
        ({"clip_norm": 1.0}, "gradients", "shortened to a norm of 1 where longer"),
        ({"mixed_precision": True}, "precision", "float16 where it is safe"),
        ({"use_weights": "best"}, "weights in use", "those of the best validation PSNR"),
        ({"augment": False}, "steps", "500, each of 16 crops of 24 × 24 LR pixels"),
        (
            {"loss_adversarial": 0.01, "discriminator_learning_rate": 0.002},
            "discriminator",
            (
                "architecture patch, filters 8, with spectral norm; learning rate 0.002, "
                "falling to almost 0 along a cosine"
            ),
        ),
        (
            {"loss_content": 0.1},
            "losses",
            "1 × pixel (charbonnier) + 0.1 × content (vgg19, layer block3_conv4)",
        ),
        (
            {"loss_content": 0.1, "loss_content_kind": "lpips_alex"},
            "losses",
            "1 × pixel (charbonnier) + 0.1 × content (lpips_alex)",
        ),
    ],
)
def test_what_acted_is_said_in_words(changes, what, how):
    assert facts(**changes)[what] == how


def test_averaging_is_not_named_where_there_is_none():
    assert "averaged weights" not in facts(ema=0.0)


def test_a_discriminator_without_a_rate_of_its_own_learns_at_that_of_the_generator():
    assert "learning rate 0.001" in facts(loss_adversarial=0.01)["discriminator"]


def test_an_unknown_parameter_is_not_lost():
    assert facts(warm_up=5)["warm up"] == "5"


def test_every_flag_of_a_training_is_known():
    flags = {action.dest for action in train.parser()._actions}
    files = {"help", "pairs", "init_weights", "vgg19_weights", "lpips_weights", "provenance"}
    folders = {"model_dir", "checkpoint_dir", "tensorboard_dir"}
    told = {name for fact in words.FACTS for name in fact.of}
    others = {
        name
        for name in flags - files - folders - told - {"checkpoint_every"}
        if not name.startswith((*words.ELSEWHERE, "discriminator_"))
    }
    assert others == set()
