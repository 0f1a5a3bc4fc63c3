"""What the report tells: the settings that made the results, by their records.

The config says what the next run makes. After an edit, or a failed job, that is not what the
figures show.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandstone.choices import BASELINES
from sandstone.config.used import is_given, is_interpolated, used_models, used_samples
from sandstone.report.results import Result, Results
from sandstone.training import words

Config = Mapping[str, Any]
Told = dict[str, Any]

SLICES = ("field_of_view", "window", "dtype")
PAIRS = ("scale", "guard_um", "hr_size", "stride")
DEGRADATION = (
    "lr_slices",
    "scale",
    "degradation_kernel",
    "degradation_psf_sigma",
    "degradation_noise",
    "degradation_noise_slope",
    "degradation_noise_correlation",
    "degradation_fit",
)
INFERENCE = ("self_ensemble", "back_projection")
SPLIT = ("train", "val", "test", "depth_step")


def made(config: Config, results: Results) -> Told:
    """Return what made the results of a config, as plain data for the templates of the report.

    Each entry is of the result's record, or of the config where there is no record; then its
    `recorded` is false.

    Parameters
    ----------
    config : mapping
        Complete: with the defaults of the schema.
    results : Results

    Returns
    -------
    dict
        `volumes`, `models` and `upscaled` by name; `slices`, `pairs`, `degradations`, `splits`,
        `predictions` and `borders` as groups of results that were made alike: `names`,
        `settings`, `recorded`;
        `summary`: the parameters of the bootstrap, `baselines`, `models` and `samples`;
        `lpips`: whether a table holds it.
    """
    models = {name: _model(config, results, name) for name in used_models(dict(config))}
    samples = _samples(config, results, models)
    measured = _summary(config, results)
    tables = {
        f"{method} on {sample}": f"metrics/{method}/{sample}"
        for sample in measured["samples"]
        for method in (*measured["baselines"], *measured["models"])
    }
    slices = {name: _told(results, f"slices/{name}", config["slices"]) for name in samples}
    pairs = {name: _told(results, f"pairs/{name}", _pairs(config, name)) for name in samples}
    border = {"border": config["evaluation"]["border"]}
    metrics = {name: _told(results, stem, border) for name, stem in tables.items()}
    asked = {
        f"{model} on {sample}": _told(results, f"predictions/{model}/{sample}", config["inference"])
        for model in measured["models"]
        for sample in measured["samples"]
    }
    return {
        "volumes": {name: _volume(config, results, name) for name in samples},
        "slices": _alike(slices, SLICES),
        "pairs": _alike(pairs, PAIRS),
        "splits": _alike(pairs, SPLIT),
        "degradations": _alike(pairs, DEGRADATION),
        "models": models,
        "predictions": _alike(asked, INFERENCE),
        "borders": _alike(metrics, ("border",)),
        "lpips": any(_with_lpips(config, results.find(stem)) for stem in tables.values()),
        "summary": measured,
        "upscaled": {name: _upscaled(config, results, name) for name in config["upscale"]},
    }


def _samples(config: Config, results: Results, models: Mapping[str, Told]) -> list[str]:
    """Return the samples that the config uses, and others that a model was trained on."""
    seen = {sample for model in models.values() for sample in model["train_on"]}
    others = {sample for sample in seen if results.find(f"slices/{sample}")}
    return sorted({*used_samples(dict(config)), *others})


def _told(results: Results, stem: str, configured: Mapping[str, Any]) -> Told:
    """Return the parameters of a record; what is configured where there is none."""
    found = results.find(stem)
    return {**(found.parameters if found else configured), "recorded": bool(found)}


def _alike(told: Mapping[str, Told], keys: Iterable[str]) -> list[Told]:
    """Group results with equal settings, in the order of the first of each group."""
    groups: list[Told] = []
    for name, parameters in told.items():
        settings = {key: parameters[key] for key in keys if key in parameters}
        group: Told = {"settings": settings, "recorded": parameters["recorded"]}
        same = next((each for each in groups if group.items() <= each.items()), None)
        if same is None:
            groups.append({**group, "names": [name]})
        else:
            same["names"].append(name)
    return groups


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings as a record has them: {"loss": {"pixel": 1}} is loss_pixel: 1."""
    return dict(_flat(settings, ""))


