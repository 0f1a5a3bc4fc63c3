"""One scan upscaled without any config: its name, what it asks for, and what it refuses."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import tifffile
import yaml
from helpers import given_model

from sandstone.config import checks
from sandstone.errors import InputError


@pytest.fixture(scope="module")
def upscale_scan(repository: Path) -> Any:
    """The script, which is no stage of the workflow and lies beside its scripts."""
    spec = importlib.util.spec_from_file_location(
        "upscale_scan", repository / "workflow" / "upscale_scan.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["upscale_scan"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan that does not tell its voxel size."""
    import numpy as np

    path = tmp_path / "Core plug (2).TIF"
    tifffile.imwrite(path, np.zeros((3, 20, 20), np.uint8), photometric="minisblack")
    return path


@pytest.mark.parametrize(
    ("volume", "name"),
    [
        ("a/Core plug (2).TIF", "core_plug_2"),
        ("scan.ome.zarr", "scan"),
        ("7-µm.raw.gz", "7_m"),
        ("plug_2.2um_a.tif", "plug_2_2um_a"),
        ("a/plug 3/slice_*.tif", "plug_3"),
        ("x" * 200 + ".tif", "x" * 100),
    ],
)
def test_the_result_is_named_after_the_scan(upscale_scan: Any, volume: str, name: str) -> None:
    assert upscale_scan.name_of(volume) == name


def test_a_folder_of_slices_keeps_its_whole_name(upscale_scan: Any, tmp_path: Path) -> None:
    (tmp_path / "plug at 2.2um").mkdir()
    assert upscale_scan.name_of(f"{tmp_path}/plug at 2.2um/") == "plug_at_2_2um"


def test_the_result_of_another_scan_of_the_same_name_is_kept(
    upscale_scan: Any, tmp_path: Path
) -> None:
    config = tmp_path / "plug.json"
    upscale_scan.check_name(config, "/a/plug.tif")
    config.write_text(json.dumps({"upscale": {"plug": {"path": "/a/plug.tif"}}}), "utf-8")
    upscale_scan.check_name(config, "/a/plug.tif")
    with pytest.raises(InputError, match=r"of another scan of this name, '?/a/plug.tif"):
        upscale_scan.check_name(config, "/b/plug.tif")


def test_a_name_without_letters_is_refused(upscale_scan: Any) -> None:
    with pytest.raises(InputError, match="rename it"):
        upscale_scan.name_of("---.tif")


def test_a_scan_without_voxel_size_is_refused_with_what_to_type(
    upscale_scan: Any, scan: Path
) -> None:
    with pytest.raises(InputError, match=r"with make: VOXEL_UM=6"):
        upscale_scan.check_scan(str(scan), None)
    upscale_scan.check_scan(str(scan), 6.0)


def test_the_workflow_is_asked_for_this_volume_alone(
    upscale_scan: Any, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = given_model.write(tmp_path / "mine", scale=2)
    monkeypatch.chdir(tmp_path)
    calls = []

    class Done:
        returncode = 0

    monkeypatch.setattr(
        upscale_scan.subprocess, "run", lambda call, **_: calls.append(call) or Done()
    )
    upscale_scan.main([str(scan), "--voxel-um", "6", "--model", str(model)])
    [call] = calls
    config = json.loads(Path(call[call.index("--configfile") + 1]).read_text(encoding="utf-8"))
    assert config == {
        "pairs": {"scale": 2, "hr_size": 128, "stride": 128},
        "evaluation": {"models": []},
        "models": {"mine": {"weights": str(model)}},
        "upscale": {
            "core_plug_2": {
                "path": str(scan),
                "model": "mine",
                "axes": "z",
                "voxel_size_um": 6.0,
            }
        },
    }
    assert call[call.index("--") + 1 :] == [
        "results/upscaled/core_plug_2/core_plug_2.ome.zarr/zarr.json",
        "results/figures/upscaled/core_plug_2/slice.png",
    ]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_each_of_our_models_makes_a_valid_config(
    upscale_scan: Any, scan: Path, tmp_path: Path, repository: Path, scale: int
) -> None:
    flags = [str(scan), "--voxel-um", "6", "--model", f"pretrained/sandstone_x{scale}"]
    laid_over = upscale_scan.overlay(upscale_scan.parser().parse_args(flags), "plug")
    config = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    config["pairs"] |= laid_over["pairs"]
    checks.validate({**config, "upscale": laid_over["upscale"]})


def test_a_misspelt_model_is_refused(upscale_scan: Any, scan: Path) -> None:
    with pytest.raises(InputError, match="is no model that comes with this project; choose from"):
        upscale_scan.main([str(scan), "--voxel-um", "6", "--model", "pretrained/sandstone_x5"])


def test_a_folder_that_holds_no_model_is_refused(
    upscale_scan: Any, scan: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"holds no generator\.json"):
        upscale_scan.main([str(scan), "--voxel-um", "6", "--model", str(tmp_path)])
