# Tile pairs, or the folder of a model that was trained before -> a trained network. One rule for every model of a kind.
#
# in   results/pairs/{sample}.h5 of train_on, the generator of init_from; the folder of models.{model}.weights
# out  results/models/{model}/    weights, architecture, history or what is told of the training
#
# Checkpoints and TensorBoard logs are no outputs: Snakemake would delete them with a failed job.


rule train:
    """Train one model, continuing from its newest checkpoint."""
    input:
        unpack(training_inputs),
    output:
        weights="results/models/{model}/generator.weights.h5",
        best="results/models/{model}/generator_best.weights.h5",
        last="results/models/{model}/generator_last.weights.h5",
        generator="results/models/{model}/generator.json",
        discriminator="results/models/{model}/discriminator.json",
        history="results/models/{model}/history.csv",
        provenance="results/models/{model}/training.provenance.json",
    log:
        "results/logs/train/{model}.log",
    benchmark:
        "results/benchmarks/train/{model}.tsv"
    wildcard_constraints:
        model=one_of(trained_models()),
    conda:
        "../envs/training.yaml"
    threads: config["tensorflow_threads"]
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=gpu_with_cuda,
    params:
        logged=launcher,
        script=path_of("train"),
        rerun_on=reasons("training", "train", order_of_training),
        inputs=input_flags,
        settings=setting_flags,
        cadence=cadence_flags,
        model_dir=subpath(output.weights, parent=True),
        results=subpath(output.weights, ancestor=3),
        seed=seed_flag,
        threads=flag("threads", config["tensorflow_threads"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            {params.inputs:q} \
            {params.settings:q} \
            {params.cadence:q} \
            --model-dir {params.model_dir:q} \
            --checkpoint-dir {params.results:q}/checkpoints/{wildcards.model:q} \
            --tensorboard-dir {params.results:q}/tensorboard/{wildcards.model:q} \
            {params.seed:q} \
            {params.threads:q} \
            --provenance {output.provenance:q}
        """


TRAINED = [os.path.basename(file) for file in rules.train.output]


rule fetch_span_photo:
    """Fetch SPAN as it was published, and make the folder of a model from it."""
    output:
        weights=local("{published}/generator.weights.h5"),
        generator=local("{published}/generator.json"),
        origin=local("{published}/published.json"),
    log:
        "results/logs/fetch_span_photo/{published}.log",
    wildcard_constraints:
        published=one_of(missing_published()),
    localrule: True
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        logged=launcher,
        script=path_of("fetch_span_photo"),
        scale=flag("scale", config["pairs"]["scale"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            {params.scale:q} \
            --output {wildcards.published:q}
        """


rule take_model:
    """Take a model that was trained before, whose folder the config names."""
    input:
        published=published_folder,
    output:
        weights="results/models/{model}/generator.weights.h5",
        generator="results/models/{model}/generator.json",
        training="results/models/{model}/training.json",
        provenance="results/models/{model}/given.provenance.json",
    log:
        "results/logs/take_model/{model}.log",
    wildcard_constraints:
        model=one_of(given_models()),
    localrule: True
    conda:
        "../envs/provenance.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("take_model"),
        rerun_on=reasons("provenance", "take_model", digest_of_given),
        folder=given_folder,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --folder {params.folder:q} \
            --weights {output.weights:q} \
            --generator {output.generator:q} \
            --training {output.training:q} \
            --provenance {output.provenance:q}
        """


rule interpolate_models:
    """Make a model between two others, by the weighted mean of their weights."""
    input:
        unpack(ends_of),
    output:
        weights="results/models/{model}/generator.weights.h5",
        generator="results/models/{model}/generator.json",
        provenance="results/models/{model}/training.provenance.json",
    log:
        "results/logs/interpolate_models/{model}.log",
    wildcard_constraints:
        model=one_of(interpolated_models()),
    localrule: True
    conda:
        "../envs/provenance.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("interpolate_models"),
        rerun_on=reasons("provenance", "interpolate_models"),
        ends=ends_flags,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            {params.ends:q} \
            --weights {output.weights:q} \
            --generator {output.generator:q} \
            --provenance {output.provenance:q}
        """
