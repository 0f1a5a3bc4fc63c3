# What the rules read and which flags they pass, from the config and the wildcards: functions only, no rules.


# --- raw volumes and published weights ---

# With `prefix:` of a module, Snakemake moves the inputs and outputs of rules. Files that the config names stay where
# they are: hence local().


def volume(sample):
    """Files of a sample's raw volume."""
    settings = config["samples"][sample]
    if "phantom" in settings:
        return [f"results/volumes/{sample}.tif"]
    return list(map(local, volume_files(sample, settings)))


def missing_downloads():
    """Map each file that is still to be fetched to its (url, sha256)."""
    return {
        file: source
        for _, entry in entries(config)
        for file, source in downloads(entry).items()
        if not Path(file).exists()
    }


def weights(kind):
    """The file of published weights in a list, or an empty list where the config has none."""
    published = config["weights"].get(kind)
    return [local(published["path"])] if published else []


def missing_lpips_weights():
    """The LPIPS weights in a list if they are still to be fetched."""
    return [file for file in weights("lpips_alex") if not Path(file).exists()]


def phantom_flags(wildcards):
    return as_flags(
        {"seed": config["seed"], **config["samples"][wildcards.sample]["phantom"]}
    )


# --- slices ---


def coarse_volume(wildcards):
    """Files of the coarse scan of a pair."""
    return coarse_files(wildcards.sample)


def coarse_files(sample):
    entry = config["samples"][sample]["lr"]
    return list(map(local, volume_files(f"{sample}.lr", entry)))


def reading_flags(wildcards):
    sample = config["samples"][wildcards.sample]
    return [*flags_of_reading(sample), *axis_flag(sample)]


def axis_flag(sample):
    """The axis that the slices follow, unless it is the usual one."""
    return flag("axis", sample["axis"] if sample["axis"] != "z" else None)


def coarse_reading_flags(wildcards):
    sample = config["samples"][wildcards.sample]
    return [*flags_of_reading(sample["lr"], "lr-"), *axis_flag(sample)]


def registration_flags(wildcards):
    settings = config["samples"][wildcards.sample]["registration"]
    numbers = {key: settings[key] for key in settings if key != "method"}
    return [*flag("registration", settings["method"]), *as_flags(numbers)]


def flags_of_reading(entry, prefix=""):
    """What a file does not say of itself: of an entry of samples or upscale."""
    return [
        *flag(f"{prefix}voxel-size-um", entry.get("voxel_size_um")),
        *flag(f"{prefix}dataset", entry.get("dataset")),
        *as_flags({f"{prefix}raw": entry.get("raw", {})}),
    ]


def volume_stamp(wildcards):
    """Tell a volume that was replaced, also by an older file, which its time alone would hide.

    Where the workflow makes or fetches it, its time depends on the run and its content does not.
    """
    return stamp_of_sample(wildcards.sample)


def stamp_of_sample(name):
    sample = config["samples"][name]
    return "" if "phantom" in sample or "url" in sample else stamp(volume(name))


def coarse_stamp(wildcards):
    """As `volume_stamp`, of the coarse scan of a pair."""
    fetched = "url" in config["samples"][wildcards.sample]["lr"]
    return "" if fetched else stamp(coarse_files(wildcards.sample))


# --- tile pairs ---


def tile_flags():
    keys = ("scale", "hr_size", "stride", "depth_step", "guard_um")
    return as_flags({key: config["pairs"][key] for key in keys})


def coarse_slices(wildcards):
    """The LR slices of a pair and their mask, which make its LR tiles."""
    if "lr" not in config["samples"][wildcards.sample]:
        return {}
    stem = f"results/slices/{wildcards.sample}.lr"
    return {"lr_slices": f"{stem}.tif", "lr_mask": f"{stem}.mask.tif"}


def coarse_slices_flags(wildcards, input):
    flags = {"lr-slices": input.get("lr_slices"), "lr-mask": input.get("lr_mask")}
    return [word for name, file in flags.items() for word in flag(name, file)]


