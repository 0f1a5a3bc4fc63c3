import pytest

from sandstone.provenance import trainings


def training(model: str, samples: str, parent: str = "") -> trainings.Training:
    weights = [{"path": f"results/models/{parent}/generator.weights.h5"}] if parent else []
    inputs = [{"path": "results/pairs/rock.h5"}, {"name": "vgg19.h5"}, *weights]
    return trainings.Training(model, {"voxel_size_um": dict.fromkeys(samples), "inputs": inputs})


def by_model(*found: trainings.Training) -> dict[str, trainings.Training]:
    return {each.model: each for each in found}


LINE = by_model(
    training("new", "a", "middle"), training("middle", "b", "old"), training("old", "c")
)


def test_a_line_goes_back_to_the_training_from_scratch():
    assert [each.model for each in trainings.line_of("new", LINE)] == ["new", "middle", "old"]
    assert trainings.samples_of(trainings.line_of("new", LINE)) == ["a", "b", "c"]
    assert trainings.line_of("absent", LINE) == []


@pytest.mark.parametrize(
    ("model", "sample", "rock"),
    [
        ("new", "a", "seen"),
        ("new", "c", "seen"),
        ("new", "d", "unseen"),
        ("old", "a", "unseen"),
        ("absent", "a", "unknown"),
    ],
)
def test_rock_of_a_whole_line(model: str, sample: str, rock: str):
    assert trainings.rock_of(model, sample, LINE) == rock


def test_a_missing_record_leaves_unknown_what_no_other_names():
    known = {name: each for name, each in LINE.items() if name != "old"}
    assert trainings.rock_of("new", "b", known) == "seen"
    assert trainings.rock_of("new", "c", known) == "unknown"


def test_weights_known_by_name_alone_have_an_unknown_origin():
    inputs = [{"name": "generator.weights.h5"}]
    other = trainings.Training("new", {"voxel_size_um": {"a": []}, "inputs": inputs})
    assert trainings.rock_of("new", "b", by_model(other)) == "unknown"


def test_a_parent_elsewhere_of_the_same_name_ends_the_line():
    own = by_model(training("new", "a", parent="new"))
    assert [each.model for each in trainings.line_of("new", own)] == ["new"]
    assert trainings.rock_of("new", "b", own) == "unknown"


def test_samples_of_one_scan_are_one_rock():
    assert trainings.rock_of("new", "d", LINE) == "unseen"
    assert trainings.rock_of("new", "d", LINE, {"a": "d"}) == "seen"
    assert trainings.rock_of("new", "d", LINE, {"d": "a"}) == "seen"
    assert trainings.rock_of("new", "d", LINE, {"a": "pair", "d": "pair"}) == "seen"


def published(**more: object) -> trainings.Training:
    """A network that others trained on no rock."""
    origin = {"network": "SPAN", "source": "here", "licence": "MIT", "sha256": "ab", "seen": "cats"}
    return trainings.Training("photo", {"published": origin, **more}, elsewhere=True)


def test_what_started_from_no_rock_has_seen_only_what_is_recorded():
    line = by_model(training("tuned", "a", "photo"), published())
    assert trainings.rock_of("tuned", "a", line) == "seen"
    assert trainings.rock_of("tuned", "b", line) == "unseen"
    assert trainings.rock_of("photo", "a", line) == "unseen"


def test_a_training_elsewhere_that_started_so_leaves_rocks_unknown():
    own = by_model(published(voxel_size_um={"c": [2, 2, 2]}))
    assert trainings.rock_of("photo", "a", own) == "unknown"
