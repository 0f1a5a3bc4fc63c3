# Two real scans of one rock -> the coarse one on the LR pixels of the fine one's slices.
#
# in   both volumes of a sample with lr, results/slices/{sample}.json
# out  results/registration/{sample}.json      where the coarse scan shows what the fine one shows
#      results/registration/{sample}.h5        sections through both scans, for the figure
#      results/degradation/{sample}.json       grey levels, blur and noise of the coarse scan
#      results/slices/{sample}.lr.tif          its slices on that grid, and where it shows them


rule register_volumes:
    """Find how the coarse scan of a pair lies on the fine one."""
    input:
        volume=lambda wildcards: volume(wildcards.sample),
        lr=coarse_volume,
    output:
        registration="results/registration/{sample}.json",
        sections="results/registration/{sample}.h5",
        provenance="results/registration/{sample}.provenance.json",
    log:
        "results/logs/register_volumes/{sample}.log",
    benchmark:
        "results/benchmarks/register_volumes/{sample}.tsv"
    conda:
        "../envs/volumes.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=240,
    params:
        logged=launcher,
        script=path_of("register_volumes"),
        rerun_on=reasons("volumes", "register_volumes", volume_stamp, coarse_stamp),
        reading=reading_flags,
        lr_reading=coarse_reading_flags,
        registration=registration_flags,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --sample {wildcards.sample:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            --lr {input.lr:q} \
            {params.lr_reading:q} \
            {params.registration:q} \
            --output {output.registration:q} \
            --sections {output.sections:q} \
            --provenance {output.provenance:q}
        """


rule fit_degradation:
    """Fit grey levels, blur and noise of the coarse scan to what the fine one shows."""
    input:
        volume=coarse_volume,
        slices=rules.slice_volume.output.slices,
        mask=rules.slice_volume.output.mask,
        metadata=rules.slice_volume.output.metadata,
        registration="results/registration/{sample}.json",
    output:
        fit="results/degradation/{sample}.json",
        provenance="results/degradation/{sample}.provenance.json",
    log:
        "results/logs/fit_degradation/{sample}.log",
    benchmark:
        "results/benchmarks/fit_degradation/{sample}.tsv"
    conda:
        "../envs/volumes.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        logged=launcher,
        script=path_of("fit_degradation"),
        rerun_on=reasons("volumes", "fit_degradation", coarse_stamp),
        reading=coarse_reading_flags,
        scale=flag("scale", config["pairs"]["scale"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --sample {wildcards.sample:q} \
            --slices {input.slices:q} \
            --mask {input.mask:q} \
            --metadata {input.metadata:q} \
            --lr {input.volume:q} \
            {params.reading:q} \
            --registration {input.registration:q} \
            {params.scale:q} \
            --output {output.fit:q} \
            --provenance {output.provenance:q}
        """


rule resample_coarse:
    """Bring the coarse scan to the grid that the scale asks for, and to the fine scan's levels."""
    input:
        volume=coarse_volume,
        metadata=rules.slice_volume.output.metadata,
        registration="results/registration/{sample}.json",
        degradation="results/degradation/{sample}.json",
    output:
        slices="results/slices/{sample}.lr.tif",
        mask="results/slices/{sample}.lr.mask.tif",
        provenance="results/slices/{sample}.lr.provenance.json",
    log:
        "results/logs/resample_coarse/{sample}.log",
    benchmark:
        "results/benchmarks/resample_coarse/{sample}.tsv"
    conda:
        "../envs/volumes.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        logged=launcher,
        script=path_of("resample_coarse"),
        rerun_on=reasons("volumes", "resample_coarse", coarse_stamp),
        reading=coarse_reading_flags,
        scale=flag("scale", config["pairs"]["scale"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --lr {input.volume:q} \
            {params.reading:q} \
            --metadata {input.metadata:q} \
            --registration {input.registration:q} \
            --degradation {input.degradation:q} \
            {params.scale:q} \
            --slices {output.slices:q} \
            --mask {output.mask:q} \
            --provenance {output.provenance:q}
        """
