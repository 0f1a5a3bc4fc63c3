import json

from sandstone.provenance import elsewhere, line


def training(model, *, elsewhere=False, inputs=(), **sizes):
    record = {"voxel_size_um": sizes, "inputs": list(inputs), "parameters": {"steps": 3}}
    return line.Training(model, record, elsewhere)


def test_a_line_is_read_from_the_folders_of_its_models(tmp_path):
    keys = ("script", "command", "parameters", "inputs", "outputs", "code", "packages")
    for name in ("tuned", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(json.dumps(dict.fromkeys(keys)))
    (tmp_path / "old/record.json").write_text("{}")
    paths = [str(tmp_path / name / "record.json") for name in ("tuned", "old")]
    found = line.read("mine", paths[0], paths, str(tmp_path / "old/generator.weights.h5"))
    assert [(each.model, each.elsewhere) for each in found] == [
        ("mine", False),
        ("tuned", False),
        ("old", True),
    ]
    assert line.given(found) is found[-1]


def test_only_rocks_that_were_seen_here_count_by_their_names():
    seen = [training("tuned", berea=[1, 1, 1]), training("old", elsewhere=True, leopard=[1, 1, 1])]
    assert line.samples_of(seen) == ["berea"]
    assert line.given(seen[:1]) is None


def test_a_training_is_told_if_it_started_from_scratch():
    weights = {"name": "generator.weights.h5", "sha256": "ab"}
    assert training("old").is_told
    assert not training("old", inputs=[weights]).is_told
    assert not line.Training("old", {}, elsewhere=True).is_told


def test_what_is_remarked_on_a_rock():
    here, old = training("tuned", berea=[1, 1, 1]), training("old", elsewhere=True)
    assert line.remark("berea", [here], set()) == ""
    assert line.remark("leopard", [here], set()) == "never seen in training"
    assert line.remark("berea", [here, old], set()) == "seen by old or not: unknown"
    assert line.remark("berea", [here, old], {"berea"}) == ""


def test_an_adversarial_loss_that_is_known_is_not_called_unknown():
    unknown = line.Training("old", {}, elsewhere=True)
    assert len(elsewhere.limits(unknown, [], adversarial=False)) == 3
    assert len(elsewhere.limits(unknown, [], adversarial=True)) == 2
    assert len(elsewhere.limits(training("old"), [], adversarial=False)) == 2
