import hashlib
import os

import pytest

from sandstone import unchanged


@pytest.fixture
def files(tmp_path):
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a.tif", tmp_path / "b" / "c.tif"]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 10)
    return paths


def test_one_file_has_its_own_digest(files):
    assert unchanged.digest(files[:1]) == hashlib.sha256(bytes(10)).hexdigest()


def test_several_files_have_the_digest_of_their_list(files):
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    listed = f"{hashes[0]}  a.tif\n{hashes[1]}  b/c.tif\n"
    assert unchanged.digest(files) == hashlib.sha256(listed.encode()).hexdigest()


def test_the_digest_knows_no_place(files, tmp_path, monkeypatch):
    absolute = unchanged.digest(files)
    monkeypatch.chdir(tmp_path)
    assert unchanged.digest([file.relative_to(tmp_path) for file in files]) == absolute


def test_the_size_is_that_of_all(files):
    assert unchanged.size(files) == 20


def test_files_that_stay_pass(files):
    with unchanged.unchanged(files):
        assert files[0].read_bytes() == bytes(10)


def overwrite(file):
    file.write_bytes(b"other bytes, and more of them")


def replace(file):
    new = file.with_suffix(".new")
    new.write_bytes(file.read_bytes())
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.replace(file)


def touch_back(file):
    status = file.stat()
    file.write_bytes(b"9" * 10)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize("change", [overwrite, replace, touch_back, os.unlink])
def test_a_file_that_changes_is_refused(files, change):
    def read():
        with unchanged.unchanged(files):
            change(files[1])

    with pytest.raises(unchanged.Changed, match=r"c\.tif: changed while it was read"):
        read()


def test_the_change_is_told_rather_than_what_it_caused(files):
    def read():
        with unchanged.unchanged(files):
            overwrite(files[0])
            raise ValueError("no sense in these bytes")

    with pytest.raises(unchanged.Changed):
        read()


def test_an_error_of_the_block_alone_stays(files):
    with pytest.raises(ValueError, match="mine"), unchanged.unchanged(files):
        raise ValueError("mine")
