# Provenance records -> a crate that explains a run, model cards, and the proof that nothing has changed.
#
# in   results/**/*.provenance.json
# out  results/ro-crate-metadata.json         Workflow Run RO-Crate with results/ as its root
#      results/code/, results/config.yaml     what it was made with
#      results/models/{model}/model_card.md   what a model is, can do, and cannot


rule model_card:
    """Describe a trained model: data, parameters, metrics, limits."""
    input:
        unpack(model_card_inputs),
        generator="results/models/{model}/generator.json",
        summary=rules.summarise_metrics.output.summary,
    output:
        card="results/models/{model}/model_card.md",
        provenance="results/models/{model}/model_card.provenance.json",
    log:
        "results/logs/model_card/{model}.log",
    conda:
        "../envs/provenance.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("model_card"),
        rerun_on=reasons("provenance", "model_card"),
        baselines=flag("baselines", config["evaluation"]["baselines"]),
        files=model_card_flags,
        synthetic=synthetic_flags,
        confidence=flag("confidence", config["evaluation"]["confidence"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --model {wildcards.model:q} \
            --record {input.record:q} \
            {params.files:q} \
            --generator {input.generator:q} \
            --summary {input.summary:q} \
            {params.baselines:q} \
            {params.synthetic:q} \
            {params.confidence:q} \
            --output {output.card:q} \
            --provenance {output.provenance:q}
        """


rule write_crate:
    """Collect the records of a finished run into a Workflow Run RO-Crate."""
    input:
        records=records(),
    output:
        crate="results/ro-crate-metadata.json",
        code="results/code/Snakefile",
        config="results/config.yaml",
    log:
        "results/logs/write_crate.log",
    localrule: True
    conda:
        "../envs/provenance.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("write_crate"),
        rerun_on=reasons("provenance", "write_crate"),
        external_inputs=flag("external-inputs", external_inputs()),
        folder=subpath(output.code, parent=True),
        config=json.dumps(config, sort_keys=True),  # all of it: the crate quotes it
        snakemake=snakemake_version,
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --records {input.records:q} \
            {params.external_inputs:q} \
            --config {params.config:q} \
            --snakemake {params.snakemake:q} \
            --crate {output.crate:q} \
            --code {params.folder:q} \
            --config-file {output.config:q}
        """


RESULTS = os.path.dirname(rules.write_crate.output.crate)  # below `prefix:` of a module


rule verify_provenance:
    """Recompute every hash of the records and name what no longer matches; makes nothing."""
    input:
        made_before_proof,
    log:
        "results/logs/verify_provenance.log",
    localrule: True
    conda:
        "../envs/provenance.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        logged=launcher,
        script=path_of("verify_provenance"),
        results=RESULTS,
        external_inputs=flag("external-inputs", external_inputs()),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --results {params.results:q} \
            {params.external_inputs:q}
        """
