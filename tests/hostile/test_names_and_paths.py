"""Names and paths that a shell, Snakemake or the file system could take for something else."""

import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from contract.project import Rule, rules
from workflow.conftest import Clone, Snakemake

from sandstone.config import checks as configuration
from sandstone.config import sources
from sandstone.errors import InputError, one_line

Config = dict[str, Any]

VOXELS = np.random.default_rng(1).integers(0, 60000, (6, 24, 24)).astype(np.uint16)
SHELL = 'it\'s "a" $(touch hacked) `touch hacked`; touch hacked & touch hacked | #%s !~$HOME'
LEGAL = {
    "shell": f"rocks/{SHELL}.tif",
    "letters": "rocks/ß µ 岩 \U0001faa8.tif",
    "pattern": "rocks/a [1] *?.tif",
    "spaces": " rocks and  blanks / .tif",
    "back": "rocks/\\n\\$(touch hacked)\\.tif",
    "home": "~/rock.tif",
    "dots": "rocks/./../rocks/dots.tif",
    "slashes": "rocks//slashes.tif",
}
ILLEGAL = [
    "rocks/a{sample}.tif",
    "rocks/{wildcards}.tif",
    "rocks/{input.code[0].__class__}.tif",
    "rocks/a{b.tif",
    "rocks/a}b.tif",
    "rocks/{{a}}.tif",
    "rocks/<results>.tif",
    "rocks/a\nb.tif",
    "rocks/a\rb.tif",
    "rocks/a\tb.tif",
    "rocks/\x1b[2J.tif",
    "rocks/a\x7fb.tif",
    "rocks/a\u202eb.tif",
    "rocks/a\u2028b.tif",
    "rocks/a\0b.tif",
    "rocks/caf\udce9.tif",
    "-rock.tif",
    "--output=x.tif",
    "x" * 252 + ".tif",
    "岩" * 90 + ".tif",
]
NAMES = [
    "a b",
    "a;b",
    "$(touch hacked)",
    "`touch hacked`",
    "a'b",
    'a"b',
    "../a",
    "a/b",
    "..",
    "",
    "a\nb",
    "a\n",
    "{sample}",
    "<sample>",
    "a*",
    "-a",
    "A",
    "ä",
    "岩",
    "a.mask",
    "a\0",
    "a" * 101,
]


@pytest.fixture
def config(repository: Path) -> Config:
    return yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))


def refuse(config: Config, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        configuration.validate(config)
    sentence = str(caught.value)
    for part in parts:
        assert part in sentence
    assert one_line(sentence) == sentence
    assert len(sentence) < 500


# --- names ---


@pytest.mark.parametrize("section", ["samples", "models"])
@pytest.mark.parametrize("name", NAMES)
def test_name_is_refused(section: str, name: str, config: Config) -> None:
    config[section][name] = next(iter(config[section].values()))
    refuse(config, section)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("key", "put"),
    [
        ("train_on", lambda config, name: config["models"]["srgan"]["train_on"].append(name)),
        ("init_from", lambda config, name: config["models"]["srgan"].update(init_from=name)),
        ("evaluation.samples", lambda config, name: config["evaluation"]["samples"].append(name)),
        ("evaluation.models", lambda config, name: config["evaluation"]["models"].append(name)),
        ("baselines", lambda config, name: config["evaluation"].update(baselines=[name])),
    ],
)
def test_reference_to_no_name_is_refused(
    key: str, put: Callable[[Config, str], None], name: str, config: Config
) -> None:
    put(config, name)
    refuse(config, key)


@pytest.mark.parametrize("name", ["nearest", "bicubic", "hr"])
def test_a_model_cannot_stand_in_for_a_baseline(name: str, config: Config) -> None:
    config["models"][name] = config["models"]["srresnet"]
    refuse(config, name)


# --- paths ---


@pytest.mark.parametrize("path", ILLEGAL)
def test_path_of_a_volume_is_refused(path: str, config: Config) -> None:
    config["samples"]["rock"] = {"path": path}
    refuse(config, "samples.rock.path")


@pytest.mark.parametrize("path", ILLEGAL)
@pytest.mark.parametrize("weights", ["lpips_alex", "vgg19"])
def test_path_of_weights_is_refused(path: str, weights: str, config: Config) -> None:
    config["weights"] = {weights: {"path": path}}
    refuse(config, f"weights.{weights}.path")


@pytest.mark.parametrize("name", ["a{sample}.tif", "<x>.tif", "a\nb.tif", b"caf\xe9.tif"])
@pytest.mark.parametrize("pattern", ["", "/*.tif"])
def test_file_that_a_folder_or_pattern_finds_is_refused(
    name: str | bytes, pattern: str, tmp_path: Path
) -> None:
    (tmp_path / os.fsdecode(name)).touch()
    with pytest.raises(InputError, match="rename the file"):
        sources.volume_files("rock", {"path": f"{tmp_path}{pattern}"})


DOWNLOAD = {"url": ["https://example.org/a.tif"], "sha256": ["0" * 64]}


