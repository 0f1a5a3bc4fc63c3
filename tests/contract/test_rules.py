"""Every rule is complete: what it does, where it logs, in which environment it runs."""

from collections import Counter

import pytest

from sandstone.provenance.record import RECORD_SUFFIX

from .project import SCRIPTS, WORKFLOW, Rule, rules

# Downloads: the hash that is checked says all there is to say. The crate: it is made of records.
# The plan is no result.
WITHOUT_RECORD = {
    *("fetch_volume", "fetch_lpips_weights", "write_crate", "verify_provenance", "plan_upscale"),
}

RULES = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)


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


@RULES
def test_rule_records_the_provenance_of_what_it_makes(rule: Rule):
    if rule.name in WITHOUT_RECORD:
        return
    assert f'{RECORD_SUFFIX}",' in rule.text
    assert "--provenance {output.provenance:q}" in rule.text


@RULES
def test_rule_logs_live_and_completely(rule: Rule):
    assert rule.log
    # A signal to all processes of a job must not take the log before the last sentence.
    logging = "exec &> >( trap '' HUP INT TERM exec tee {log:q} ) exec python -u "
    assert logging in " ".join(rule.text.split())


def test_no_two_rules_share_a_log():
    patterns = Counter(rule.log for rule in rules())
    assert [pattern for pattern, count in patterns.items() if count > 1] == []
