import json
import time

import h5py
import numpy as np
import pytest
from helpers.small_networks import SMALL, random_images, randomise

from sandstone.errors import InputError
from sandstone.models import networks, weights
from sandstone.models.options import generator_config

pytestmark = pytest.mark.usefixtures("seed")


def test_the_same_weights_make_the_same_bytes(tmp_path):
    options = {**SMALL, "batch_norm": True}
    first, second = (networks.build_generator(**options) for _ in range(2))
    second.set_weights(first.get_weights())
    first.save_weights(tmp_path / "first.weights.h5")
    time.sleep(1.1)  # HDF5 can note times, to the second
    second.save_weights(tmp_path / "second.weights.h5")
    assert (tmp_path / "first.weights.h5").read_bytes() == (
        tmp_path / "second.weights.h5"
    ).read_bytes()


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (networks.build_generator, {**SMALL, "batch_norm": True}),
        (networks.build_discriminator, {"filters": 4, "layers": 2}),
        (networks.build_discriminator, {"architecture": "notebook", "filters": 2, "hr_size": 16}),
    ],
)
def test_weights_survive_a_round_trip(build, options, tmp_path):
    model = build(**options)
    randomise(model, biases=True)
    path = tmp_path / "kept.weights.h5"
    model.save_weights(path)
    other = build(**options)
    weights.load_weights(other, path)
    for kept, loaded in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, loaded)


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    """Return the bytes of a small generator's weights file."""
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    networks.build_generator(**SMALL).save_weights(path)
    return path.read_bytes()


@pytest.fixture
def written(tmp_path, small_weights):
    path = tmp_path / "generator.weights.h5"
    path.write_bytes(small_weights)
    return path


def refuse(path, *words, **options):
    """Check that a generator refuses a weights file in one sentence, and stays as it was."""
    model = networks.build_generator(**{**SMALL, **options})
    before = model.get_weights()
    with pytest.raises(InputError) as caught:
        weights.load_weights(model, path)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert "\n" not in str(caught.value)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_missing_weights_are_the_user_s_error(tmp_path):
    refuse(tmp_path / "none.weights.h5", "does not exist", "train")


def test_weights_of_another_format_are_told_by_their_name(written):
    refuse(written.rename(written.with_name("model.h5")), "*.weights.h5", "rename")


def test_a_folder_is_no_weights_file(tmp_path):
    (tmp_path / "folder.weights.h5").mkdir()
    refuse(tmp_path / "folder.weights.h5", "no HDF5 file")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_weights_are_the_user_s_error(written, share):
    content = written.read_bytes()
    written.write_bytes(content[: int(share * len(content))])
    refuse(written, "damaged", "train the model again")


def test_text_is_no_weights_file(written):
    written.write_text("<html>404</html>" * 100)
    refuse(written, "no HDF5 file")


def test_a_hole_in_the_weights_file_is_the_user_s_error(written):
    content = bytearray(written.read_bytes())
    content[1000:8000] = bytes(7000)
    written.write_bytes(content)
    refuse(written, "damaged")


def test_another_hdf5_file_is_no_weights_file(written):
    with h5py.File(written, "w") as stream:
        stream["hr"] = np.zeros((2, 8, 8), np.uint8)
    refuse(written, "another network", "absent")


def test_weights_of_another_width_are_named_by_shape(written):
    refuse(
        written,
        "another network",
        "conv_1/0 is (3, 3, 4, 4) in the file and (3, 3, 8, 8)",
        filters=8,
    )


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"blocks": 2}, "block_2_"),
        ({"scale": 8}, "up_3_"),
        ({"batch_norm": True}, "norm"),
        ({"scale": 3}, "up_1_conv/0 is (3, 3, 4, 16) in the file and (3, 3, 4, 36)"),
    ],
)
def test_weights_of_another_network_name_the_layer(written, options, name):
    refuse(written, "another network", name, **options)


def test_weights_of_a_larger_network_are_refused_too(tmp_path):
    path = tmp_path / "deep.weights.h5"
    networks.build_generator(**{**SMALL, "blocks": 2}).save_weights(path)
    refuse(path, "block_2_conv_1/0", "absent in the generator")


@pytest.fixture
def model_dir(written):
    config = generator_config(**SMALL)
    weights.save_network_json(written.parent / "generator.json", config)
    return written.parent


def test_a_generator_comes_back_from_its_folder(model_dir):
    model = networks.build_generator(**SMALL)
    randomise(model, biases=True)
    model.save_weights(model_dir / "generator.weights.h5")
    lr = random_images(1, 6, 5, 1)
    np.testing.assert_array_equal(weights.load_generator(str(model_dir))(lr), model(lr))


def test_a_network_s_json_holds_its_options(model_dir):
    written = json.loads((model_dir / "generator.json").read_text())
    assert written == generator_config(**SMALL)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not valid JSON"),
        ('{"architecture": "srresnet", ', "generator.json"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ("{}", "another network"),  # the defaults, which these weights do not fit
        ('{"architecture": "rrdb"}', "'rrdb'"),
        ('{"scale": [4]}', "generator.json"),
        ('{"scale": 4, "depth": 3}', "depth"),
        ("\udcff", "not valid JSON"),
    ],
)
def test_a_broken_description_is_the_user_s_error(model_dir, text, word):
    (model_dir / "generator.json").write_text(text, errors="surrogateescape", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        weights.load_generator(model_dir)
    assert str(model_dir) in str(caught.value)
    assert word in str(caught.value)


@pytest.mark.parametrize("name", ["generator.json", "generator.weights.h5"])
def test_an_incomplete_folder_is_the_user_s_error(model_dir, name):
    (model_dir / name).unlink()
    with pytest.raises(InputError, match=rf"{name} does not exist"):
        weights.load_generator(model_dir)


def test_saved_weights_are_those_of_keras(tmp_path):
    model = networks.build_generator(**SMALL)
    weights.save_weights(model, tmp_path / "ours.weights.h5")
    model.save_weights(tmp_path / "keras.weights.h5")
    ours, theirs = ((tmp_path / f"{who}.weights.h5").read_bytes() for who in ("ours", "keras"))
    assert ours == theirs


def test_weights_are_not_written_where_temporary_files_have_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "ROOM_FOR_NAMES", 2**70)
    with pytest.raises(InputError, match="another folder in the environment variable TMPDIR"):
        weights.save_weights(networks.build_generator(**SMALL), tmp_path / "a.weights.h5")
    assert list(tmp_path.iterdir()) == []
