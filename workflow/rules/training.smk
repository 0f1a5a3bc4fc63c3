# Tile pairs -> a trained network. One rule for every model.
#
# in   results/pairs/{sample}.h5 of train_on, the generator of init_from
# out  results/models/{model}/    weights, architecture, history
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
    conda:
        "../envs/training.yaml"
    threads: config["tensorflow_threads"]
    resources:
        mem_mb=8000,
        runtime=720,
    params:
        logged=launcher,
        script=path_of("train"),
        rerun_on=reasons("training", "train", order_of_training),
        inputs=input_flags,
        settings=setting_flags,
        cadence=cadence_flags,
        model_dir=subpath(output.weights, parent=True),
        results=subpath(output.weights, ancestor=3),
        seed=flag("seed", config["seed"]),
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
