"""SPAN as it was published becomes the folder of a given model."""

import json
from pathlib import Path

import numpy as np
import pytest

import fetch_span_photo
from sandstone.errors import InputError
from sandstone.files import sha256_of
from sandstone.models import folder
from sandstone.priors import published


def test_the_published_file_becomes_a_model(shared_weights: Path, tmp_path: Path):
    from sandstone.models.weights import load_generator

    source = shared_weights / "team38_span_ch28_slim.pth"
    made = tmp_path / "photo"
    fetch_span_photo.main(["--file", str(source), "--scale", "3", "--output", str(made)])
    assert folder.check(made)["scale"] == 3
    origin = json.loads((made / "published.json").read_text(encoding="utf-8"))
    assert origin["sha256"] == sha256_of(source) == published.SHA256
    assert origin["weights"] == sha256_of(made / "generator.weights.h5")
    grey = np.full((1, 24, 24, 1), 0.5, np.float32)
    assert np.allclose(np.array(load_generator(made)(grey))[:, 30:40, 30:40], 0.5, atol=0.02)


def test_a_download_leaves_nothing_but_the_model(shared_weights: Path, tmp_path: Path):
    url = (shared_weights / "team38_span_ch28_slim.pth").as_uri()
    fetch_span_photo.main(["--url", url, "--output", str(tmp_path / "photo")])
    names = {file.name for file in (tmp_path / "photo").iterdir()}
    assert names == {"generator.json", "generator.weights.h5", "published.json"}


def test_another_file_is_refused(tmp_path: Path):
    (tmp_path / "other.pth").write_bytes(b"another network")
    with pytest.raises(InputError, match=r"has the SHA-256 .*: fetch it again"):
        fetch_span_photo.main(
            ["--file", str(tmp_path / "other.pth"), "--output", str(tmp_path / "made")]
        )
    assert not (tmp_path / "made").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="does not exist; leave it out to fetch"):
        fetch_span_photo.main(["--file", str(tmp_path / "absent.pth"), "--output", "made"])


def test_a_download_is_checked(tmp_path: Path):
    (tmp_path / "served.pth").write_bytes(b"another network")
    url = (tmp_path / "served.pth").as_uri()
    with pytest.raises(InputError, match="SHA-256"):
        fetch_span_photo.main(["--url", url, "--output", str(tmp_path / "made")])
