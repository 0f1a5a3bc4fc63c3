"""The stages that draw random numbers: each one's draws differ, though all share a seed.

A stage draws from ``numpy.random.default_rng([seed, Stage.PAIRS, ...])``. Another value gives
other results.
"""

from enum import IntEnum, unique


@unique
class Stage(IntEnum):
    """What keeps the draws of a stage apart from those of the others."""

    PHANTOM = 10
    PAIRS = 20
    TRAINING = 40
    BOOTSTRAP = 0xB007
