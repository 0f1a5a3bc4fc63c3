# Tables, tiles and figures -> one page to look at and to send on.
#
# in   results/metrics/summary.csv, results/pairs/{sample}.h5, results/predictions/{method}/{sample}.h5,
#      results/rock/{sample}.{images}.csv, results/upscaled/{volume}/rock.{images}.csv,
#      results/figures/evaluation/{sample}/*.png, results/figures/upscaled/{volume}/*.png,
#      results/models/{model}/training.provenance.json
# out  results/overview.html


rule write_overview:
    """Write one page with verdict, slider, scores and figures; it needs no network."""
    input:
        summary="results/metrics/summary.csv",
        pairs=expand(
            "results/pairs/{sample}.h5", sample=config["evaluation"]["samples"]
        ),
        predictions=expand(
            "results/predictions/{method}/{sample}.h5",
            sample=config["evaluation"]["samples"],
            method=methods(),
        ),
        trainings=records_of_trainings(),
        rock=[*rock(), *rock_of_upscaled()],
        figures=expand(
            "results/figures/{stem}.png", stem=[*of_evaluation(), *of_upscaling()]
        ),
    output:
        page="results/overview.html",
        provenance="results/overview.provenance.json",
    log:
        "results/logs/write_overview.log",
    conda:
        "../envs/overview.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("write_overview"),
        rerun_on=reasons("overview", "write_overview", methods()),
        trainings=lambda wildcards, input: flag("trainings", list(input.trainings)),
        rock=lambda wildcards, input: flag("rock", list(input.rock)),
        confidence=flag("confidence", config["evaluation"]["confidence"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --summary {input.summary:q} \
            --pairs {input.pairs:q} \
            --predictions {input.predictions:q} \
            {params.trainings:q} \
            {params.rock:q} \
            --figures {input.figures:q} \
            {params.confidence:q} \
            --output {output.page:q} \
            --provenance {output.provenance:q}
        """
