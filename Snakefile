# From a raw sandstone volume to trained super-resolution models, an honest evaluation, figures and a report.

from snakemake.utils import min_version

min_version("9.19")


include: "workflow/rules/common.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/params.smk"


check_folder()

CONFIG = str(ROOT / "config.yaml")
check_config_files(CONFIG)


configfile: CONFIG  # under every overlay, also with --directory


given = config
config = own(given)
check_config()


report: "workflow/report/workflow.rst"


include: "workflow/rules/volumes.smk"
include: "workflow/rules/slices.smk"
include: "workflow/rules/registration.smk"
include: "workflow/rules/pairs.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/rock.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/upscaling.smk"
include: "workflow/rules/judging.smk"
include: "workflow/rules/overview.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/report.smk"


tell_the_report(given)


rule all:
    """Everything that the config asks for: tables and figures, and what they need."""
    default_target: True
    input:
        "results/metrics/summary.csv",
        gaps(),
        rock(),
        figures(),
        model_cards(),
        upscaled(),


rule provenance:
    """The same, collected into a Workflow Run RO-Crate."""
    input:
        rules.all.input,
        rules.write_crate.output,


rule overview:
    """The page that shows what a run brought, and what it needs."""
    input:
        rules.write_overview.output.page,


rule upscale_plan:
    """What upscaling the volumes of the config will take, before it is computed."""
    input:
        expand("results/logs/plan_upscale/{volume}.txt", volume=config["upscale"]),


rule finished:
    """What of it is there already; for a report that need not wait for the rest."""
    input:
        lambda wildcards: finished(),


check_given()
check_planned_trainings()
tell_unknown_targets()
shorten_errors()


onstart:
    check_results()
    check_submissions()
    check_trainings()
    keep_models()


onsuccess:
    show_kept_models()
    show_end()


onerror:
    show_kept_models()
    show_failures(log)
