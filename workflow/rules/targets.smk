# What the command line and the config ask for: targets, models, samples, files; functions only, no rules.


# --- what the command line asks for ---

UNPLANNED = ("MissingRuleException", "InputFunctionException")


def tell_unknown_targets():
    """Let Snakemake end in one sentence where nothing makes what the command line names.

    It reads the Snakefile before it knows the targets, and calls nothing of ours before it plans, so the place to look
    is its log. The targets of a Snakefile that uses this one as a module are its own.
    """
    if workflow.is_main_process and not IS_MODULE:
        logger.addFilter(stop_at_unknown_target)


def stop_at_unknown_target(record):
    """Filter of the log: end as after every mistake of the user where Snakemake could not plan because of a target.

    It has given up by then and has nothing left to do but to print its own sentence and end with exit code 1.
    """
    if getattr(record, "exception", None) in UNPLANNED:
        asked = workflow.dag_settings
        names = {*asked.targets, *asked.forcerun, *asked.until, *asked.omit_from}
        if unknown := [name for name in sorted(names) if not is_made(name)]:
            stop(unknown_target(unknown[0], target_rules(), target_files()))
    return True


def is_made(target):
    """Whether it is the name of a rule, a file that is there, or one that a rule makes."""
    if workflow.is_rule(target) or Path(target).exists():
        return True
    path = target if os.path.isabs(target) else os.path.relpath(target)
    makers = (each for each in workflow.rules if each.is_producer(path))
    return any(are_in_config(each.get_wildcards(path)) for each in makers)


def are_in_config(wildcards):
    """Whether the config has the sample, model, method and volume of some wildcards."""
    known = {
        "sample": config["samples"],
        "model": config["models"],
        "method": {*config["models"], *BASELINES},
        "volume": config["upscale"],
    }
    return all(wildcards[name] in known[name] for name in known if name in wildcards)


def target_rules():
    """Rules to ask for by name: those without wildcards that make no file of their own."""
    return sorted(
        each.name
        for each in workflow.rules
        if not each.has_wildcards() and not each.output
    )


def target_files():
    """Files that a run makes, and their records."""
    return [*map(str, rules.all.input), *records()]


# --- models, samples, methods ---


def used_models():
    """Models under evaluation, those that upscale, and those that they start from."""
    return used.used_models(config)


def given_models():
    """Models that were trained before, used or not."""
    return [name for name, model in config["models"].items() if used.is_given(model)]


def trained_models():
    """Models that this workflow trains, used or not."""
    return [name for name, model in config["models"].items() if used.is_trained(model)]


def interpolated_models():
    """Models that lie between two others, used or not."""
    models = config["models"].items()
    return [name for name, model in models if used.is_interpolated(model)]


def used_samples():
    """Samples under evaluation and those that a used model is trained on."""
    return used.used_samples(config)


def pairs_of_scans():
    """Used samples with a real coarse scan, and the one whose scanner is imitated."""
    return used.pairs_of_scans(config)


def imitated_pairs():
    """Of these, the one that is used for its scanner alone, if there is one."""
    return [pair for pair in pairs_of_scans() if pair not in used_samples()]


def simulations(sample):
    """Samples under evaluation that shrink the fine scan of a pair."""
    own = config["samples"]
    return [
        each
        for each in config["evaluation"]["samples"]
        if own[each].get("scan_of") == sample and "lr" not in own[each]
    ]


def simulated_pairs():
    """Pairs under evaluation whose fine scan is shrunken too, so that both can be compared."""
    return [
        sample
        for sample in config["evaluation"]["samples"]
        if "lr" in config["samples"][sample] and simulations(sample)
    ]


def gaps():
    """The tables of what a real coarse scan costs."""
    return [
        f"results/metrics/{sample}.simulated_to_real.csv"
        for sample in simulated_pairs()
    ]


def rock():
    """The tables of what the pores say."""
    return [
        f"results/rock/{sample}.{images}.csv"
        for sample in config["evaluation"]["samples"]
        for images in images_of_rock()
    ]


