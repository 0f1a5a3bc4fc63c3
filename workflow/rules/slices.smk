# Raw volume -> normalised slices.
#
# in   the sample's volume
# out  results/slices/{sample}.tif         grey slices, cropped to the rock
#      results/slices/{sample}.mask.tif    255 where there is rock
#      results/slices/{sample}.json        window, field of view, voxel size, source hash


rule slice_volume:
    """Find the rock, stretch its grey levels and write it slice by slice."""
    input:
        volume=lambda wildcards: volume(wildcards.sample),
    output:
        slices="results/slices/{sample}.tif",
        mask="results/slices/{sample}.mask.tif",
        metadata="results/slices/{sample}.json",
        provenance="results/slices/{sample}.provenance.json",
    log:
        "results/logs/slice_volume/{sample}.log",
    benchmark:
        "results/benchmarks/slice_volume/{sample}.tsv"
    conda:
        "../envs/volumes.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        logged=launcher,
        script=path_of("slice_volume"),
        rerun_on=reasons("volumes", "slice_volume", volume_stamp),
        reading=reading_flags,
        field_of_view=config["slices"]["field_of_view"],
        window=config["slices"]["window"],
        dtype=config["slices"]["dtype"],
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --sample {wildcards.sample:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            --field-of-view {params.field_of_view:q} \
            --window {params.window:q} \
            --dtype {params.dtype:q} \
            --slices {output.slices:q} \
            --mask {output.mask:q} \
            --metadata {output.metadata:q} \
            --provenance {output.provenance:q}
        """