@pytest.mark.parametrize(
    "path",
    [
        "rock.tif",
        "data",
        "data/",
        "data/..",
        "data/../results/rock.tif",
        "data/raw/../../rock.tif",
        "/data/raw/rock.tif",
        "./data/raw/rock.tif",
        "data//raw/rock.tif",
        "data/./rock.tif",
        "data/raw/rock.tif/",
        "data/raw/{sample}.tif",
        "results/slices/rock.tif",
        "DATA/rock.tif",
        "data\\rock.tif",
    ],
)
def test_download_outside_data_is_refused(path: str, config: Config) -> None:
    config["samples"]["rock"] = {"path": path, **DOWNLOAD}
    refuse(config, "samples.rock.path")
    del config["samples"]["rock"]
    config["weights"] = {"lpips_alex": {"path": path, "url": "https://example.org"}}
    refuse(config, "weights.lpips_alex.path")


@pytest.mark.parametrize(
    "urls",
    [
        ["https://example.org/..", "https://example.org/b.tif"],
        ["https://example.org/", "https://example.org/b.tif"],
        ["https://example.org/a.tif", "https://example.com/a.tif"],
        ["https://example.org/{sample}.tif", "https://example.org/b.tif"],
        ["https://example.org/<x>.tif", "https://example.org/b.tif"],
        ["https://example.org/a.sh", "https://example.org/b.sh"],
        ["https://example.org/-a.tif?x=/../..", "https://example.org/b.tif"],
        ["ftp://example.org/a.tif"],
        ["javascript:alert(1)"],
        ["https://example.org/a b.tif"],
        ["https://example.org/a.tif\n"],
        ["https://example.org/a.tif\n--output x"],
    ],
)
def test_address_is_refused(urls: list[str], config: Config) -> None:
    sample = {"path": "data/raw/parts", "url": urls, "sha256": ["0" * 64] * len(urls)}
    config["samples"]["rock"] = sample
    refuse(config, "samples.rock.url")


def test_one_place_cannot_have_two_contents(config: Config) -> None:
    config["samples"]["a"] = {"path": "data/raw/rock.tif", **DOWNLOAD}
    config["samples"]["b"] = {**config["samples"]["a"], "sha256": ["1" * 64]}
    refuse(config, "samples.b", "own path")


# --- through the workflow ---


def test_legal_paths_work_and_nothing_of_them_runs(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    samples: Config = {name: {"path": path} for name, path in LEGAL.items()}
    for path in LEGAL.values():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(directory / path, VOXELS, photometric="minisblack")
    folder = directory / "rocks" / "$(touch hacked) 'slices'"
    folder.mkdir()
    for z, plane in enumerate(VOXELS):
        tifffile.imwrite(folder / f"; touch hacked # {z}.tif", plane)
    samples["folder"] = {"path": str(folder.relative_to(directory))}
    dataset = f"{{sample}} <x> {SHELL}"
    with h5py.File(directory / "rock.h5", "w") as file:
        file["other"] = file[dataset] = VOXELS
    samples["dataset"] = {"path": "rock.h5", "dataset": dataset}
    for sample in samples.values():
        sample["voxel_size_um"] = 2.0
    _run(directory, snakemake, samples, [f"results/slices/{name}.tif" for name in samples])
    written = {(directory / f"results/slices/{name}.tif").read_bytes() for name in samples}
    assert len(written) == 1


def test_downloads_with_ugly_names_work_and_nothing_of_them_runs(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    source = directory / "upstream" / "$(touch hacked)" / "a'b;.tif"
    source.parent.mkdir(parents=True)
    tifffile.imwrite(source, VOXELS[0])
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    path = f"data/raw/{SHELL}.tif"
    address = f"file://{source}".replace(" ", "%20")
    samples = {"rock": {"path": path, "url": [address], "sha256": [sha256], "voxel_size_um": 2}}
    _run(directory, snakemake, samples, [path])
    assert (directory / path).read_bytes() == source.read_bytes()


def test_weights_with_ugly_names_fail_without_running_anything(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    path = "data/weights/$(touch hacked) 'lpips'; touch hacked.npz"
    weights = {"path": path, "url": "file:///none/{sample}/$(touch${IFS}hacked)"}
    overlay = {"weights": {"lpips_alex": weights}}
    (directory / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    done = snakemake(directory, "--configfile", "overlay.yaml", targets=(path,))
    assert done.returncode != 0
    assert "{sample}/$(touch${IFS}hacked)/slice_1_base.keras: cannot be copied" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list(directory.rglob("hacked*")) == []
    assert not (directory / path).exists()


def _run(directory: Path, snakemake: Snakemake, samples: Config, targets: list[str]) -> None:
    overlay = {
        "samples": samples,
        "slices": {"field_of_view": "full"},
        "evaluation": {"samples": list(samples)},
    }
    (directory / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    done: subprocess.CompletedProcess[str] = snakemake(
        directory, "--configfile", "overlay.yaml", targets=tuple(targets)
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert list(directory.rglob("hacked*")) == []


# --- shell blocks ---


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_rule_quotes_everything_that_it_gives_the_shell(rule: Rule) -> None:
    block = re.search(r'^    shell:\n\s+"""(.*?)"""', rule.text, re.MULTILINE | re.DOTALL)
    assert block
    fields = re.findall(r"\{([^{}]*)\}", block[1])
    assert fields
    assert [field for field in fields if not field.endswith(":q")] == []
