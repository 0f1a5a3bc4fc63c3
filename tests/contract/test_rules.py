"""Every rule is complete: what it does, where it logs, in which environment it runs."""

import os
import re
from collections import Counter

import pytest

from sandstone.provenance.record import RECORD_SUFFIX

from .project import REPOSITORY, SCRIPTS, WORKFLOW, Rule, rules

# Downloads: the hash that is checked says all there is to say. The crate: it is made of records.
# The plan is no result.
WITHOUT_RECORD = {
    *("fetch_volume", "fetch_lpips_weights", "fetch_span_photo"),
    *("write_crate", "verify_provenance", "plan_upscale"),
}
# A file with the right SHA-256 stays right; a proof is made whenever it is asked for.
NEVER_OUTDATED = {
    *("fetch_volume", "fetch_lpips_weights", "fetch_span_photo", "verify_provenance"),
}


def each(rules_: list[Rule]) -> pytest.MarkDecorator:
    """Run a test for every rule of a list."""
    return pytest.mark.parametrize("rule", rules_, ids=lambda rule: rule.name)


RULES = each(rules())
WITH_RECORD = each([rule for rule in rules() if rule.name not in WITHOUT_RECORD])
OUTDATED = each([rule for rule in rules() if rule.name not in NEVER_OUTDATED])


def test_every_script_has_its_rule():
    assert {rule.name for rule in rules()} == {file.stem for file in SCRIPTS.glob("*.py")}


@RULES
def test_rule_runs_the_script_of_its_name(rule: Rule):
    assert rule.script == rule.name


@RULES
def test_rule_says_what_it_does(rule: Rule):
    assert rule.text.lstrip().startswith('"""')


@RULES
def test_rule_runs_a_command_line(rule: Rule):
    assert rule.has("shell")
    assert not rule.has("script")
    assert not rule.has("run")


@RULES
def test_rule_says_what_it_takes_of_the_machine(rule: Rule):
    for directive in ("threads", "resources"):
        assert rule.has(directive), directive
    for resource in ("mem_mb=", "runtime="):
        assert resource in rule.text


@RULES
def test_rule_has_an_environment(rule: Rule):
    assert rule.environment
    assert (WORKFLOW / "envs" / rule.environment).is_file()


def test_the_exceptions_are_rules():
    names = {rule.name for rule in rules()}
    assert (WITHOUT_RECORD | NEVER_OUTDATED) - names == set()


@WITH_RECORD
def test_rule_records_the_provenance_of_what_it_makes(rule: Rule):
    assert f'{RECORD_SUFFIX}",' in rule.text
    assert "--provenance {output.provenance:q}" in rule.text


@RULES
def test_rule_goes_through_the_launcher(rule: Rule):
    assert rule.log
    assert "logged=launcher," in rule.text
    script = r"\{params\.script:q\}"
    # exec: no shell stays above the script, whose end would pass for the end of the job.
    launched = rf"exec \{{params\.logged:q\}} \{{log:q\}} {script} "
    assert re.match(launched, rule.command)
    assert "python" not in rule.command


def test_the_rule_graph_shows_every_rule_that_makes_a_result():
    drawn = (REPOSITORY / "docs" / "rulegraph.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r">(\w+)</text>", drawn))
    assert shown == {rule.name for rule in rules()} - WITHOUT_RECORD, "make rulegraph"


def test_the_launcher_is_executable():
    assert os.access(SCRIPTS / "logged", os.X_OK)


@OUTDATED
def test_rule_runs_again_with_other_code_and_other_packages_of_its_environment(rule: Rule):
    ((environment, script),) = re.findall(r'rerun_on=reasons\(\s*"(\w+)", "(\w+)"', rule.text)
    assert f"{environment}.yaml" == rule.environment
    assert script == rule.script


@RULES
def test_rule_names_no_place_of_its_code(rule: Rule):
    """Snakemake would run it again in a study that was moved, or from another clone."""
    places = re.findall(r"relpath|SCRIPTS|ROOT", rule.text)
    assert places == []


@RULES
def test_params_but_those_to_run_again_are_used(rule: Rule):
    (params,) = re.findall(r"^    params:\n((?:        .*\n)+)", rule.text, re.MULTILINE)
    names = set(re.findall(r"^        (\w+)=", params, re.MULTILINE)) - {"rerun_on"}
    assert {name for name in names if f"{{params.{name}:q}}" not in rule.command} == set()


@RULES
def test_rule_finds_its_results_below_any_prefix(rule: Rule):
    """A module's `prefix:` moves inputs, outputs and logs, never texts in params and commands."""
    (params,) = re.findall(r"^    params:\n((?:        .*\n)+)", rule.text, re.MULTILINE)
    assert '"results' not in params
    assert " results" not in rule.command


def test_no_two_rules_share_a_log():
    patterns = Counter(rule.log for rule in rules())
    assert [pattern for pattern, count in patterns.items() if count > 1] == []
