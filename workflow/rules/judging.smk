# Upscaled volumes -> how near they come to a true fine scan, and how far trainings differ in them.
#
# in   results/upscaled/{volume}/{volume}.ome.zarr/     also of the further seeds of the model
#      results/slices/{sample}.*, results/pairs/{sample}.h5 of the true fine scan
# out  results/upscaled/{volume}/quality.csv            PSNR and SSIM against a true fine scan
#      results/upscaled/{volume}/rock.{images}.csv      what pores say beside those of the fine scan
#      results/upscaled/{volume}/spread.tif             where trainings that differ in their seed alone disagree
#      results/upscaled/{volume}/spread.csv             what that means for pores and flow


rule judge_upscaled:
    """Hold an upscaled volume against a true fine scan, beside cubic interpolation."""
    input:
        unpack(pair_of_judge),
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
        lr=volume_to_upscale,
        slices=lambda wildcards: hr_file(wildcards, "slices/{}.tif"),
        mask=lambda wildcards: hr_file(wildcards, "slices/{}.mask.tif"),
        metadata=lambda wildcards: hr_file(wildcards, "slices/{}.json"),
        pairs=lambda wildcards: hr_file(wildcards, "pairs/{}.h5"),
    output:
        table="results/upscaled/{volume}/quality.csv",
        spectrum="results/upscaled/{volume}/quality.spectrum.csv",
        provenance="results/upscaled/{volume}/quality.provenance.json",
    log:
        "results/logs/judge_upscaled/{volume}.log",
    benchmark:
        "results/benchmarks/judge_upscaled/{volume}.tsv"
    conda:
        "../envs/upscaling.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        logged=launcher,
        script=path_of("judge_upscaled"),
        rerun_on=reasons("upscaling", "judge_upscaled", stamp_to_upscale),
        reading=judged_reading_flags,
        method=lambda wildcards: flag(
            "method", config["upscale"][wildcards.volume]["model"]
        ),
        pair=pair_of_judge_flags,
        bootstrap=bootstrap_flags(),
        image=subpath(input.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --name {wildcards.volume:q} \
            {params.method:q} \
            --upscaled {params.image:q} \
            --lr {input.lr:q} \
            {params.reading:q} \
            --slices {input.slices:q} \
            --mask {input.mask:q} \
            --metadata {input.metadata:q} \
            --pairs {input.pairs:q} \
            {params.pair:q} \
            {params.bootstrap:q} \
            --output {output.table:q} \
            --spectrum {output.spectrum:q} \
            --provenance {output.provenance:q}
        """


rule measure_upscaled:
    """Hold the pores of an upscaled volume against those of a true fine scan, beside cubic interpolation."""
    input:
        unpack(pair_of_judge),
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
        siblings=images_of_siblings,
        lr=volume_to_upscale,
        slices=lambda wildcards: hr_file(wildcards, "slices/{}.tif"),
        mask=lambda wildcards: hr_file(wildcards, "slices/{}.mask.tif"),
        metadata=lambda wildcards: hr_file(wildcards, "slices/{}.json"),
        pairs=lambda wildcards: hr_file(wildcards, "pairs/{}.h5"),
    output:
        table="results/upscaled/{volume}/rock.{images}.csv",
        images="results/upscaled/{volume}/rock.{images}.each.csv",
        provenance="results/upscaled/{volume}/rock.{images}.provenance.json",
    log:
        "results/logs/measure_upscaled/{volume}.{images}.log",
    wildcard_constraints:
        images="slices|blocks",
    conda:
        "../envs/upscaling.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=480,
    params:
        logged=launcher,
        script=path_of("measure_upscaled"),
        rerun_on=reasons("upscaling", "measure_upscaled", stamp_to_upscale),
        reading=judged_reading_flags,
        method=lambda wildcards: flag(
            "method", config["upscale"][wildcards.volume]["model"]
        ),
        siblings=siblings_of_volume_flags,
        pair=pair_of_judge_flags,
        rock=rock_flags,
        bootstrap=bootstrap_flags(),
        image=subpath(input.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --name {wildcards.volume:q} \
            {params.method:q} \
            --upscaled {params.image:q} \
            {params.siblings:q} \
            --lr {input.lr:q} \
            {params.reading:q} \
            --slices {input.slices:q} \
            --mask {input.mask:q} \
            --metadata {input.metadata:q} \
            --pairs {input.pairs:q} \
            {params.pair:q} \
            {params.rock:q} \
            {params.bootstrap:q} \
            --output {output.table:q} \
            --images {output.images:q} \
            --provenance {output.provenance:q}
        """


rule spread_upscaled:
    """Show where trainings that differ in their seed alone disagree, and what that means for pores and flow."""
    input:
        layout="results/upscaled/{volume}/layout.json",
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
        siblings=images_of_siblings,
    output:
        map="results/upscaled/{volume}/spread.tif",
        table="results/upscaled/{volume}/spread.csv",
        provenance="results/upscaled/{volume}/spread.provenance.json",
    log:
        "results/logs/spread_upscaled/{volume}.log",
    benchmark:
        "results/benchmarks/spread_upscaled/{volume}.tsv"
    conda:
        "../envs/upscaling.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=480,
    params:
        logged=launcher,
        script=path_of("spread_upscaled"),
        rerun_on=reasons("upscaling", "spread_upscaled"),
        siblings=siblings_of_volume_flags,
        rock=rock_of_spread_flags(),
        image=subpath(input.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --layout {input.layout:q} \
            --upscaled {params.image:q} \
            {params.siblings:q} \
            {params.rock:q} \
            --map {output.map:q} \
            --table {output.table:q} \
            --provenance {output.provenance:q}
        """
