# Super-resolved tiles -> what their pores say of the rock.
#
# in   results/pairs/{sample}.h5, results/predictions/{method}/{sample}.h5
# out  results/rock/{method}/{sample}.{images}.csv    one row an image and threshold; images: slices, blocks
#      results/rock/{sample}.{images}.csv             errors against HR, with confidence intervals


rule measure_rock:
    """Measure the pores of every test tile, or of blocks of them, of one method on one sample."""
    input:
        pairs="results/pairs/{sample}.h5",
        predictions="results/predictions/{method}/{sample}.h5",
    output:
        rock="results/rock/{method}/{sample}.{images}.csv",
        provenance="results/rock/{method}/{sample}.{images}.provenance.json",
    log:
        "results/logs/measure_rock/{method}/{sample}.{images}.log",
    wildcard_constraints:
        images="slices|blocks",
    conda:
        "../envs/rock.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=480,
    params:
        logged=launcher,
        script=path_of("measure_rock"),
        rerun_on=reasons("rock", "measure_rock"),
        border=flag("border", config["evaluation"]["border"]),
        rock=rock_flags,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            --predictions {input.predictions:q} \
            {params.border:q} \
            {params.rock:q} \
            --output {output.rock:q} \
            --provenance {output.provenance:q}
        """


rule summarise_rock:
    """Compare the pores of every method with those of HR."""
    input:
        pairs="results/pairs/{sample}.h5",
        rock=of_every_training("results/rock/{method}/{sample}.{images}.csv"),
    output:
        table="results/rock/{sample}.{images}.csv",
        provenance="results/rock/{sample}.{images}.provenance.json",
    log:
        "results/logs/summarise_rock/{sample}.{images}.log",
    wildcard_constraints:
        images="slices|blocks",
    conda:
        "../envs/rock.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("summarise_rock"),
        rerun_on=reasons("rock", "summarise_rock", measured()),
        siblings=siblings_flags(),
        bootstrap=bootstrap_flags(),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --rock {input.rock:q} \
            --pairs {input.pairs:q} \
            {params.siblings:q} \
            {params.bootstrap:q} \
            --output {output.table:q} \
            --provenance {output.provenance:q}
        """
