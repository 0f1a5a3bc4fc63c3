# What the report tells of the results: what made them, by their records, and where the config says otherwise now.
# Functions only, no rules.

from types import SimpleNamespace

from sandstone.report.made import made
from sandstone.report.results import Results
from sandstone.report.settings import differences


def tell_the_report(given):
    """Put what made the results where captions and front page find it, which can read configs alone; no rule reads it.

    Captions have the config of this workflow. The front page has the one of the outermost Snakefile, which a module is
    given; of several modules that share one, the first has told the front page.
    """
    if workflow.is_main_process:
        results = Results(RESULTS)
        otherwise = map(vars, differences(results, configured_flags()))
        config[FOR_REPORT] = {**made(config, results), "otherwise": list(otherwise)}
        given.setdefault(FOR_REPORT, config[FOR_REPORT])


def configured_flags():
    """The settings that the config gives for each result, as flags, by the result's stem."""
    seed = flag("seed", config["seed"])
    border = flag("border", config["evaluation"]["border"])
    flags = {"metrics/summary": bootstrap_flags()}
    for sample in used_samples():
        of_sample = SimpleNamespace(sample=sample)
        flags[f"pairs/{sample}"] = [
            *tile_flags(),
            *degradation_flags(of_sample),
            *file_of_fit(of_sample),
            *split_flags(of_sample),
            *seed,
        ]
        if "phantom" in config["samples"][sample]:
            flags[f"volumes/{sample}"] = phantom_flags(of_sample)
        flags[f"slices/{sample}"] = [
            *flag("field-of-view", config["slices"]["field_of_view"]),
            *flag("window", config["slices"]["window"]),
            *flag("dtype", config["slices"]["dtype"]),
        ]
    for model in used_models():
        if model not in trained_models():
            continue
        flags[f"models/{model}/training"] = [
            *files_of_training(model),
            *setting_flags(SimpleNamespace(model=model)),
            *seed_flag(SimpleNamespace(model=model)),
        ]
    for sample in config["evaluation"]["samples"]:
        for method in measured():
            flags[f"metrics/{method}/{sample}"] = border
    for volume, entry in config["upscale"].items():
        of_volume = SimpleNamespace(volume=volume)
        settings = upscale_flags("axes", "batch", "field_of_view", "model", "tile")
        window = upscale_window_flags(of_volume)
        flags[f"upscaled/{volume}/layout"] = ["--levels", *settings(of_volume), *window]
    return flags


def file_of_fit(of_sample):
    """The fit of a scanner that is imitated, as the record of tile pairs names it."""
    fit = fitted_degradation(of_sample).get("fit")
    return flag("degradation-fit", fit and fit.replace("results", RESULTS, 1))


def files_of_training(model):
    """The samples and the start of a training, as its record names them."""
    settings = config["models"][model]
    parent = settings.get("init_from")
    start = [f"{RESULTS}/models/{parent}/generator.weights.h5"] if parent else []
    pairs = [f"{RESULTS}/pairs/{sample}.h5" for sample in settings["train_on"]]
    return ["--pairs", *pairs, "--init-weights", *start]
