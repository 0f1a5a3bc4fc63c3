import pytest


@pytest.fixture
def seed() -> None:
    """Let networks begin with the same weights whatever was built before them."""
    import keras

    keras.utils.set_random_seed(0)