def images_of_rock():
    """What pores are measured in: nothing, slices, or slices and blocks of them."""
    entry = config["evaluation"].get("rock")
    if entry is None:
        return []
    return ["slices", "blocks"] if entry["depth"] > 1 else ["slices"]


def methods():
    """Baselines and models, in the order of tables and figures."""
    return config["evaluation"]["baselines"] + config["evaluation"]["models"]


def measured():
    """The same, and trainings of the models with other seeds, which tables hold and figures leave out."""
    return config["evaluation"]["baselines"] + used.measured_models(config)


# --- what `rule all` wants ---


def figures():
    """Every figure that the config asks for."""
    return [
        f"results/figures/{stem}.{suffix}"
        for stem in (*of_samples(), *of_models(), *of_evaluation(), *of_upscaling())
        for suffix in ("png", "pdf")
    ]


def of_samples():
    """A sample without a coarse scan has nothing to register."""
    of_each = ["pairs", "histogram", "split"]
    return [
        *expand("samples/{sample}/{figure}", sample=used_samples(), figure=of_each),
        *expand("samples/{sample}/registration", sample=pairs_of_scans()),
        *expand("samples/{sample}/degradation", sample=pairs_of_scans()),
    ]


def of_models():
    return [
        f"models/{model}/{figure}"
        for model in used_models()
        for figure in figures_of(config["models"][model])
    ]


def figures_of(model):
    """Of one not trained here its network alone; without adversarial loss there is no discriminator to draw."""
    if not used.is_trained(model):
        return ["generator"]
    discriminator = ["discriminator"] if model["loss"]["adversarial"] else []
    return ["generator", *discriminator, "training"]


def of_evaluation():
    return [
        *expand(
            "evaluation/{sample}/{figure}",
            sample=config["evaluation"]["samples"],
            figure=["comparison", "metrics", "spectra"],
        ),
        *expand("evaluation/{sample}/simulated_to_real", sample=simulated_pairs()),
        *expand("evaluation/{sample}/trade_off", sample=traded_off()),
        *expand(
            "evaluation/{sample}/rock_{images}",
            sample=config["evaluation"]["samples"],
            images=images_of_rock(),
        ),
        *(["evaluation/transfer"] if is_transferred() else []),
    ]


def is_transferred():
    """Whether models are measured on several samples, against an interpolation."""
    evaluation = config["evaluation"]
    several = len(evaluation["samples"]) > 1
    return several and bool(evaluation["models"] and evaluation["baselines"])


def traded_off():
    """Samples under evaluation, where models between two others are measured with both."""
    return config["evaluation"]["samples"] if curves() else []


def curves():
    """The measured models between each two, with both, as the script takes them: alpha grows."""
    models, measured = config["models"], config["evaluation"]["models"]
    between = {}
    for name in measured:
        if used.is_interpolated(models[name]):
            between.setdefault(tuple(models[name]["interpolate"]), []).append(name)
    return [
        "/".join(
            [first, *sorted(names, key=lambda name: models[name]["alpha"]), second]
        )
        for (first, second), names in between.items()
        if {first, second} <= {*measured}
    ]


def of_upscaling():
    return [
        *expand("upscaled/{volume}/slice", volume=shown()),
        *expand("upscaled/{volume}/spread", volume=repeated()),
    ]


def model_cards():
    """The card of every model that is used."""
    return [f"results/models/{model}/model_card.md" for model in used_models()]


def upscaled():
    """Every file of every volume that the config wants upscaled."""
    files = {"zarr": "{name}.ome.zarr/zarr.json", "tiff": "{name}.ome.tif"}
    images = [
        f"results/upscaled/{name}/{files[kind].format(name=name)}"
        for name, entry in config["upscale"].items()
        for kind in entry["formats"]
    ]
    return [
        *images,
        *expand("results/upscaled/{volume}/quality.csv", volume=judged()),
        *rock_of_upscaled(),
        *expand("results/upscaled/{volume}/spread.csv", volume=repeated()),
    ]


