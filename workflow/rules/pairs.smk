# Slices -> HR/LR tile pairs, split by depth.
#
# in   results/slices/{sample}.tif, .mask.tif, .json; of a pair of scans also .lr.tif, .lr.mask.tif
#      results/degradation/{pair}.json, with a fitted degradation
# out  results/pairs/{sample}.h5    groups train, val and test


rule make_pairs:
    """Cut HR tiles from the rock, shrink them, and keep the splits apart."""
    input:
        unpack(coarse_slices),
        unpack(fitted_degradation),
        slices=rules.slice_volume.output.slices,
        mask=rules.slice_volume.output.mask,
        metadata=rules.slice_volume.output.metadata,
    output:
        pairs="results/pairs/{sample}.h5",
        provenance="results/pairs/{sample}.provenance.json",
    log:
        "results/logs/make_pairs/{sample}.log",
    benchmark:
        "results/benchmarks/make_pairs/{sample}.tsv"
    conda:
        "../envs/pairs.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        logged=launcher,
        script=path_of("make_pairs"),
        rerun_on=reasons("pairs", "make_pairs"),
        tiles=tile_flags(),
        split=split_flags,
        degradation=degradation_flags,
        fit=fitted_degradation_flags,
        coarse=coarse_slices_flags,
        seed=flag("seed", config["seed"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --slices {input.slices:q} \
            --mask {input.mask:q} \
            --metadata {input.metadata:q} \
            {params.coarse:q} \
            {params.tiles:q} \
            {params.split:q} \
            {params.degradation:q} \
            {params.fit:q} \
            {params.seed:q} \
            --output {output.pairs:q} \
            --provenance {output.provenance:q}
        """
