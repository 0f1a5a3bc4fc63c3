import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import fetch_lpips_weights
from sandstone import files
from sandstone.errors import InputError


def write_part(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a file laid out as Keras 3 does, `arrays` by their paths inside."""
    content = io.BytesIO()
    with h5py.File(content, "w") as weights:
        for name, array in arrays.items():
            weights[name] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", content.getvalue())


def some_weights() -> dict[str, np.ndarray]:
    weights = {}
    for i, shape in enumerate(fetch_lpips_weights.KERNEL_SHAPES, start=1):
        ramp = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        weights[f"conv{i}_kernel"] = ramp
        weights[f"conv{i}_bias"] = np.arange(shape[-1], dtype=np.float32) + i
        weights[f"lin{i}"] = np.full((1, 1, shape[-1], 1), i, dtype=np.float32)
    return weights


def write_parts(folder: Path, weights: dict[str, np.ndarray]) -> dict[str, str]:
    """Write the ten parts and return their SHA-256."""
    folder.mkdir(exist_ok=True)
    for i in range(1, 6):
        convolution = "layers/sequential/layers/conv2d/vars"
        kernel_and_bias = {
            f"{convolution}/0": weights[f"conv{i}_kernel"],
            f"{convolution}/1": weights[f"conv{i}_bias"],
        }
        linear = {
            "layers/dropout/seed_generator/vars/0": np.array([0, i], dtype=np.uint32),
            "layers/conv2d/vars/0": weights[f"lin{i}"],
        }
        write_part(folder / f"slice_{i}_base.keras", kernel_and_bias)
        write_part(folder / f"lin{i - 1}.keras", linear)
    return {name: files.sha256_of(folder / name) for name in fetch_lpips_weights.SHA256}


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("parts")
    return folder, write_parts(folder, some_weights())


def test_parts_become_one_file(parts, tmp_path: Path) -> None:
    folder, sha256 = parts
    output = tmp_path / "weights" / "lpips.npz"
    fetch_lpips_weights.fetch(folder.as_uri(), output, sha256)
    expected = some_weights()
    with np.load(output) as written:
        assert set(written) == set(expected)
        for name, array in expected.items():
            assert written[name].dtype == np.float32
            np.testing.assert_array_equal(written[name], array)
    assert [path.name for path in output.parent.iterdir()] == ["lpips.npz"]


def test_same_parts_same_bytes(parts, tmp_path: Path) -> None:
    folder, sha256 = parts
    outputs = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for output in outputs:
        fetch_lpips_weights.fetch(folder.as_uri() + "/", output, sha256)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_real_weights_come_out_as_they_are_used(shared_weights: Path, tmp_path: Path) -> None:
    known = shared_weights / "lpips_alex.npz"
    sha256 = write_parts(tmp_path / "parts", dict(np.load(known)))
    fetch_lpips_weights.fetch((tmp_path / "parts").as_uri(), tmp_path / "out.npz", sha256)
    with np.load(known) as expected, np.load(tmp_path / "out.npz") as written:
        assert set(written) == set(expected)
        for name in expected:
            np.testing.assert_array_equal(written[name], expected[name], strict=True)


def test_another_file_than_expected_is_refused(parts, tmp_path: Path) -> None:
    folder, _ = parts
    output = tmp_path / "lpips.npz"
    with pytest.raises(InputError):  # the table of the script knows the real files
        fetch_lpips_weights.fetch(folder.as_uri(), output)
    assert not list(tmp_path.iterdir())


def test_missing_part(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="slice_1_base"):
        fetch_lpips_weights.fetch(tmp_path.as_uri(), tmp_path / "lpips.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"vars/0": np.zeros((1, 1, 64, 1), "f4"), "vars/1": np.zeros(1, "f4")},
        {"vars/0": np.zeros((1, 1, 64, 1), "f4"), "more/0": np.zeros((1, 1, 64, 1), "f4")},
        {"vars/0": np.zeros((1, 1, 192, 1), "f4")},
    ],
    ids=["nothing", "a bias", "two kernels", "other width"],
)
def test_other_layouts_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    write_parts(tmp_path, some_weights())
    write_part(tmp_path / "lin0.keras", arrays)
    with pytest.raises(InputError, match=r"lin0\.keras holds"):
        fetch_lpips_weights.repack(tmp_path)


def test_what_is_no_keras_file(tmp_path: Path) -> None:
    page, archive, damaged = (tmp_path / f"{name}.keras" for name in ("page", "archive", "damaged"))
    page.write_text("<html>Not found</html>", encoding="utf-8")
    with zipfile.ZipFile(archive, "w") as empty:
        empty.writestr("config.json", "{}")
    with zipfile.ZipFile(damaged, "w") as other:
        other.writestr("model.weights.h5", b"not HDF5")
    for part in (page, archive, damaged):
        with pytest.raises(InputError, match=rf"{part.stem}\.keras"):
            fetch_lpips_weights.read_arrays(part)


def test_files_saved_by_keras_are_read(tmp_path: Path) -> None:
    import keras

    padded = keras.Sequential([keras.layers.ZeroPadding2D(2), keras.layers.Conv2D(6, 5)])
    convolution = keras.Sequential([keras.Input((None, None, 3)), padded, keras.layers.ReLU()])
    linear = keras.Sequential(
        [
            keras.Input((None, None, 6)),
            keras.layers.Dropout(0.5),
            keras.layers.Conv2D(1, 1, use_bias=False),
        ]
    )
    for model in (convolution, linear):
        model.save(tmp_path / "part.keras")
        arrays = fetch_lpips_weights.read_arrays(tmp_path / "part.keras")
        assert len(arrays) == len(model.trainable_weights)
        for array, weight in zip(arrays, model.trainable_weights, strict=True):
            np.testing.assert_array_equal(array, weight.numpy())