def rock_of_upscaled():
    """The tables of what the pores of upscaled volumes say, where a true fine scan does too."""
    return expand(
        "results/upscaled/{volume}/rock.{images}.csv",
        volume=judged(),
        images=images_of_rock(),
    )


def repeated():
    """Volumes that every seed of their model upscales."""
    return [name for name, entry in config["upscale"].items() if entry["spread"]]


def shown():
    """Volumes to upscale without those by further seeds of a model, which figures leave out."""
    volumes = config["upscale"]
    with_siblings = partial(siblings.volumes_with_siblings, config)
    further = {each for name in volumes for each in with_siblings(name)[1:]}
    return [name for name in volumes if name not in further]


def judged():
    """Volumes to upscale whose true fine scan is a sample that the run slices anyway."""
    return [
        name
        for name, entry in config["upscale"].items()
        if entry.get("hr") in used_samples()
    ]


# --- what `rule finished` wants ---


@cache  # Snakemake asks several times, and the missing are named once
def finished():
    """What of `rule all` is there, after naming what is not; a figure's PDF goes with its PNG."""
    root = Path(RESULTS).parent
    tables = ["results/metrics/summary.csv", *gaps()]
    wanted = [*tables, *figures(), *model_cards(), *upscaled()]
    shown = [file for file in wanted if not file.endswith(".pdf")]
    missing = [file for file in shown if not (root / file).exists()]
    for file in missing:
        print(f"not there yet: {root / file}", file=sys.stderr)
    return [file for file in shown if file not in missing]


# --- what `rule provenance` wants ---


def records():
    """The provenance record of every job that `rule all` needs."""
    samples = used_samples()
    grown = [sample for sample in samples if "phantom" in config["samples"][sample]]
    stems = [
        *expand("volumes/{sample}", sample=grown),
        *expand("{stage}/{sample}", stage=["slices", "pairs"], sample=samples),
        *records_of_scans(),
        *(f"models/{model}/{origin(model)}" for model in used_models()),
        *expand("models/{model}/model_card", model=used_models()),
        *expand(
            "{stage}/{method}/{sample}",
            stage=["predictions", "metrics"],
            method=measured(),
            sample=config["evaluation"]["samples"],
        ),
        "metrics/summary",
        *expand("metrics/{sample}.simulated_to_real", sample=simulated_pairs()),
        *rock_records(),
        *upscaling_records(),
    ]
    drawn = [file for file in figures() if file.endswith(".png")]
    return [
        *(f"results/{stem}.provenance.json" for stem in stems),
        *(file.removesuffix("png") + "provenance.json" for file in drawn),
    ]


def records_of_scans():
    """Records of what is found out of pairs of scans; slices of a pair that is only imitated are among them."""
    imitated = imitated_pairs()
    resampled = [pair for pair in pairs_of_scans() if pair not in imitated]
    return [
        *expand("slices/{sample}", sample=imitated),
        *expand("slices/{sample}.lr", sample=resampled),
        *expand(
            "{stage}/{sample}",
            stage=["registration", "degradation"],
            sample=pairs_of_scans(),
        ),
    ]


def rock_records():
    """Records of what the pores of every method say, and of what compares them."""
    samples, images = config["evaluation"]["samples"], images_of_rock()
    stem = "rock/{method}/{sample}.{images}"
    return [
        *expand(stem, method=measured(), sample=samples, images=images),
        *expand("rock/{sample}.{images}", sample=samples, images=images),
    ]


def origin(model):
    """Name of the record of how a model got here: by a training, or given."""
    return "given" if model in given_models() else "training"


def upscaling_records():
    """Records of the jobs that upscale volumes, without their common beginning and end."""
    of_judged = ["quality", *(f"rock.{images}" for images in images_of_rock())]
    return [
        f"upscaled/{name}/{stem}"
        for name, entry in config["upscale"].items()
        for stem in (
            "layout",
            *(f"slabs/{slab}" for slab in range(entry["slabs"])),
            "image",
            *(["tiff"] if "tiff" in entry["formats"] else []),
            *(of_judged if name in judged() else []),
            *(["spread"] if name in repeated() else []),
        )
    ]
