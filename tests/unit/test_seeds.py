import numpy as np

from sandstone.seeds import Stage


def test_a_stage_draws_as_its_number_does():
    """Another number would change every result."""
    numbers = {"PHANTOM": 10, "PAIRS": 20, "TRAINING": 40, "BOOTSTRAP": 0xB007}
    assert {stage.name: stage.value for stage in Stage} == numbers
    for name, number in numbers.items():
        mine, plain = (np.random.default_rng([7, each, 3]) for each in (Stage[name], number))
        assert (mine.random(8) == plain.random(8)).all()
