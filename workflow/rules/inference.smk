# Test tiles -> super-resolved tiles, by every model and every baseline.
#
# in   results/pairs/{sample}.h5, results/models/{method}/ for a model
# out  results/predictions/{method}/{sample}.h5


rule super_resolve:
    """Upscale the LR tiles of the test split."""
    input:
        pairs="results/pairs/{sample}.h5",
        network=network,
    output:
        predictions="results/predictions/{method}/{sample}.h5",
        provenance="results/predictions/{method}/{sample}.provenance.json",
    log:
        "results/logs/super_resolve/{method}/{sample}.log",
    benchmark:
        "results/benchmarks/super_resolve/{method}/{sample}.tsv"
    conda:
        "../envs/inference.yaml"
    threads: config["tensorflow_threads"]
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=gpu_of_method,
    params:
        logged=launcher,
        script=path_of("super_resolve"),
        rerun_on=reasons("inference", "super_resolve"),
        network=network_flags,
        inference=inference_flags_of_method,
        threads=inference_threads,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            --method {wildcards.method:q} \
            {params.network:q} \
            {params.inference:q} \
            {params.threads:q} \
            --output {output.predictions:q} \
            --provenance {output.provenance:q}
        """
