# Slices, pairs, networks, predictions, tables and upscaled volumes -> figures, each as PNG and PDF.
#
# in   results/{slices,registration,degradation,pairs,models,predictions,metrics,upscaled}/, the volumes of upscale
# out  results/figures/samples/{sample}/       pairs, histogram, split; of a pair of scans registration and degradation
#      results/figures/models/{model}/         generator, discriminator, training
#      results/figures/evaluation/             transfer, of several samples
#      results/figures/evaluation/{sample}/    comparison, metrics, spectra
#      results/figures/upscaled/{volume}/      slice


rule plot_pairs:
    """Show HR/LR pairs of every split."""
    input:
        pairs="results/pairs/{sample}.h5",
    output:
        png=report(
            "results/figures/samples/{sample}/pairs.png",
            caption="../report/pairs.rst",
            category="1. Data",
            subcategory="{sample}",
            labels={"figure": "tile pairs"},
        ),
        pdf="results/figures/samples/{sample}/pairs.pdf",
        provenance="results/figures/samples/{sample}/pairs.provenance.json",
    log:
        "results/logs/plot_pairs/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_pairs"),
        rerun_on=reasons("figures", "plot_pairs"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_histogram:
    """Show the grey levels of the rock and the window cut from them."""
    input:
        slices=rules.slice_volume.output.slices,
        mask=rules.slice_volume.output.mask,
        metadata=rules.slice_volume.output.metadata,
    output:
        png=report(
            "results/figures/samples/{sample}/histogram.png",
            caption="../report/histogram.rst",
            category="1. Data",
            subcategory="{sample}",
            labels={"figure": "grey levels"},
        ),
        pdf="results/figures/samples/{sample}/histogram.pdf",
        provenance="results/figures/samples/{sample}/histogram.provenance.json",
    log:
        "results/logs/plot_histogram/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_histogram"),
        rerun_on=reasons("figures", "plot_histogram"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --slices {input.slices:q} \
            --mask {input.mask:q} \
            --metadata {input.metadata:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_split:
    """Show where along depth, and where in a slice, each split lies."""
    input:
        pairs="results/pairs/{sample}.h5",
        metadata=rules.slice_volume.output.metadata,
    output:
        png=report(
            "results/figures/samples/{sample}/split.png",
            caption="../report/split.rst",
            category="1. Data",
            subcategory="{sample}",
            labels={"figure": "split along depth"},
        ),
        pdf="results/figures/samples/{sample}/split.pdf",
        provenance="results/figures/samples/{sample}/split.provenance.json",
    log:
        "results/logs/plot_split/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_split"),
        rerun_on=reasons("figures", "plot_split"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            --metadata {input.metadata:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_degradation:
    """Show grey levels, blur and noise of a coarse scan beside what was fitted."""
    input:
        fit=rules.fit_degradation.output.fit,
    output:
        png=report(
            "results/figures/samples/{sample}/degradation.png",
            caption="../report/degradation.rst",
            category="1. Data",
            subcategory="{sample}",
            labels={"figure": "degradation"},
        ),
        pdf="results/figures/samples/{sample}/degradation.pdf",
        provenance="results/figures/samples/{sample}/degradation.provenance.json",
    log:
        "results/logs/plot_degradation/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_degradation"),
        rerun_on=reasons("figures", "plot_degradation"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --fit {input.fit:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_registration:
    """Show how the coarse scan of a pair lies on the fine one, before and after registration."""
    input:
        sections=rules.register_volumes.output.sections,
        registration=rules.register_volumes.output.registration,
    output:
        png=report(
            "results/figures/samples/{sample}/registration.png",
            caption="../report/registration.rst",
            category="1. Data",
            subcategory="{sample}",
            labels={"figure": "registration of both scans"},
        ),
        pdf="results/figures/samples/{sample}/registration.pdf",
        provenance="results/figures/samples/{sample}/registration.provenance.json",
    log:
        "results/logs/plot_registration/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_registration"),
        rerun_on=reasons("figures", "plot_registration"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --sections {input.sections:q} \
            --registration {input.registration:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_network:
    """Draw the layers of a generator or a discriminator."""
    input:
        network="results/models/{model}/{network}.json",
    output:
        png=report(
            "results/figures/models/{model}/{network}.png",
            caption="../report/network.rst",
            category="2. Training",
            subcategory="{model}",
            labels={"figure": "{network}"},
        ),
        pdf="results/figures/models/{model}/{network}.pdf",
        provenance="results/figures/models/{model}/{network}.provenance.json",
    log:
        "results/logs/plot_network/{model}/{network}.log",
    wildcard_constraints:
        network="generator|discriminator",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_network"),
        rerun_on=reasons("figures", "plot_network"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --network {input.network:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_training:
    """Show how losses and validation went during training."""
    input:
        history="results/models/{model}/history.csv",
    output:
        png=report(
            "results/figures/models/{model}/training.png",
            caption="../report/training.rst",
            category="2. Training",
            subcategory="{model}",
            labels={"figure": "training curves"},
        ),
        pdf="results/figures/models/{model}/training.pdf",
        provenance="results/figures/models/{model}/training.provenance.json",
    log:
        "results/logs/plot_training/{model}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_training"),
        rerun_on=reasons("figures", "plot_training"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --history {input.history:q} \
            --model {wildcards.model:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_comparison:
    """Show one test tile by every method, with its errors."""
    input:
        pairs="results/pairs/{sample}.h5",
        predictions=of_every_method("results/predictions/{method}/{sample}.h5"),
        metrics=of_every_method("results/metrics/{method}/{sample}.csv"),
    output:
        png=report(
            "results/figures/evaluation/{sample}/comparison.png",
            caption="../report/comparison.rst",
            category="3. Evaluation",
            subcategory="{sample}",
            labels={"figure": "comparison of methods"},
        ),
        pdf="results/figures/evaluation/{sample}/comparison.pdf",
        provenance="results/figures/evaluation/{sample}/comparison.provenance.json",
    log:
        "results/logs/plot_comparison/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_comparison"),
        rerun_on=reasons("figures", "plot_comparison", methods()),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --pairs {input.pairs:q} \
            --predictions {input.predictions:q} \
            --metrics {input.metrics:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_metrics:
    """Show how each metric is distributed over the test tiles."""
    input:
        metrics=of_every_method("results/metrics/{method}/{sample}.csv"),
        summary=rules.summarise_metrics.output.summary,
    output:
        png=report(
            "results/figures/evaluation/{sample}/metrics.png",
            caption="../report/metrics.rst",
            category="3. Evaluation",
            subcategory="{sample}",
            labels={"figure": "metrics by method"},
        ),
        pdf="results/figures/evaluation/{sample}/metrics.pdf",
        provenance="results/figures/evaluation/{sample}/metrics.provenance.json",
    log:
        "results/logs/plot_metrics/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_metrics"),
        rerun_on=reasons("figures", "plot_metrics", methods()),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --metrics {input.metrics:q} \
            --summary {input.summary:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_spectra:
    """Show which spatial frequencies each method recovers."""
    input:
        spectra=of_every_method("results/metrics/{method}/{sample}.spectrum.csv"),
        pairs="results/pairs/{sample}.h5",
    output:
        png=report(
            "results/figures/evaluation/{sample}/spectra.png",
            caption="../report/spectra.rst",
            category="3. Evaluation",
            subcategory="{sample}",
            labels={"figure": "power spectra"},
        ),
        pdf="results/figures/evaluation/{sample}/spectra.pdf",
        provenance="results/figures/evaluation/{sample}/spectra.provenance.json",
    log:
        "results/logs/plot_spectra/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_spectra"),
        rerun_on=reasons("figures", "plot_spectra", methods()),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --spectra {input.spectra:q} \
            --pairs {input.pairs:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_simulated_to_real:
    """Show what a real coarse scan costs each method against shrunken tiles of the same place."""
    input:
        table=rules.simulated_to_real.output.table,
    output:
        png=report(
            "results/figures/evaluation/{sample}/simulated_to_real.png",
            caption="../report/simulated_to_real.rst",
            category="3. Evaluation",
            subcategory="{sample}",
            labels={"figure": "simulated to real"},
        ),
        pdf="results/figures/evaluation/{sample}/simulated_to_real.pdf",
        provenance="results/figures/evaluation/{sample}/simulated_to_real.provenance.json",
    log:
        "results/logs/plot_simulated_to_real/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_simulated_to_real"),
        rerun_on=reasons("figures", "plot_simulated_to_real"),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --table {input.table:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_rock:
    """Show how far the pores of each method are from those of HR, over the thresholds."""
    input:
        rock=of_every_method("results/rock/{method}/{sample}.{images}.csv"),
    output:
        png=report(
            "results/figures/evaluation/{sample}/rock_{images}.png",
            caption="../report/rock.rst",
            category="3. Evaluation",
            subcategory="{sample}",
            labels={"figure": "pores of {images}"},
        ),
        pdf="results/figures/evaluation/{sample}/rock_{images}.pdf",
        provenance="results/figures/evaluation/{sample}/rock_{images}.provenance.json",
    log:
        "results/logs/plot_rock/{sample}.{images}.log",
    wildcard_constraints:
        images="slices|blocks",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_rock"),
        rerun_on=reasons("figures", "plot_rock", methods()),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --rock {input.rock:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_trade_off:
    """Show how faithful and how sharp each method is, and the curve through models between two."""
    input:
        summary="results/metrics/summary.csv",
    output:
        png=report(
            "results/figures/evaluation/{sample}/trade_off.png",
            caption="../report/trade_off.rst",
            category="3. Evaluation",
            subcategory="{sample}",
            labels={"figure": "trade-off"},
        ),
        pdf="results/figures/evaluation/{sample}/trade_off.pdf",
        provenance="results/figures/evaluation/{sample}/trade_off.provenance.json",
    log:
        "results/logs/plot_trade_off/{sample}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_trade_off"),
        rerun_on=reasons("figures", "plot_trade_off"),
        curves=flag("curves", curves()),
        recommended=flag("recommended", config["evaluation"].get("recommended")),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --summary {input.summary:q} \
            --sample {wildcards.sample:q} \
            {params.curves:q} \
            {params.recommended:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_transfer:
    """Show what each model gains on each sample."""
    input:
        summary="results/metrics/summary.csv",
    output:
        png=report(
            "results/figures/evaluation/transfer.png",
            caption="../report/transfer.rst",
            category="3. Evaluation",
            labels={"figure": "train here, test there"},
        ),
        pdf="results/figures/evaluation/transfer.pdf",
        provenance="results/figures/evaluation/transfer.provenance.json",
    log:
        "results/logs/plot_transfer.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_transfer"),
        rerun_on=reasons("figures", "plot_transfer"),
        models=flag("models", config["evaluation"]["models"]),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --summary {input.summary:q} \
            {params.models:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_upscaled:
    """Show a slice of a volume before and after upscaling, and the jitter."""
    input:
        volume=volume_to_upscale,
        layout="results/upscaled/{volume}/layout.json",
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
        jitter="results/upscaled/{volume}/z_consistency.csv",
    output:
        png=report(
            "results/figures/upscaled/{volume}/slice.png",
            caption="../report/upscaled.rst",
            category="4. Upscaled volumes",
            subcategory="{volume}",
            labels={"figure": "before and after"},
        ),
        pdf="results/figures/upscaled/{volume}/slice.pdf",
        provenance="results/figures/upscaled/{volume}/slice.provenance.json",
    log:
        "results/logs/plot_upscaled/{volume}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_upscaled"),
        rerun_on=reasons("figures", "plot_upscaled", stamp_to_upscale),
        reading=upscale_reading_flags,
        image=subpath(input.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --volume {input.volume:q} \
            {params.reading:q} \
            --layout {input.layout:q} \
            --zarr {params.image:q} \
            --jitter {input.jitter:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """


rule plot_spread:
    """Show where trainings that differ in their seed alone disagree on an upscaled volume."""
    input:
        layout="results/upscaled/{volume}/layout.json",
        zarr="results/upscaled/{volume}/{volume}.ome.zarr/zarr.json",
        map="results/upscaled/{volume}/spread.tif",
        table="results/upscaled/{volume}/spread.csv",
    output:
        png=report(
            "results/figures/upscaled/{volume}/spread.png",
            caption="../report/spread.rst",
            category="4. Upscaled volumes",
            subcategory="{volume}",
            labels={"figure": "what another seed would change"},
        ),
        pdf="results/figures/upscaled/{volume}/spread.pdf",
        provenance="results/figures/upscaled/{volume}/spread.provenance.json",
    log:
        "results/logs/plot_spread/{volume}.log",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        logged=launcher,
        script=path_of("plot_spread"),
        rerun_on=reasons("figures", "plot_spread"),
        image=subpath(input.zarr, parent=True),
    shell:
        """
        exec {params.logged:q} {log:q} {params.script:q} \
            --layout {input.layout:q} \
            --zarr {params.image:q} \
            --map {input.map:q} \
            --table {input.table:q} \
            --png {output.png:q} \
            --pdf {output.pdf:q} \
            --provenance {output.provenance:q}
        """
