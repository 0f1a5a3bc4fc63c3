"""Seeds of a model: one training more for each, alike in all else."""

import pytest

from sandstone.config import siblings, used
from sandstone.errors import InputError


def config(**model: object) -> dict:
    entry = {"train_on": ["rock"], "steps": 5, **model}
    return {"seed": 7, "models": {"net": entry}, "evaluation": {"models": ["net"]}, "upscale": {}}


def test_every_further_seed_is_a_model_alike_in_all_else() -> None:
    given = config(seeds=[3, 1, 2])
    siblings.add_siblings(given)
    assert [*given["models"]] == ["net", "net_seed1", "net_seed2"]
    assert given["models"]["net_seed2"] == {"train_on": ["rock"], "steps": 5, "seeds": [2]}
    assert [siblings.seed_of(given, name) for name in given["models"]] == [3, 1, 2]
    assert siblings.siblings(given, "net") == ["net_seed1", "net_seed2"]
    assert used.measured_models(given) == ["net", "net_seed1", "net_seed2"]
    assert used.used_models(given) == ["net", "net_seed1", "net_seed2"]


def test_a_second_time_changes_nothing() -> None:
    given = config(seeds=[1, 2])
    siblings.add_siblings(given)
    again = {**given, "models": dict(given["models"])}
    siblings.add_siblings(again)
    assert again == given


def test_without_seeds_it_is_that_of_the_workflow() -> None:
    given = config()
    siblings.add_siblings(given)
    assert [*given["models"]] == ["net"]
    assert siblings.seed_of(given, "net") == 7
    assert siblings.siblings(given, "net") == []


def test_another_model_may_not_have_the_name() -> None:
    given = config(seeds=[1, 2])
    given["models"]["net_seed2"] = {"train_on": ["rock"], "steps": 6}
    with pytest.raises(
        InputError, match=r"models\.net_seed2 has the name of net with another seed"
    ):
        siblings.add_siblings(given)


@pytest.mark.parametrize("given", [None, [], {"models": None}, {"models": {"net": 3}}, {}])
def test_what_is_no_config_is_left_to_the_schema(given: object) -> None:
    siblings.add_siblings(given)  # type: ignore[arg-type]


def with_volume(**model: object) -> dict:
    volume = {"path": "a.tif", "model": "net", "hr": "rock", "spread": True}
    return {**config(**model), "upscale": {"plug": volume}}


def test_a_volume_that_asks_for_the_spread_is_upscaled_by_every_seed() -> None:
    given = with_volume(seeds=[1, 2, 3])
    siblings.add_siblings(given)
    assert [*given["upscale"]] == ["plug", "plug_seed2", "plug_seed3"]
    expected = {"path": "a.tif", "model": "net_seed2", "formats": ["zarr"], "spread": False}
    assert given["upscale"]["plug_seed2"] == expected
    assert siblings.volumes_with_siblings(given, "plug") == [*given["upscale"]]
    assert siblings.volumes_with_siblings(given, "plug_seed2") == ["plug_seed2"]
    assert used.used_models(given) == ["net", "net_seed2", "net_seed3"]
    again = {**given, "upscale": dict(given["upscale"])}
    siblings.add_siblings(again)
    assert again == given


def test_another_volume_may_not_have_the_name() -> None:
    given = with_volume(seeds=[1, 2])
    given["upscale"]["plug_seed2"] = {"path": "b.tif", "model": "net"}
    with pytest.raises(InputError, match=r"upscale\.plug_seed2 has the name of plug with another"):
        siblings.add_siblings(given)
