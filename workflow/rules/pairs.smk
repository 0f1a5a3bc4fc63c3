# Slices -> HR/LR tile pairs, split by depth.
#
# in   results/slices/{sample}.tif, .mask.tif, .json
# out  results/pairs/{sample}.h5    groups train, val and test


rule make_pairs:
    """Cut HR tiles from the rock, shrink them, and keep the splits apart."""
    input:
        slices=rules.slice_volume.output.slices,
        mask=rules.slice_volume.output.mask,
        metadata=rules.slice_volume.output.metadata,
        code=code("make_pairs"),
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
        scale=config["pairs"]["scale"],
        hr_size=config["pairs"]["hr_size"],
        stride=config["pairs"]["stride"],
        depth_step=config["pairs"]["depth_step"],
        split=split_flags,
        guard_um=config["pairs"]["guard_um"],
        degradation=as_flags({"degradation": config["pairs"]["degradation"]}),
        seed=config["seed"],
    shell:
        """
        exec &> >(tee {log:q})
        python -u {input.code[0]:q} \
            --slices {input.slices:q} \
            --mask {input.mask:q} \
            --metadata {input.metadata:q} \
            --scale {params.scale:q} \
            --hr-size {params.hr_size:q} \
            --stride {params.stride:q} \
            --depth-step {params.depth_step:q} \
            {params.split:q} \
            --guard-um {params.guard_um:q} \
            {params.degradation:q} \
            --seed {params.seed:q} \
            --output {output.pairs:q} \
            --provenance {output.provenance:q}
        """
