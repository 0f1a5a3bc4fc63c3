# What the front page of the report says of results that the config did not make; functions only, no rules.

from types import SimpleNamespace

from sandstone.provenance.settings import differences


def made_otherwise():
    """Settings in the records of this config's results that differ from the config, for the front page.

    The page can read the config alone, and after an edit the results may still be those of another one.
    """
    return [vars(difference) for difference in differences(configured_flags())]


def configured_flags():
    """The settings that the config gives for each result, as flags, by the result's record."""
    record = f"{RESULTS}/{{}}.provenance.json".format
    seed = flag("seed", config["seed"])
    border = flag("border", config["evaluation"]["border"])
    flags = {record("metrics/summary"): bootstrap_flags()}
    for sample in used_samples():
        of_sample = SimpleNamespace(sample=sample)
        flags[record(f"pairs/{sample}")] = [
            *tile_flags(),
            *degradation_flags(of_sample),
            *split_flags(of_sample),
            *seed,
        ]
        if "phantom" in config["samples"][sample]:
            flags[record(f"volumes/{sample}")] = phantom_flags(of_sample)
        flags[record(f"slices/{sample}")] = [
            *flag("window", config["slices"]["window"]),
            *flag("dtype", config["slices"]["dtype"]),
        ]
    for model in used_models():
        flags[record(f"models/{model}/training")] = [
            *setting_flags(SimpleNamespace(model=model)),
            *seed,
        ]
    for sample in config["evaluation"]["samples"]:
        for method in methods():
            flags[record(f"metrics/{method}/{sample}")] = border
    return flags
