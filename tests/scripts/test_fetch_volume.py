import hashlib
from pathlib import Path

CONTENT = b"voxels"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_fetched(run_script, tmp_path: Path) -> None:
    source = tmp_path / "source.raw"
    source.write_bytes(CONTENT)
    output = tmp_path / "data" / "rock.raw"
    done = run_script(
        "fetch_volume", "--url", source.as_uri(), "--sha256", SHA256, "--output", output
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert output.read_bytes() == CONTENT
    assert f"wrote {output}" in done.stdout


def test_a_wrong_hash_is_one_sentence(run_script, tmp_path: Path) -> None:
    source = tmp_path / "source.raw"
    source.write_bytes(CONTENT)
    output = tmp_path / "data" / "rock.raw"
    done = run_script(
        "fetch_volume", "--url", source.as_uri(), "--sha256", "0" * 64, "--output", output
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"fetch_volume: error: {source.as_uri()}: its SHA-256 is {SHA256}"
    )
    assert done.stderr.count("\n") == 1
    assert not output.exists()


def test_waits_can_be_shortened(run_script, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/rock.raw"
    flags = ("--url", nobody, "--sha256", SHA256, "--output", tmp_path / "rock.raw")
    done = run_script("fetch_volume", *flags, "--backoff", "0.001", "--timeout", "1")
    assert done.returncode == 2
    assert "attempt 2 of 5 in 0.001 s" in done.stdout
    assert "in 5 attempts" in done.stderr


def test_flags_are_required(run_script) -> None:
    done = run_script("fetch_volume")
    assert done.returncode == 2
    assert "--url, --sha256, --output" in done.stderr


def test_help_says_what_it_does(run_script) -> None:
    done = run_script("fetch_volume", "--help")
    assert done.returncode == 0
    assert "Fetch one file of a raw volume" in done.stdout
