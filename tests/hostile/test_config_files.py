"""Config files that are more than data, or no data at all: refused before anything of them runs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from workflow.conftest import Clone, Snakemake

from sandstone.config import plain_yaml
from sandstone.errors import InputError

HOSTILE = {
    "code by tag": ("seed: !!python/object/apply:os.system ['touch hacked']", "line 1"),
    "function by tag": ("seed: !!python/name:os.system", "line 1"),
    "module by tag": ("seed: !!python/module:antigravity", "line 1"),
    "object by tag": ("seed: !!python/object/new:type {args: [a, [], {}]}", "line 1"),
    "tuple by tag": ("seed: !!python/tuple [1]", "line 1"),
    "tag of its own": ("seed: !rock 1", "line 1"),
    "template": ("__use_yte__: true\nseed: ?open('hacked', 'w')", "is a template"),
    "template switched off": ("__use_yte__: false", "is a template"),
    "definitions": (
        "__use_yte__: true\n__definitions__: [\"open('hacked', 'w')\"]",
        "is a template",
    ),
    "paths of Snakemake": ("pathvars: {results: 3}", "pathvars is no key"),
    "alias of nothing": ("seed: *nothing", "undefined alias"),
    "repeated key": ("pairs:\n  scale: 4\n  scale: 2", "line 3: the key 'scale' stands twice"),
    "repeated key in JSON": ('{"seed": 1, "seed": 2}', "'seed' stands twice"),
    "number as key": ("samples: {1: {path: a.tif}}", "no text"),
    "nothing as key": ("~: 1", "no text"),
    "yes as key": ("yes: 1", "no text"),
    "list as key": ("? [1]\n: 2", "unhashable"),
    "mapping as key": ("? {a: 1}\n: 2", "unhashable"),
    "endless number": ("seed: " + "9" * 6000, "no plain YAML"),
    "impossible date": ("seed: 2001-99-01", "no plain YAML"),
    "tabs": ("pairs:\n\tscale: 4", "line 2"),
    "half a mapping": ("pairs: {scale: 4", "line 1"),
    "half a text": ("seed: 'x", "line 1"),
    "two documents": ("seed: 1\n---\nseed: 2", "line 2"),
    "control character": ("seed: \x07", "no plain YAML"),
    "list": ("- 1", "holds a list"),
    "text": ("hello", "holds 'hello'"),
    "nothing": ("", "holds nothing"),
    "comment": ("# seed: 1", "holds nothing"),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "overlay.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", HOSTILE)
def test_refused_in_one_sentence(name: str, write: Callable[[str], Path]) -> None:
    text, sentence = HOSTILE[name]
    path = write(text)
    with pytest.raises(InputError) as caught:
        plain_yaml.read(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not (path.parent / "hacked").exists()


@pytest.mark.parametrize(
    "text",
    [
        "seed: 1",
        '{"seed": 1, "pairs": {"scale": 4}}',
        "a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\nc: {<<: *a, y: 3}",
        "b: {c: &c {<<: &a {x: 1}, x: 2}}\nd: {<<: *c, x: 3}",
        "samples: {rock: {path: '?rock.tif'}}",
        "seed: .inf",
    ],
)
def test_plain_data_are_read_as_snakemake_reads_them(
    text: str, write: Callable[[str], Path]
) -> None:
    from snakemake.common.configfile import load_configfile

    path = write(text)
    assert plain_yaml.read(path) == load_configfile(path)


def test_no_text_and_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(bytes(range(255, 100, -1)))
    (tmp_path / "utf16.yaml").write_text("seed: 1", encoding="utf-16")
    (tmp_path / "folder.yaml").mkdir()
    for name in ("binary.yaml", "utf16.yaml", "folder.yaml", "none.yaml", "a\0b", "x" * 300):
        with pytest.raises(InputError, match="name a config file"):
            plain_yaml.read(tmp_path / name)


def test_devices_and_pipes_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", "/dev/zero"):
        with pytest.raises(InputError, match="no regular file"):
            plain_yaml.read(path)


# What Snakemake, which reads an overlay first, lets pass.
OVERLAYS = ["template switched off", "repeated key", "number as key"]


def test_a_run_stops_in_one_sentence_and_writes_nothing(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    names = [f"{name.replace(' ', '_')}.yaml" for name in OVERLAYS]
    for name, overlay in zip(names, OVERLAYS, strict=True):
        (directory / name).write_text(HOSTILE[overlay][0], encoding="utf-8")
    before = sorted(directory.iterdir())
    for name in names:
        done = snakemake(directory, "-n", "--configfile", name)
        assert done.returncode == 2, (name, done.stderr[-2000:])
        assert [line for line in done.stderr.splitlines() if "error: " in line] == [
            done.stderr.splitlines()[-1]
        ]
        assert "Traceback" not in done.stderr
    assert [path for path in sorted(directory.iterdir()) if path.name != ".snakemake"] == before


def test_tags_run_no_code_in_snakemake_either(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    (directory / "overlay.yaml").write_text(HOSTILE["code by tag"][0], encoding="utf-8")
    done = snakemake(directory, "-n", "--configfile", "overlay.yaml")
    assert done.returncode != 0
    assert "not valid JSON or YAML" in done.stdout + done.stderr
    assert not (directory / "hacked").exists()


def test_config_yaml_itself_is_read_as_data(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    text = (directory / "config.yaml").read_text(encoding="utf-8")
    hostile = "__use_yte__: true\n" + text.replace("seed: 1", "seed: ?open('hacked', 'w')", 1)
    (directory / "config.yaml").write_text(hostile, encoding="utf-8")
    done = snakemake(directory, "-n")
    assert done.returncode == 2
    assert "is a template" in done.stderr
    assert not (directory / "hacked").exists()