def _flat(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}_")
        else:
            yield f"{prefix}{key}", value


def _pairs(config: Config, sample: str) -> dict[str, Any]:
    pairs = config["pairs"]
    entry = config["samples"].get(sample, {})
    ranges = entry.get("split", {})
    named = {split: f"{first}:{last}" for split, (first, last) in ranges.items()}
    others = {key: value for key, value in pairs.items() if key != "split"}
    scan = {"lr_slices": f"results/slices/{sample}.lr.tif"} if "lr" in entry else {}
    fitted = {"degradation_fit": f"results/degradation/{pairs['degradation'].get('from')}.json"}
    return {**flat(others), **(named or pairs["split"]), **fitted, **scan}


def _volume(config: Config, results: Results, sample: str) -> Told:
    """Return what a sample is: `phantom` or `files`, and `voxel_size_um`, a list or None."""
    found = results.find(f"slices/{sample}")
    if not found:
        return {**_configured_volume(config["samples"][sample]), "recorded": False}
    files = found.files("--volume")
    grown = [file.match(f"results/volumes/{sample}.tif") for file in files] == [True]
    phantom = results.find(f"volumes/{sample}") if grown else None
    told = {"phantom": phantom.parameters} if phantom else {"files": list(map(str, files))}
    return {**told, "voxel_size_um": found.voxel_size_um, "recorded": True}


def _configured_volume(entry: Mapping[str, Any]) -> Told:
    if "phantom" in entry:
        return {"phantom": entry["phantom"], "voxel_size_um": None}
    size = entry.get("voxel_size_um")
    sizes = [size] * 3 if isinstance(size, int | float) else size
    return {"files": [entry["path"]], "voxel_size_um": sizes}


def _model(config: Config, results: Results, model: str) -> Told:
    """Return the settings of a training, `train_on`, `init_from`, and its `losses` in words.

    Of a model that was trained before, `given` is the folder that holds it.
    """
    settings = config["models"][model]
    if is_given(settings):
        taken = results.find(f"models/{model}/given")
        return {"given": settings["weights"], "train_on": [], "recorded": bool(taken)}
    found = results.find(f"models/{model}/training")
    if is_interpolated(settings):
        alpha = found.parameters["alpha"] if found else settings["alpha"]
        between = {"between": settings["interpolate"], "alpha": alpha}
        return {**between, "train_on": [], "recorded": bool(found)}
    told: Told = {**flat(settings), "init_from": settings.get("init_from")}
    if found:
        parents = [file.parent.name for file in found.files("--init-weights")]
        told = {
            **found.parameters,
            "train_on": [file.stem for file in found.files("--pairs")],
            "init_from": parents[0] if parents else None,
        }
    return {
        **told,
        "losses": words.losses(told),
        "adversarial": words.is_adversarial(told),
        "recorded": bool(found),
    }


def _summary(config: Config, results: Results) -> Told:
    found = results.find("metrics/summary")
    evaluation = config["evaluation"]
    told = _told(results, "metrics/summary", {**evaluation, "seed": config["seed"]})
    if not found:
        return told
    files = found.files("--metrics")
    methods = list(dict.fromkeys(file.parent.name for file in files))
    return {
        **told,
        "baselines": [method for method in methods if method in BASELINES],
        "models": [method for method in methods if method not in BASELINES],
        "samples": list(dict.fromkeys(file.stem for file in files)),
    }


def _with_lpips(config: Config, found: Result | None) -> bool:
    return bool(found.files("--lpips-weights") if found else config["weights"].get("lpips_alex"))


def _upscaled(config: Config, results: Results, volume: str) -> Told:
    """Return the settings of an upscaled volume, and the edges of its voxels, (z, y, x)."""
    entry = config["upscale"][volume]
    configured = {
        "window": config["slices"]["window"],
        "scale": config["pairs"]["scale"],
        **entry,
    }
    found = results.find(f"upscaled/{volume}/layout")
    told = _told(results, f"upscaled/{volume}/layout", configured)
    slab = _told(results, f"upscaled/{volume}/slabs/0", config["inference"])
    told |= {key: slab[key] for key in INFERENCE if key in slab}
    return {**told, "voxel_size_um": found.voxel_size_um if found else None}
