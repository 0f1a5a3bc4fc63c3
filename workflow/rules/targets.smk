# What the config asks for: the files that `rule all` and `rule provenance` want; functions only, no rules.


# --- models, samples, methods ---


def used_models():
    """Models under evaluation, those that upscale, and those that they start from."""
    upscaling = [entry["model"] for entry in config["upscale"].values()]
    models = list(dict.fromkeys(config["evaluation"]["models"] + upscaling))
    for model in models:
        parent = config["models"][model].get("init_from")
        if parent and parent not in models:
            models.append(parent)
    return models


def used_samples():
    """Samples under evaluation and those that a used model is trained on."""
    training = (config["models"][model]["train_on"] for model in used_models())
    return sorted(
        {
            *config["evaluation"]["samples"],
            *(sample for on in training for sample in on),
        }
    )


def methods():
    """Baselines and models, in the order of tables and figures."""
    return config["evaluation"]["baselines"] + config["evaluation"]["models"]


# --- what `rule all` wants ---


def figures():
    """Every figure that the config asks for."""
    kinds = {
        "samples": (used_samples(), ("pairs", "histogram", "split")),
        "models": (used_models(), ("generator", "discriminator", "training")),
        "evaluation": (
            config["evaluation"]["samples"],
            ("comparison", "metrics", "spectra"),
        ),
    }
    return [
        f"results/figures/{kind}/{name}/{figure}.{suffix}"
        for kind, (names, figures_of_kind) in kinds.items()
        for name in names
        for figure in figures_of_kind
        for suffix in ("png", "pdf")
    ]


def model_cards():
    """The card of every model that is used."""
    return [f"results/models/{model}/model_card.md" for model in used_models()]


def upscaled():
    """Every file of every volume that the config wants upscaled."""
    files = {"zarr": "{name}.ome.zarr/zarr.json", "tiff": "{name}.ome.tif"}
    return [
        f"results/upscaled/{name}/{files[kind].format(name=name)}"
        for name, entry in config["upscale"].items()
        for kind in entry["formats"]
    ]


# --- what `rule provenance` wants ---


def records():
    """The provenance record of every job that `rule all` needs."""
    samples, measured = used_samples(), config["evaluation"]["samples"]
    grown = [sample for sample in samples if "phantom" in config["samples"][sample]]
    stems = [
        *expand("volumes/{sample}", sample=grown),
        *expand("{stage}/{sample}", stage=["slices", "pairs"], sample=samples),
        *expand(
            "models/{model}/{stem}",
            model=used_models(),
            stem=["training", "model_card"],
        ),
        *expand(
            "{stage}/{method}/{sample}",
            stage=["predictions", "metrics"],
            method=methods(),
            sample=measured,
        ),
        "metrics/summary",
        *upscaling_records(),
    ]
    drawn = [file for file in figures() if file.endswith(".png")]
    return [
        *(f"results/{stem}.provenance.json" for stem in stems),
        *(file.removesuffix("png") + "provenance.json" for file in drawn),
    ]


def upscaling_records():
    """Records of the jobs that upscale volumes, without their common beginning and end."""
    return [
        f"upscaled/{name}/{stem}"
        for name, entry in config["upscale"].items()
        for stem in (
            "layout",
            *(f"slabs/{slab}" for slab in range(entry["slabs"])),
            "image",
            *(["tiff"] if "tiff" in entry["formats"] else []),
        )
    ]
