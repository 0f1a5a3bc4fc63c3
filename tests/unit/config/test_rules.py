import pytest

from sandstone.config import rules
from sandstone.errors import InputError

PIXEL = {"pixel": 1.0, "pixel_kind": "l1", "adversarial": 0}


def key(setting):
    return f"<{setting}>"


def refused(judge, *values):
    with pytest.raises(InputError) as caught:
        judge(*values, key=key, start="here: ")
    return str(caught.value)


def test_a_loss_without_terms_is_refused():
    told = refused(rules.check_losses, {**PIXEL, "pixel": 0}, {})
    assert told == "here: no loss has a weight above 0; set <loss.pixel> to 1.0"


@pytest.mark.parametrize("kind", rules.PUBLISHED)
def test_a_kind_of_a_published_network_needs_its_weights(kind):
    loss = {**PIXEL, "content": 0.1, "content_kind": kind}
    told = refused(rules.check_losses, loss, {kind: None})
    assert told == f"here: <loss.content_kind> {kind} needs <weights.{kind}>; give it"
    rules.check_losses(loss, {kind: "file"}, key=key)
    rules.check_losses({**loss, "content": 0}, {}, key=key)


def test_features_of_a_discriminator_need_one():
    loss = {**PIXEL, "content": 0.1, "content_kind": "discriminator_features"}
    told = refused(rules.check_losses, loss, {})
    assert told.startswith("here: <loss.content_kind> discriminator_features needs a discriminator")
    assert "raise <loss.adversarial> above 0" in told
    rules.check_losses({**loss, "adversarial": 0.01}, {}, key=key)


def test_a_crop_is_no_larger_than_a_tile():
    rules.check_crop(16, 16, key=key)
    told = refused(rules.check_crop, 17, 16)
    assert told == "here: <crop> 17 is larger than an LR tile (16 pixels); lower it"
