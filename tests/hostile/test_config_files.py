"""Config files that are more than data, or no data at all: refused before anything of them runs."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from workflow.conftest import Clone, Snakemake

from sandstone.config import plain_yaml
from sandstone.errors import InputError

from .conftest import Limited


def layers(make: Callable[[str, str], str], start: str = "{x: 1}", count: int = 9) -> str:
    """A document of which each layer names the one before ten times."""
    names = [f"l{i}" for i in range(count)]
    lines = [make(name, before) for before, name in pairwise(names)]
    return "\n".join([f"{names[0]}: &{names[0]} {start}", *lines])


def ten(text: str) -> str:
    return ", ".join([text] * 10)


def ten_keys(alias: str) -> str:
    return ", ".join(f"k{i}: {alias}" for i in range(10))


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
    "laughs of lists": (
        layers(lambda name, before: f"{name}: &{name} [{ten('*' + before)}]", "[x]"),
        "over 20000 values",
    ),
    "laughs of mappings": (
        layers(lambda name, before: f"{name}: &{name} {{{ten_keys('*' + before)}}}"),
        "over 20000 values",
    ),
    "laughs of merges": (
        layers(lambda name, before: f"{name}: &{name} {{<<: [{ten('*' + before)}]}}"),
        "over 20000 values",
    ),
    "broad lists of broad lists": (
        f"a: &a [{', '.join(['x'] * 9000)}]\nb: [{', '.join(['*a'] * 9000)}]",
        "over 20000 values",
    ),
    "a list in itself": ("seed: &a [*a]", "over 20000 values"),
    "a mapping in itself": ("seed: &a {b: *a}", "over 20000 values"),
    "alias of nothing": ("seed: *nothing", "undefined alias"),
    "repeated key": ("pairs:\n  scale: 4\n  scale: 2", "line 3: the key 'scale' stands twice"),
    "repeated key in JSON": ('{"seed": 1, "seed": 2}', "'seed' stands twice"),
    "number as key": ("samples: {1: {path: a.tif}}", "no text"),
    "nothing as key": ("~: 1", "no text"),
    "yes as key": ("yes: 1", "no text"),
    "list as key": ("? [1]\n: 2", "unhashable"),
    "mapping as key": ("? {a: 1}\n: 2", "unhashable"),
    "endless number": ("seed: " + "9" * 6000, "no plain YAML"),
    "endless number in base 16": ("seed: 0x" + "f" * 6000, "over 64 bits"),
    "number of 65 bits": ("seed: 18446744073709551616", "over 64 bits"),
    "endless text": ("seed: " + "x" * 5000, "5000 characters"),
    "endless file": ("seed: 1\n#" + "x" * plain_yaml.LARGEST_FILE, "no config is that long"),
    "deep lists": ("seed: " + "[" * 5000 + "]" * 5000, "no plain YAML"),
    "deep JSON": ("[" * 100_000, "no plain YAML"),
    "deep mappings": ("a: " + "{b: " * 100 + "1" + "}" * 100, "over 32 levels"),
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


@pytest.mark.parametrize(
    "name", ["laughs of lists", "laughs of merges", "broad lists of broad lists"]
)
def test_laughs_take_little_memory(
    name: str, write: Callable[[str], Path], in_little_memory: Limited
) -> None:
    path = write(HOSTILE[name][0])
    done = in_little_memory(
        f"""
        from sandstone.config import plain_yaml
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
        plain_yaml.read({str(path)!r})
        """
    )
    assert done.stderr.startswith("refused: "), done.stderr[-2000:]


@pytest.mark.parametrize(
    ("command", "files"),
    [
        (["snakemake", "--configfile", "a.yaml", "b.yaml", "-n", "target"], ["a.yaml", "b.yaml"]),
        (["snakemake", "target", "--configfiles=a.yaml", "--cores", "2"], ["a.yaml"]),
        (["snakemake", "--configfile", "a.yaml", "--", "results/x"], ["a.yaml"]),
        (["snakemake", "--config", "seed=1", "--cores", "2"], []),
    ],
)
def test_configs_of_a_command_line(command: list[str], files: list[str]) -> None:
    assert plain_yaml.config_files(command) == files


OVERLAYS = [
    "template",
    "code by tag",
    "laughs of mappings",
    "repeated key",
    "paths of Snakemake",
    "endless number",
    "nothing",
]


def test_snakemake_stops_before_it_runs_anything(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    (directory / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    names = ["binary.yaml"]
    for name in OVERLAYS:
        names.append(f"{name.replace(' ', '_')}.yaml")
        (directory / names[-1]).write_text(HOSTILE[name][0], encoding="utf-8")
    before = sorted(directory.iterdir())
    for name in names:
        done = snakemake(directory, "-n", "--configfile", name)
        assert done.returncode == 2, (name, done.stderr[-2000:])
        assert [line for line in done.stderr.splitlines() if "error: " in line] == [
            done.stderr.splitlines()[-1]
        ]
        assert "Traceback" not in done.stderr
    assert [path for path in sorted(directory.iterdir()) if path.name != ".snakemake"] == before


def test_the_other_profile_stops_it_too(clone: Clone, snakemake: Snakemake, tmp_path: Path) -> None:
    directory = clone(tmp_path)
    (directory / "overlay.yaml").write_text(HOSTILE["template"][0], encoding="utf-8")
    options = ("--workflow-profile", "profiles/slurm", "--executor", "local")
    done = snakemake(directory, "-n", *options, "--configfile", "overlay.yaml")
    assert done.returncode == 2
    assert "is a template" in done.stderr
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


def test_without_a_profile_the_snakefile_refuses(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    (directory / "overlay.yaml").write_text(HOSTILE["repeated key"][0], encoding="utf-8")
    done = snakemake(directory, "-n", "--workflow-profile", "none", "--configfile", "overlay.yaml")
    assert done.returncode == 2
    assert "stands twice" in done.stderr
