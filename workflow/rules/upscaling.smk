# Low-resolution volume + trained network -> upscaled volume.
#
# in   the volume of upscale.{volume}, results/models/{model}/
# out  results/upscaled/{volume}/{volume}.ome.zarr/    pyramid with voxel sizes
#      results/upscaled/{volume}/{volume}.ome.tif      the same as one file, where formats asks for it
#      results/upscaled/{volume}/z_consistency.csv     jitter from slice to slice
#      results/upscaled/{volume}/layout.json           grey window, tiling, hashes
#
# Chunks are no outputs: Snakemake would delete them with a failed job. The finished image links to them.
# Slab markers are temp(): rebuilding the image runs the slab jobs again, which reuse finished chunks.


rule plan_upscale:
    """Tell what upscaling will take; no file of the result."""
    input:
        volume=volume_to_upscale,
    output:
        "results/logs/plan_upscale/{volume}.txt",
    log:
        "results/logs/plan_upscale/{volume}.log",
    conda:
        "../envs/upscaling.yaml"
    threads: config["tensorflow_threads"]
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plan_upscale"),
        rerun_on=reasons("upscaling", "plan_upscale", stamp_to_upscale),
        reading=upscale_reading_flags,
        generator=generator_to_plan,
        settings=upscale_flags("axes", "batch", "formats", "slabs", "tile"),
        inference=asking_flags(),
        threads=flag("threads", config["tensorflow_threads"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --name {wildcards.volume:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            {params.generator:q} \
            {params.settings:q} \
            {params.inference:q} \
            {params.threads:q} \
            --output {output:q}
        """


rule prepare_upscale:
    """Fix the grey window and the tiling."""
    input:
        unpack(upscale_network),
        training=training_of_upscale,
        pairs=projected_pairs,
        volume=volume_to_upscale,
    output:
        layout="results/upscaled/{volume}/layout.json",
        provenance="results/upscaled/{volume}/layout.provenance.json",
    log:
        "results/logs/prepare_upscale/{volume}.log",
    benchmark:
        "results/benchmarks/prepare_upscale/{volume}.tsv"
    conda:
        "../envs/upscaling.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        logged=launcher,
        script=path_of("prepare_upscale"),
        rerun_on=reasons("upscaling", "prepare_upscale", stamp_to_upscale),
        reading=upscale_reading_flags,
        model_dir=subpath(input.weights, parent=True),
        scale=flag("scale", config["pairs"]["scale"]),
        settings=upscale_flags("axes", "batch", "field_of_view", "model", "tile"),
        formats=formats_flags,
        window=upscale_window_flags,
        back_projection=back_projection_flags,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --name {wildcards.volume:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            --model-dir {params.model_dir:q} \
            --training {input.training:q} \
            {params.scale:q} \
            {params.settings:q} \
            {params.formats:q} \
            {params.window:q} \
            {params.back_projection:q} \
            --layout {output.layout:q} \
            --provenance {output.provenance:q}
        """


rule upscale_slab:
    """Upscale the blocks of one slab, continuing with those that are not whole yet."""
    input:
        unpack(upscale_network),
        volume=volume_to_upscale,
        layout="results/upscaled/{volume}/layout.json",
    output:
        marker=temp("results/upscaled/{volume}/slabs/{slab}.json"),
        provenance="results/upscaled/{volume}/slabs/{slab}.provenance.json",
    log:
        "results/logs/upscale_slab/{volume}/{slab}.log",
    benchmark:
        "results/benchmarks/upscale_slab/{volume}/{slab}.tsv"
    conda:
        "../envs/upscaling.yaml"
    threads: config["tensorflow_threads"]
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=gpu_with_cuda,
    params:
        logged=launcher,
        script=path_of("upscale_slab"),
        rerun_on=reasons("upscaling", "upscale_slab", stamp_to_upscale),
        reading=upscale_reading_flags,
        model_dir=subpath(input.weights, parent=True),
        slabs=upscale_flags("slabs"),
        inference=asking_flags(),
        threads=flag("threads", config["tensorflow_threads"]),
        results=subpath(output.marker, ancestor=4),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            --layout {input.layout:q} \
            --model-dir {params.model_dir:q} \
            --slab {wildcards.slab:q} \
            {params.slabs:q} \
            {params.inference:q} \
            {params.threads:q} \
            --store {params.results:q}/checkpoints/upscaled/{wildcards.volume:q} \
            --output {output.marker:q} \
            --provenance {output.provenance:q}
        """


# The group's zarr.json appears with the whole folder, in one step. As directory() Snakemake would put a
# file of its own into the image.
rule upscale_volume:
    """Join the slabs to one image and measure its jitter."""
    input:
        unpack(hr_of_upscale),
        volume=volume_to_upscale,
        layout="results/upscaled/{volume}/layout.json",
        slabs=markers_of_slabs,
    output:
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
        table="results/upscaled/{volume}/z_consistency.csv",
        provenance="results/upscaled/{volume}/image.provenance.json",
    log:
        "results/logs/upscale_volume/{volume}.log",
    benchmark:
        "results/benchmarks/upscale_volume/{volume}.tsv"
    conda:
        "../envs/upscaling.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=720,
    params:
        logged=launcher,
        script=path_of("upscale_volume"),
        rerun_on=reasons("upscaling", "upscale_volume", stamp_to_upscale, stamp_of_hr),
        reading=upscale_reading_flags,
        hr=hr_flags,
        hr_reading=hr_reading_flags,
        results=subpath(output.zarr, ancestor=4),
        image=subpath(output.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            {params.hr:q} \
            {params.hr_reading:q} \
            --layout {input.layout:q} \
            --slabs {input.slabs:q} \
            --store {params.results:q}/checkpoints/upscaled/{wildcards.volume:q} \
            --zarr {params.image:q} \
            --table {output.table:q} \
            --provenance {output.provenance:q}
        """


rule upscale_tiff:
    """Write an upscaled volume as one OME-BigTIFF."""
    input:
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
    output:
        tiff="results/upscaled/{volume}/{volume}.ome.tif",
        provenance="results/upscaled/{volume}/tiff.provenance.json",
    log:
        "results/logs/upscale_tiff/{volume}.log",
    benchmark:
        "results/benchmarks/upscale_tiff/{volume}.tsv"
    conda:
        "../envs/upscaling.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=720,
    params:
        logged=launcher,
        script=path_of("upscale_tiff"),
        rerun_on=reasons("upscaling", "upscale_tiff"),
        image=subpath(input.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --zarr {params.image:q} \
            --output {output.tiff:q} \
            --provenance {output.provenance:q}
        """
