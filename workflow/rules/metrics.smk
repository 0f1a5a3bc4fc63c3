# Super-resolved tiles -> tables.
#
# in   results/pairs/{sample}.h5, results/predictions/{method}/{sample}.h5,
#      results/models/{model}/training.provenance.json
# out  results/metrics/{method}/{sample}.csv             one row a tile
#      results/metrics/{method}/{sample}.spectrum.csv    radial power spectrum
#      results/metrics/{sample}.simulated_to_real.csv    what a real coarse scan costs each method
#      results/metrics/summary.csv                       means, medians and gains with confidence intervals


rule fetch_lpips_weights:
    """Fetch the published LPIPS weights and repack them."""
    output:
        local("{lpips_weights}"),
    log:
        "results/logs/fetch_lpips_weights/{lpips_weights}.log",
    wildcard_constraints:
        lpips_weights=one_of(missing_lpips_weights()),
    localrule: True
    conda:
        "../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        logged=launcher,
        script=path_of("fetch_lpips_weights"),
        # A function: Snakemake would look for wildcards in the text itself.
        url=lambda wildcards: config["weights"].get("lpips_alex", {}).get("url"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --url {params.url:q} \
            --output {output:q}
        """


rule compute_metrics:
    """Measure every test tile of one method on one sample."""
    input:
        pairs="results/pairs/{sample}.h5",
        predictions="results/predictions/{method}/{sample}.h5",
        lpips=weights("lpips_alex"),
    output:
        metrics="results/metrics/{method}/{sample}.csv",
        spectrum="results/metrics/{method}/{sample}.spectrum.csv",
        provenance="results/metrics/{method}/{sample}.provenance.json",
    log:
        "results/logs/compute_metrics/{method}/{sample}.log",
    conda:
        "../envs/metrics.yaml"
    threads: config["tensorflow_threads"] if weights("lpips_alex") else 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=gpu_of_lpips,
    params:
        logged=launcher,
        script=path_of("compute_metrics"),
        rerun_on=reasons("metrics", "compute_metrics"),
        border=flag("border", config["evaluation"]["border"]),
        denoise=flag("denoise-sigma", config["evaluation"]["denoise_sigma"] or None),
        lpips=lambda wildcards, input: flag("lpips-weights", list(input.lpips)),
        threads=lpips_threads(),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            --predictions {input.predictions:q} \
            {params.border:q} \
            {params.denoise:q} \
            {params.lpips:q} \
            {params.threads:q} \
            --output {output.metrics:q} \
            --spectrum {output.spectrum:q} \
            --provenance {output.provenance:q}
        """


rule summarise_metrics:
    """Average the tiles and bootstrap the confidence intervals over depth blocks."""
    input:
        metrics=expand(
            "results/metrics/{method}/{sample}.csv",
            method=measured(),
            sample=config["evaluation"]["samples"],
        ),
        pairs=expand(
            "results/pairs/{sample}.h5", sample=config["evaluation"]["samples"]
        ),
        trainings=records_of_trainings(),
    output:
        summary="results/metrics/summary.csv",
        provenance="results/metrics/summary.provenance.json",
    log:
        "results/logs/summarise_metrics.log",
    conda:
        "../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("summarise_metrics"),
        rerun_on=reasons("metrics", "summarise_metrics", measured()),
        trainings=lambda wildcards, input: flag("trainings", list(input.trainings)),
        scans=shared_scans_flags(),
        siblings=siblings_flags(),
        bootstrap=bootstrap_flags(),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --metrics {input.metrics:q} \
            --pairs {input.pairs:q} \
            {params.trainings:q} \
            {params.scans:q} \
            {params.siblings:q} \
            {params.bootstrap:q} \
            --output {output.summary:q} \
            --provenance {output.provenance:q}
        """


rule simulated_to_real:
    """Compare every method on shrunken tiles with the same tiles of a real coarse scan."""
    input:
        pairs="results/pairs/{sample}.h5",
        real=of_every_method("results/metrics/{method}/{sample}.csv"),
        simulated=lambda wildcards: expand(
            "results/metrics/{method}/{simulated}.csv",
            method=methods(),
            simulated=simulations(wildcards.sample),
        ),
    output:
        table="results/metrics/{sample}.simulated_to_real.csv",
        provenance="results/metrics/{sample}.simulated_to_real.provenance.json",
    log:
        "results/logs/simulated_to_real/{sample}.log",
    conda:
        "../envs/metrics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("simulated_to_real"),
        rerun_on=reasons("metrics", "simulated_to_real", methods()),
        tables=simulated_to_real_flags,
        bootstrap=bootstrap_flags(),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            {params.tables:q} \
            --pairs {input.pairs:q} \
            {params.bootstrap:q} \
            --output {output.table:q} \
            --provenance {output.provenance:q}
        """
