# Raw volumes and the weights of published networks.
#
# in   addresses and phantom settings of the config
# out  data/**                         what url addresses, checked by SHA-256
#      results/volumes/{sample}.tif    synthetic rock


# Code is no input of the downloads: a file with the right SHA-256 stays right when the downloader changes.


rule fetch_volume:
    """Fetch one file of a raw volume and check its SHA-256."""
    output:
        local("{download}"),
    log:
        "results/logs/fetch_volume/{download}.log",
    wildcard_constraints:
        download=one_of(missing_downloads()),
    localrule: True
    conda:
        "../envs/volumes.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        logged=launcher,
        script=path_of("fetch_volume"),
        url=lambda wildcards: missing_downloads()[wildcards.download][0],
        sha256=lambda wildcards: missing_downloads()[wildcards.download][1],
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --url {params.url:q} \
            --sha256 {params.sha256:q} \
            --output {output:q}
        """


rule make_phantom:
    """Grow a synthetic sandstone and scan it."""
    output:
        volume="results/volumes/{sample}.tif",
        provenance="results/volumes/{sample}.provenance.json",
    log:
        "results/logs/make_phantom/{sample}.log",
    benchmark:
        "results/benchmarks/make_phantom/{sample}.tsv"
    conda:
        "../envs/volumes.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        logged=launcher,
        script=path_of("make_phantom"),
        rerun_on=reasons("volumes", "make_phantom"),
        phantom=phantom_flags,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            {params.phantom:q} \
            --output {output.volume:q} \
            --provenance {output.provenance:q}
        """
