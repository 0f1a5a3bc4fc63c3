"""PyTorch's files, forged ones too."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.priors import torch_files

STORED = np.arange(8, dtype="<f4")


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def _rebuild_tensor_v2(*_: object) -> None:
    """Has the name that PyTorch's function has."""


class FloatStorage:
    """The same of PyTorch's class."""


_rebuild_tensor_v2.__module__ = "torch._utils"
FloatStorage.__module__ = "torch"


class Writer(pickle._Pickler):  # the one in Python, whose globals need not be importable
    """A pickle as PyTorch writes it."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        self.write(pickle.GLOBAL + f"{obj.__module__}\n{name or obj.__name__}\n".encode())
        self.memoize(obj)

    dispatch: ClassVar = {
        **pickle._Pickler.dispatch,
        type(_rebuild_tensor_v2): save_global,
        type: save_global,
    }

    def persistent_id(self, obj: Any) -> Any:
        return obj if isinstance(obj, tuple) and obj[:1] == ("storage",) else None


def tensor(*, key: str = "0", offset: int = 0, shape: Any = (2, 3), strides: Any = (3, 1)) -> Call:
    storage = ("storage", FloatStorage, key, "cpu", len(STORED))
    return Call(_rebuild_tensor_v2, storage, offset, shape, strides, False, OrderedDict())


def write(path: Path, content: Any, parts: dict[str, bytes] | None = None) -> Path:
    """Write a file as `torch.save` does."""
    stream = io.BytesIO()
    Writer(stream, protocol=2).dump(content)
    stored = {"data.pkl": stream.getvalue(), "data/0": STORED.tobytes(), **(parts or {})}
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in stored.items():
            archive.writestr(f"net/{name}", each)
    return path


def test_tensors_are_read_by_name(tmp_path):
    named = OrderedDict([("a.weight", tensor()), ("b", tensor(offset=6, shape=(2,), strides=(1,)))])
    found = torch_files.read_state_dict(write(tmp_path / "net.pth", named))
    assert list(found) == ["a.weight", "b"]
    np.testing.assert_array_equal(found["a.weight"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["b"], [6, 7])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": Call(os.system, "touch caught")}, "system: give another file"),
        ({"a": Call(eval, "1")}, "eval: give another file"),
        ({"a": 1}, "holds more than tensors"),
        ([tensor()], "holds more than tensors"),
        ({"a": tensor(key="../0")}, "give another file"),
        ({"a": tensor(key="7")}, "lacks its part net/data/7"),
        ({"a": tensor(shape=(3, 3))}, "no whole array (3, 3)"),
        ({"a": tensor(offset=4)}, "no whole array (2, 3)"),
        ({"a": tensor(strides=(1, 2))}, "no whole array (2, 3)"),
    ],
)
def test_a_file_that_holds_more_or_less_is_refused(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        torch_files.read_state_dict(write(tmp_path / "net.pth", content))
    assert words in str(caught.value)
    assert not (tmp_path / "caught").exists()


def test_what_is_no_such_file_is_one_sentence(tmp_path):
    whole = write(tmp_path / "net.pth", {"a": tensor()}).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[:-30])
    (tmp_path / "text.pth").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "empty.pth", "w"):
        pass
    sentences = {
        "absent.pth": "does not exist",
        "cut.pth": "no PyTorch file or damaged",
        "text.pth": "no PyTorch file or damaged",
        "empty.pth": "no state dict of PyTorch 1.6",
    }
    for name, words in sentences.items():
        with pytest.raises(InputError, match=words):
            torch_files.read_state_dict(tmp_path / name)


def test_a_pickle_that_is_none_is_one_sentence(tmp_path):
    path = write(tmp_path / "net.pth", {}, {"data.pkl": b"\x80\x02garbage"})
    with pytest.raises(InputError, match="no list of tensors"):
        torch_files.read_state_dict(path)