def degradation_flags(wildcards):
    """Only what acts: noise without a PSF changes no tile. Where LR is a scan, its fit describes it."""
    if "lr" in config["samples"][wildcards.sample]:
        return flag("degradation-kernel", FITTED)
    degradation = used.degradation_of(config, wildcards.sample)
    return as_flags({"degradation": acting(degradation)})


def fitted_degradation(wildcards):
    """The fit whose scanner is imitated; where LR is a scan, its own, which the tiles are described by."""
    if "lr" in config["samples"][wildcards.sample]:
        return {"fit": f"results/degradation/{wildcards.sample}.json"}
    degradation = used.degradation_of(config, wildcards.sample)
    if degradation["kernel"] != FITTED:
        return {}
    return {"fit": f"results/degradation/{degradation['from']}.json"}


def fitted_degradation_flags(wildcards, input):
    return flag("degradation-fit", input.get("fit"))


def split_flags(wildcards):
    ranges = config["samples"][wildcards.sample].get("split")
    if ranges:
        return as_flags(
            {split: f"{first}:{last}" for split, (first, last) in ranges.items()}
        )
    return as_flags(config["pairs"]["split"])


# --- training ---


def training_inputs(wildcards):
    model = config["models"][wildcards.model]
    inputs = {"pairs": [f"results/pairs/{sample}.h5" for sample in model["train_on"]]}
    if "init_from" in model:
        inputs["init_weights"] = (
            f"results/models/{model['init_from']}/generator.weights.h5"
        )
    kind = model["loss"]["content_kind"]
    if model["loss"]["content"] and kind in config["weights"]:
        inputs[f"{kind.removesuffix('_alex')}_weights"] = weights(kind)
    return inputs


def order_of_training(wildcards):
    """The order of the samples counts, and Snakemake compares inputs sorted."""
    return config["models"][wildcards.model]["train_on"]


def input_flags(wildcards, input):
    names = ("init_weights", "vgg19_weights", "lpips_weights")
    flags = [
        word for name in names for word in flag(name.replace("_", "-"), input.get(name))
    ]
    return flags + flag(
        "vgg19-sha256", config["weights"].get("vgg19", {}).get("sha256")
    )


def given_folder(wildcards, output):
    """It takes `output`, though it needs none: a folder that was moved reruns nothing, see `cadence_flags`."""
    return config["models"][wildcards.model]["weights"]


def digest_of_given(wildcards):
    """Tell a folder that holds another model now; what is published under one name never changes."""
    model = config["models"][wildcards.model]
    if "published" in model:
        return [model["published"], str(config["pairs"]["scale"])]
    return digest_of_folder(model["weights"])


def published_folder(wildcards):
    """Files of a folder that `fetch_span_photo` makes where it is absent."""
    model = config["models"][wildcards.model]
    return published_files(model["weights"]) if "published" in model else []


def published_files(folder):
    names = ("generator.weights.h5", "generator.json", "published.json")
    return [local(f"{folder}/{name}") for name in names]


def missing_published():
    """Folders of published networks that are still to be made."""
    models = config["models"].values()
    return [model["weights"] for model in models if is_to_fetch(model)]


@cache
def digest_of_folder(folder):
    return model_folder.digest(folder)


def setting_flags(wildcards):
    model = config["models"][wildcards.model]
    others = ("train_on", "init_from", "checkpoint_every", "seeds")
    return as_flags({key: model[key] for key in model if key not in others})


def seed_flag(wildcards):
    return flag("seed", siblings.seed_of(config, wildcards.model))


def cadence_flags(wildcards, output):
    """How often to save, which no result depends on.

    It takes `output`, though it needs none, since Snakemake reruns nothing for such a param.
    """
    every = config["models"][wildcards.model]["checkpoint_every"]
    return flag("checkpoint-every", every)


# --- inference ---


def network(wildcards):
    if wildcards.method not in config["models"]:
        return []
    folder = f"results/models/{wildcards.method}"
    return [f"{folder}/generator.weights.h5", f"{folder}/generator.json"]


def network_flags(wildcards, input):
    return flag(
        "model-dir", os.path.dirname(input.network[0]) if input.network else None
    )


def inference_threads(wildcards):
    """Of TensorFlow, which no baseline needs."""
    if wildcards.method not in config["models"]:
        return []
    return flag("threads", config["tensorflow_threads"])


