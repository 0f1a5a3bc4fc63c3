"""Weights and checkpoints that would run code, lead elsewhere or fill the memory."""

import io
import pickle
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fetch_lpips_weights import read_arrays
from sandstone.errors import InputError
from sandstone.models import description, options
from sandstone.training import checkpoints

from .conftest import Limited

GENERATOR = {"architecture": "srresnet", "scale": 2, "blocks": 1, "filters": 4}


class Runs:
    """Pickled, it makes a file when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("hacked", "w")


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever is loaded, no file appears."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "hacked").exists()


# --- networks -----------------------------------------------------------------------------

NETWORKS: dict[str, Any] = {
    "blocks": {"scale": 4, "blocks": 10**9},
    "filters": {"scale": 4, "filters": 10**9},
    "endless filters": {"scale": 4, "filters": 10**400},
    "layers": {"layers": 10**9},
    "dense edge": {"architecture": "notebook", "hr_size": 10**9},
    "text for a number": {"scale": 4, "blocks": "8"},
    "scale of floats": {"scale": 4.0},
    "scale of lists": {"scale": [4]},
    "scale of truth": {"scale": True},
    "negative": {"scale": 4, "filters": -4},
    "unknown key": {"scale": 4, "module": "os"},
    "hidden key": {"scale": 4, "__class__": "x"},
    "Keras's own": {"class_name": "Lambda", "config": {"function": "print"}},
    "architecture": {"scale": 4, "architecture": "__import__('os')"},
    "architecture of lists": {"scale": 4, "architecture": []},
    "text for truth": {"scale": 4, "batch_norm": "false"},
    "list": [1],
    "text": "srresnet",
    "nothing": None,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_description_of_no_network_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        description.rows(NETWORKS[name])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"scale": ' + "9" * 5000 + "}", "\x00", '{"scale": NaN}', "é"]
)
def test_file_of_no_network_is_refused(text: str, tmp_path: Path) -> None:
    import plot_network

    path = tmp_path / "generator.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError):
        description.rows(plot_network.read_network(str(path)))


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    from sandstone.models import networks, weights

    config = options.generator_config(**GENERATOR)
    weights.save_network_json(tmp_path / "generator.json", config)
    networks.build_generator(**config).save_weights(tmp_path / "generator.weights.h5")
    return tmp_path


def first_weights(file: h5py.File) -> str:
    found: list[str] = []
    file.visititems(
        lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return next(name for name in found if len(file[name].shape) == 4)


def replaced(how: Callable[[h5py.File, str, Any], None], path: Path) -> None:
    """Put something else in the place of the first kernel, which `secret.h5` keeps."""
    with h5py.File(path, "r+") as file, h5py.File(path.with_name("secret.h5"), "w") as secret:
        name = first_weights(file)
        kernel = file[name][:]
        secret["v"] = kernel
        del file[name]
        how(file, name, kernel)


def by_link(file: h5py.File, name: str, _: Any) -> None:
    file[name] = h5py.ExternalLink("secret.h5", "v")


def by_soft_link(file: h5py.File, name: str, kernel: Any) -> None:
    file["other"] = kernel
    file[name] = h5py.SoftLink("/other")


def by_virtual(file: h5py.File, name: str, kernel: Any) -> None:
    layout = h5py.VirtualLayout(kernel.shape, kernel.dtype)
    layout[:] = h5py.VirtualSource("secret.h5", "v", kernel.shape)
    file.create_virtual_dataset(name, layout)


def by_external(file: h5py.File, name: str, kernel: Any) -> None:
    external = [("secret.h5", 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(name, kernel.shape, kernel.dtype, external=external)


def by_filter(file: h5py.File, name: str, kernel: Any) -> None:
    file.create_dataset(name, data=kernel, chunks=kernel.shape, scaleoffset=3)


def by_claim(file: h5py.File, name: str, _: Any) -> None:
    file.create_dataset(name, (2**40, 2**10), "f4")


def by_text(file: h5py.File, name: str, kernel: Any) -> None:
    file.create_dataset(name, data=np.full(kernel.shape, b"x"))


@pytest.mark.parametrize(
    "how", [by_link, by_soft_link, by_virtual, by_external, by_filter, by_claim, by_text]
)
def test_weights_that_lie_elsewhere_are_refused(
    how: Callable[[h5py.File, str, Any], None], model_dir: Path
) -> None:
    from sandstone.models import weights

    replaced(how, model_dir / "generator.weights.h5")
    with pytest.raises(InputError, match=r"generator\.weights\.h5"):
        weights.load_generator(model_dir)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", pickle.dumps(Runs())]
)
def test_weights_of_another_format_are_refused(content: bytes, model_dir: Path) -> None:
    from sandstone.models import weights

    (model_dir / "generator.weights.h5").write_bytes(content)
    with pytest.raises(InputError, match=r"generator\.weights\.h5"):
        weights.load_generator(model_dir)


def test_a_whole_keras_model_is_not_loaded(model_dir: Path) -> None:
    """The .keras format can hold code; its name is refused, and so is its content."""
    from sandstone.models import networks, weights

    with zipfile.ZipFile(model_dir / "model.keras", "w") as archive:
        archive.writestr("config.json", '{"class_name": "Lambda"}')
    model = networks.build_generator(**GENERATOR)
    with pytest.raises(InputError, match="must be named"):
        weights.load_weights(model, model_dir / "model.keras")
    (model_dir / "model.keras").rename(model_dir / "x.weights.h5")
    with pytest.raises(InputError, match="no HDF5 file"):
        weights.load_weights(model, model_dir / "x.weights.h5")


# --- weights of published networks ----------------------------------------------------------


def npz(path: Path, *entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def npy_of(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


PICKLED = npy_of(np.array([Runs()], dtype=object))
CLAIM = b"\x93NUMPY\x01\x00\x4a\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1024)}".ljust(73) + b"\n"
)


@pytest.mark.parametrize(
    "content",
    [
        lambda path: npz(path, ("lin1.npy", PICKLED)),
        lambda path: npz(path, ("lin1.npy", CLAIM)),
        lambda path: npz(path, ("../../hacked.npy", npy_of(np.ones(3)))),
        lambda path: npz(path, ("lin1.npy", bytes(1 << 26)), compression=zipfile.ZIP_DEFLATED),
        lambda path: npz(path, ("lin1.npy", b"text")),
        npz,
        lambda path: path.write_bytes(PICKLED),
        lambda path: path.write_bytes(pickle.dumps(Runs())),
        lambda path: path.write_bytes(b""),
    ],
)
def test_hostile_lpips_weights_are_refused(content: Callable[[Path], Any], tmp_path: Path) -> None:
    from sandstone.models.lpips import LpipsAlex

    path = tmp_path / "lpips.npz"
    content(path)
    with pytest.raises(InputError, match=r"lpips\.npz"):
        LpipsAlex(path)


def test_vgg19_of_another_hash_is_not_even_opened(tmp_path: Path) -> None:
    from sandstone.models.vgg19 import Vgg19Features

    (tmp_path / "vgg19.h5").write_bytes(pickle.dumps(Runs()))
    for digest in (None, "0" * 64):
        with pytest.raises(InputError, match=r"vgg19\.h5 has the"):
            Vgg19Features(tmp_path / "vgg19.h5", layer="block3_conv4", sha256=digest)


def hdf5_bytes(make: Callable[[h5py.File], Any]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        make(file)
    return stream.getvalue()


PARTS = {
    "no archive": pickle.dumps(Runs()),
    "nothing": b"",
    "bomb": ("model.weights.h5", bytes(1 << 27)),
    "not HDF5": ("model.weights.h5", b"text"),
    "other names": ("../../model.weights.h5", b"text"),
    "claim": (
        "model.weights.h5",
        hdf5_bytes(lambda file: file.create_dataset("v", (2**40, 2**10), "f4")),
    ),
    "claim in chunks": (
        "model.weights.h5",
        hdf5_bytes(lambda file: file.create_dataset("v", (2**40, 2**10), "f4", chunks=(1, 1024))),
    ),
    "elsewhere": (
        "model.weights.h5",
        hdf5_bytes(lambda file: file.create_dataset("v", (8,), "f4", external=[("x", 0, 32)])),
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_hostile_keras_part_is_refused(name: str, tmp_path: Path) -> None:
    content, path = PARTS[name], tmp_path / "lin0.keras"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        npz(path, content, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=r"lin0\.keras"):
        read_arrays(path)
    assert sorted(tmp_path.iterdir()) == [path]


# --- checkpoints ----------------------------------------------------------------------------


def checkpoint(path: Path, **arrays: bytes) -> None:
    """A checkpoint with a right checksum, as whoever forges one would write it."""
    npz(path, *((f"{name}.npy", content) for name, content in arrays.items()))
    body = path.read_bytes()
    path.write_bytes(body + sha256(body).hexdigest().encode("ascii"))


GOOD = {"step": npy_of(np.array(3)), "fingerprint": npy_of(np.array("{}"))}


@pytest.mark.parametrize(
    "arrays",
    [
        {**GOOD, "state/a": PICKLED},
        {**GOOD, "step": PICKLED},
        {**GOOD, "fingerprint": PICKLED},
        {**GOOD, "state/a": CLAIM},
        {**GOOD, "step": npy_of(np.arange(3))},
        {**GOOD, "fingerprint": npy_of(np.array("[]"))},
        {**GOOD, "fingerprint": npy_of(np.array("[" * 100_000))},
        {**GOOD, "fingerprint": b"text"},
        {"step": GOOD["step"]},
        {},
    ],
)
def test_hostile_checkpoint_is_passed_over(
    arrays: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    checkpoint(folder / "step_000000003.npz", **arrays)
    assert checkpoints.restore(folder, {}) is None
    assert "is damaged" in capsys.readouterr().out


def test_a_bomb_among_checkpoints_takes_little_memory(
    tmp_path: Path, in_little_memory: Limited
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    path = folder / "step_000000003.npz"
    zeros = [(f"state/{i}.npy", npy_of(np.zeros(1 << 24, np.uint8))) for i in range(64)]
    npz(path, ("step.npy", GOOD["step"]), *zeros, compression=zipfile.ZIP_DEFLATED)
    body = path.read_bytes()
    path.write_bytes(body + sha256(body).hexdigest().encode("ascii"))
    done = in_little_memory(
        f"""
        from pathlib import Path
        from sandstone.training import checkpoints
        assert checkpoints.restore(Path({str(folder)!r}), {{}}) is None
        assert peak_mb() < 400, peak_mb()
        """
    )
    assert done.returncode == 0, done.stderr[-2000:]
