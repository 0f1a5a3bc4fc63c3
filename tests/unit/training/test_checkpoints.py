import hashlib
import io
import pickle

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.training import checkpoints

FINGERPRINT = {"seed": 1, "learning_rate": 1e-3, "pairs": ["abc"], "init_weights": None}
STATE = {
    "generator/0000": np.arange(6, dtype=np.float32).reshape(2, 3),
    "generator_optimizer/0000": np.array(7, np.int64),
    "history": np.array([[1.0, np.nan], [2.0, np.inf]]),
    "empty": np.zeros((0, 11)),
}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def save(folder, *steps, fingerprint=FINGERPRINT):
    for step in steps:
        state = STATE | {"step": np.array(float(step))}
        checkpoints.save(folder, checkpoints.Checkpoint(step, state), fingerprint)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def newest(folder):
    return max(folder.glob("step_*.npz"))


def sealed(body):
    """The content of a file whose checksum fits, whatever it holds."""
    return body + hashlib.sha256(body).hexdigest().encode()


def test_what_was_saved_comes_back(folder):
    save(folder, 5)
    checkpoint = checkpoints.restore(folder, FINGERPRINT)
    assert checkpoint.step == 5
    assert checkpoint.state.keys() == STATE.keys() | {"step"}
    for name, array in STATE.items():
        assert checkpoint.state[name].dtype == array.dtype
        np.testing.assert_array_equal(checkpoint.state[name], array)


def test_the_same_state_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    save(first, 5)
    save(second, 5)
    assert newest(first).read_bytes() == newest(second).read_bytes()


def test_the_newest_is_restored_and_two_are_kept(folder):
    save(folder, 9, 10, 100)
    assert names(folder) == ["step_000000010.npz", "step_000000100.npz"]
    assert checkpoints.restore(folder, FINGERPRINT).step == 100


def test_nothing_to_restore_is_a_fresh_start(folder, capsys):
    assert checkpoints.restore(folder, FINGERPRINT) is None
    assert not folder.exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 1])
def test_a_truncated_newest_file_falls_back(folder, capsys, share):
    save(folder, 10, 20)
    whole = newest(folder).read_bytes()
    newest(folder).write_bytes(whole[: min(int(share * len(whole)), len(whole) - 1)])
    assert checkpoints.restore(folder, FINGERPRINT).step == 10
    told = capsys.readouterr().out
    assert "step_000000020.npz is damaged" in told
    assert len(told.splitlines()) == 1


def test_a_flipped_bit_anywhere_falls_back(folder):
    save(folder, 10, 20)
    path = newest(folder)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert checkpoints.restore(folder, FINGERPRINT).step == 10, f"byte {place}"


@pytest.mark.parametrize("junk", [b"", b"junk", sealed(b"junk"), b"\0" * 5000])
def test_all_damaged_is_a_fresh_start(folder, junk):
    save(folder, 10, 20)
    for path in folder.iterdir():
        path.write_bytes(junk)
    assert checkpoints.restore(folder, FINGERPRINT) is None
    assert not folder.exists()


def test_a_damaged_newer_file_does_not_displace_a_whole_one(folder):
    save(folder, 10, 20)
    newest(folder).write_bytes(b"")
    save(folder, 12)
    assert names(folder) == ["step_000000010.npz", "step_000000012.npz"]


def test_an_unreadable_file_removes_nothing(folder):
    save(folder, 10)
    (folder / "step_000000020.npz").mkdir()
    with pytest.raises(OSError, match="step_000000020"):
        checkpoints.restore(folder, FINGERPRINT)
    assert names(folder) == ["step_000000010.npz", "step_000000020.npz"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 2}, "seed was 1, is 2"),
        ({"pairs": ["abc", "def"]}, "pairs was ['abc'], is ['abc', 'def']"),
        ({"init_weights": "123"}, "init_weights was None, is 123"),
        ({"clip_norm": 1.0}, "clip_norm was None, is 1.0"),
    ],
)
def test_another_fingerprint_starts_afresh_and_says_why(folder, capsys, changes, told):
    save(folder, 10, 20)
    assert checkpoints.restore(folder, FINGERPRINT | changes) is None
    assert f"is of another training ({told})" in capsys.readouterr().out
    assert not folder.exists()


def test_every_changed_setting_is_named(folder, capsys):
    save(folder, 10)
    checkpoints.restore(folder, FINGERPRINT | {"seed": 2, "learning_rate": 1e-4})
    assert "(learning_rate was 0.001, is 0.0001; seed was 1, is 2)" in capsys.readouterr().out


def test_tuples_and_lists_are_the_same_setting(folder):
    save(folder, 10, fingerprint=FINGERPRINT | {"pairs": ("abc",)})
    assert checkpoints.restore(folder, FINGERPRINT).step == 10


def test_a_partial_file_is_neither_restored_nor_left(folder):
    save(folder, 10)
    partial = folder / ".partial.step_000000020.npz"
    partial.write_bytes(newest(folder).read_bytes()[:100])
    assert checkpoints.restore(folder, FINGERPRINT).step == 10
    assert partial.exists()
    checkpoints.discard(folder)
    assert not folder.exists()


def test_a_failed_save_leaves_the_older_ones(folder, monkeypatch):
    save(folder, 10, 20)

    def full_disk(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(InputError, match=r"30\.npz cannot be written: no space"):
        save(folder, 30)
    assert names(folder) == ["step_000000010.npz", "step_000000020.npz"]


def test_discard_keeps_what_is_not_its_own(folder):
    save(folder, 10)
    (folder / "notes.txt").write_text("mine")
    checkpoints.discard(folder)
    assert names(folder) == ["notes.txt"]
    checkpoints.discard(folder / "absent")


class Exploit:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def archive_with_a_pickle():
    stream = io.BytesIO()
    objects = {"step": 20, "fingerprint": "{}", "state/generator": np.array([Exploit()], object)}
    np.savez(stream, **objects)
    return stream.getvalue()


@pytest.mark.parametrize("body", [pickle.dumps(Exploit()), archive_with_a_pickle()])
def test_no_pickle_is_loaded(folder, body):
    save(folder, 10)
    (folder / "step_000000020.npz").write_bytes(sealed(body))
    assert checkpoints.restore(folder, FINGERPRINT).step == 10


def test_no_pickle_is_saved(folder):
    state = {"generator": np.array([Exploit()], object)}
    with pytest.raises(ValueError, match="cannot be saved"):
        checkpoints.save(folder, checkpoints.Checkpoint(1, state), FINGERPRINT)
    assert names(folder) == []