def inference_flags_of_method(wildcards):
    """Of a model: interpolation has nothing to average."""
    return inference_flags() if wildcards.method in config["models"] else []


def inference_flags():
    """Only what acts: a model that is asked once has the command line that it always had."""
    acting = {key: value for key, value in config["inference"].items() if value}
    return as_flags(acting)


def asking_flags():
    """Of the network alone: a layout says how a volume is projected back."""
    acting = {key: value for key, value in config["inference"].items() if value}
    acting.pop("back_projection", None)
    return as_flags(acting)


def projected_pairs(wildcards):
    """What the model of a volume has learned from, where that says how to project back."""
    if not config["inference"]["back_projection"]:
        return []
    model = config["models"][config["upscale"][wildcards.volume]["model"]]
    return [f"results/pairs/{sample}.h5" for sample in model["train_on"]]


def back_projection_flags(wildcards, input):
    pairs = flag("pairs", list(input.get("pairs", [])) or None)
    return [
        *pairs,
        *flag("back-projection", config["inference"]["back_projection"] or None),
    ]


# --- metrics ---


def lpips_threads():
    """Of TensorFlow, which measures LPIPS alone."""
    return (
        flag("threads", config["tensorflow_threads"]) if weights("lpips_alex") else []
    )


def records_of_trainings():
    """Records of the trainings of every model under evaluation, and of those that it descends from."""
    models = [each for model in used.measured_models(config) for each in line_of(model)]
    return list(map(training_record, dict.fromkeys(models)))


def siblings_flags():
    """Which measured models differ in their seed alone, the first one first."""
    models = config["evaluation"]["models"]
    groups = ([name, *siblings.siblings(config, name)] for name in models)
    return flag("siblings", ["/".join(group) for group in groups if len(group) > 1])


def shared_scans_flags():
    """Which samples are one rock, since they share its fine scan."""
    owners = {name: sample.get("scan_of") for name, sample in config["samples"].items()}
    return flag("scans", [f"{name}={owner}" for name, owner in owners.items() if owner])


def simulated_to_real_flags(wildcards):
    """Tables of one simulated sample after the other, the methods of each in their order.

    Flags of file names, as Snakemake sorts the inputs that it compares.
    """
    tables = "results/metrics/{method}/{sample}.csv"
    simulated = [
        tables.format(method=method, sample=sample)
        for sample in simulations(wildcards.sample)
        for method in methods()
    ]
    real = [tables.format(method=each, sample=wildcards.sample) for each in methods()]
    return [*flag("real", real), *flag("simulated", simulated)]


def rock_flags(wildcards):
    """How pores are told from solid, and of what: single slices, or blocks of them."""
    entry = config["evaluation"]["rock"]
    shared = {key: entry[key] for key in ("phases", "sweep", "steps", "speckle")}
    if wildcards.images == "blocks":
        shared |= {key: entry[key] for key in ("depth", "permeability")}
    return as_flags(shared)


def bootstrap_flags():
    settings = {key: config["evaluation"][key] for key in ("confidence", "resamples")}
    return as_flags({**settings, "seed": config["seed"]})


# --- provenance ---


def line_of(model):
    """A model and those that it descends from, the youngest first."""
    parents = used.parents(config["models"][model])
    return [model, *line_of(parents[-1])] if parents else [model]


def ends_of(wildcards):
    """What a model lies between: their networks and the records of their trainings."""
    folders = [f"results/models/{end}" for end in ends(wildcards)]
    return {
        "networks": expand(
            "{folder}/generator{end}", folder=folders, end=[".weights.h5", ".json"]
        ),
        "trainings": list(map(training_record, ends(wildcards))),
    }


def ends(wildcards):
    return config["models"][wildcards.model]["interpolate"]


def ends_flags(wildcards):
    """Their folders, and the records of their trainings."""
    first, second = ends(wildcards)
    folder = "results/models/"
    records = list(map(training_record, (first, second)))
    return [
        *flag("first", folder + first),
        *flag("second", folder + second),
        *flag("trainings", records),
        *flag("alpha", config["models"][wildcards.model]["alpha"]),
    ]


