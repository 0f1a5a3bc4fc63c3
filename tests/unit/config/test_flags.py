from sandstone.config.flags import as_flags


def test_flags_follow_the_keys_whatever_their_order() -> None:
    settings = {
        "steps": 5,
        "loss": {"pixel_kind": "l1", "pixel": 1.0},
        "window": [1, 2],
        "on": True,
    }
    words = as_flags(settings)
    assert words == as_flags(dict(reversed(settings.items())))
    text = " ".join(words)
    assert text == "--loss-pixel 1.0 --loss-pixel-kind l1 --on true --steps 5 --window 1 2"
