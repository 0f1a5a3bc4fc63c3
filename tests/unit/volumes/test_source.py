import pytest

from sandstone.volumes.source import micrometres


@pytest.mark.parametrize(
    ("unit", "size"),
    [("µm", 1), ("μm", 1), ("Microns", 1), (b"mm", 1e3), ('"nm"', 1e-3), ("furlong", None)],
)
def test_units(unit: str | bytes, size: float | None) -> None:
    assert micrometres(unit) == size