def samples_of_line(model):
    """Every sample that its weights have seen here; what a given model saw before is in no config."""
    models = [config["models"][each] for each in line_of(model)]
    seen = (sample for each in models for sample in each.get("train_on", []))
    return list(dict.fromkeys(seen))


def training_record(model):
    """What is told of the training of a model; of a given one by its folder, or nothing."""
    name = "training.json" if model in given_models() else "training.provenance.json"
    return f"results/models/{model}/{name}"


def model_card_inputs(wildcards):
    model = wildcards.model
    line, samples = line_of(model), samples_of_line(model)
    inputs = {
        "record": training_record(model),
        "pairs": [f"results/pairs/{sample}.h5" for sample in samples],
        "slices": [f"results/slices/{sample}.json" for sample in samples],
        "ancestors": [training_record(ancestor) for ancestor in line[1:]],
    }
    if line[-1] in given_models():
        measured = config["evaluation"]["samples"]
        inputs["measured"] = [f"results/pairs/{sample}.h5" for sample in measured]
        inputs["given"] = f"results/models/{line[-1]}/generator.weights.h5"
    if model in trained_models():
        inputs["history"] = f"results/models/{model}/history.csv"
    return inputs


def model_card_flags(wildcards, input):
    """Files that not every card has: of its line, of trainings here, of a training elsewhere."""
    names = ("ancestors", "history", "pairs", "slices", "measured", "given")
    return [word for name in names for word in flag(name, input.get(name))]


def synthetic_flags(wildcards):
    samples = samples_of_line(wildcards.model)
    return flag(
        "synthetic",
        [sample for sample in samples if "phantom" in config["samples"][sample]],
    )


def external_inputs():
    """Raw volumes and published weights, which lie wherever the user keeps them."""
    sources = [
        *(("samples", name) for name in used_samples()),
        *(("samples", name) for name in imitated_pairs()),
        *(("upscale", name) for name in config["upscale"]),
        *(
            ("samples", entry["hr"])
            for entry in config["upscale"].values()
            if "hr" in entry
        ),
    ]
    files = [
        file
        for section, name in sources
        if "phantom" not in config[section][name]
        for file in files_behind(section, name)
    ]
    coarse = [file for sample in pairs_of_scans() for file in coarse_files(sample)]
    published = [entry["path"] for entry in config["weights"].values()]
    given = [
        str(file)
        for name in used_models()
        if name in given_models()
        for file in files_of_given(config["models"][name])
    ]
    return files + coarse + published + given


def files_of_given(model):
    """Files that a given model is taken from, those to be fetched too."""
    if "published" in model:
        return published_files(model["weights"])
    return model_folder.files_of(model["weights"])


def files_behind(section, name):
    """Files that a volume is read from, with those that its own files name; a download has none but its own."""
    entry = config[section][name]
    files = volume_files(name, entry, section)
    return files if "url" in entry else list(map(str, belonging(files)))


def made_before_proof(wildcards):
    """What the same call makes: the proof comes after it."""
    asked = workflow.dag_settings.targets
    crate = ["results/ro-crate-metadata.json"] if "provenance" in asked else []
    results = [*figures(), *model_cards(), *upscaled()] if "all" in asked else []
    return crate + results


# --- upscaling ---


def upscale_flags(*keys):
    """Params function: flags of some settings of the volume of the wildcards."""
    return lambda wildcards: as_flags(
        {key: config["upscale"][wildcards.volume][key] for key in keys}
    )


def formats_flags(wildcards, output):
    """Which files are to be written, on which the layout does not depend: see `cadence_flags`."""
    return as_flags({"formats": config["upscale"][wildcards.volume]["formats"]})


def volume_to_upscale(wildcards):
    return files_to_upscale(wildcards.volume)


@cache  # every slab asks, and a volume may be thousands of files
def files_to_upscale(name):
    return list(map(local, volume_files(name, config["upscale"][name], "upscale")))


def stamp_to_upscale(wildcards):
    """As `volume_stamp`, of a volume to upscale."""
    return stamp_of_upscale(wildcards.volume)


@cache
def stamp_of_upscale(name):
    return "" if "url" in config["upscale"][name] else stamp(files_to_upscale(name))


def upscale_reading_flags(wildcards):
    return flags_of_reading(config["upscale"][wildcards.volume])


def upscale_network(wildcards):
    folder = f"results/models/{config['upscale'][wildcards.volume]['model']}"
    return {
        "weights": f"{folder}/generator.weights.h5",
        "generator": f"{folder}/generator.json",
    }


def training_of_upscale(wildcards):
    return training_record(config["upscale"][wildcards.volume]["model"])


def generator_to_plan(wildcards):
    """The generator that training will build, so that the plan need not wait for it."""
    own = generator_of(config, config["upscale"][wildcards.volume]["model"])
    generator = {**own, "scale": config["pairs"]["scale"]}
    return flag("generator", json.dumps(generator, sort_keys=True))


def upscale_window_flags(wildcards):
    entry = config["upscale"][wildcards.volume]
    window = entry.get("window", config["slices"]["window"])
    return [*flag("window", window), *flag("levels", entry.get("levels"))]


def markers_of_slabs(wildcards):
    slabs = config["upscale"][wildcards.volume]["slabs"]
    return [
        f"results/upscaled/{wildcards.volume}/slabs/{slab}.json"
        for slab in range(slabs)
    ]


def hr_of_upscale(wildcards):
    hr = config["upscale"][wildcards.volume].get("hr")
    return {"hr": volume(hr)} if hr else {}


def hr_flags(wildcards, input):
    return flag("hr", input.get("hr"))


def hr_reading_flags(wildcards):
    hr = config["upscale"][wildcards.volume].get("hr")
    return flags_of_reading(config["samples"][hr], "hr-") if hr else []


def stamp_of_hr(wildcards):
    hr = config["upscale"][wildcards.volume].get("hr")
    return stamp_of_sample(hr) if hr else ""


def hr_file(wildcards, pattern):
    """A file of the sample that is the true fine scan of a volume."""
    sample = config["upscale"][wildcards.volume]["hr"]
    return f"results/{pattern.format(sample)}"


def pair_of_judge(wildcards):
    """How the true fine scan lies on the volume, where both are a pair of the config."""
    volume = config["upscale"][wildcards.volume]
    partner = config["samples"][volume["hr"]].get("lr", {})
    if partner.get("path") != volume["path"]:
        return {}
    return {
        "registration": hr_file(wildcards, "registration/{}.json"),
        "degradation": hr_file(wildcards, "degradation/{}.json"),
    }


def pair_of_judge_flags(wildcards, input):
    names = ("registration", "degradation")
    return [word for name in names for word in flag(name, input.get(name))]


def judged_reading_flags(wildcards):
    """How to read the volume itself, along the axis that the fine scan's slices follow."""
    entry = config["upscale"][wildcards.volume]
    fine = config["samples"][entry["hr"]]
    return [*flags_of_reading(entry, "lr-"), *axis_flag(fine)]


def images_of_siblings(wildcards):
    """The same volume by trainings that differ in their seed alone."""
    _, *further = siblings.volumes_with_siblings(config, wildcards.volume)
    return [f"results/upscaled/{name}/{name}.ome.zarr/zarr.json" for name in further]


def siblings_of_volume_flags(wildcards, input):
    return flag("siblings", [os.path.dirname(file) for file in input.siblings])


def rock_of_spread_flags():
    """How pores are told from solid, as `rock_flags`, or by the defaults of the script."""
    entry = config["evaluation"].get("rock") or {}
    shared = {key: entry[key] for key in ("phases", "speckle") if key in entry}
    permeable = {"permeability": True} if entry.get("permeability") else {}
    return [
        *as_flags({**shared, **permeable}),
        *flag("confidence", config["evaluation"]["confidence"]),
    ]


# --- figures ---


def of_every_method(pattern):
    """Input function: `pattern` for each method, with the wildcards of the job."""
    return lambda wildcards: expand(pattern, method=methods(), **wildcards)


def of_every_training(pattern):
    """The same with the further seeds of models."""
    return lambda wildcards: expand(pattern, method=measured(), **wildcards)
