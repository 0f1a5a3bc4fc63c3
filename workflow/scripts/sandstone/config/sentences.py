"""One sentence for what is wrong in a config by its schema."""

import difflib
from collections.abc import Callable, Iterable

import jsonschema

from sandstone.errors import shortened, shown

_TYPE_NAMES = {
    "object": "a mapping of keys",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def sentence(error: jsonschema.ValidationError) -> str:
    """Return where the config is wrong, how, and what to do."""
    key = ".".join(map(str, error.path)) or "the config"
    describe = _DESCRIPTIONS.get(str(error.validator), _describe_any)
    return f"config: {describe(key, error)}"


def unknown_target(target: str, targets: Iterable[str], files: Iterable[str]) -> str:
    """Return that nothing makes `target`, and what there is instead.

    Parameters
    ----------
    target : str
        A word of the command line.
    targets, files : iterable of str
        Names of targets; files that the workflow makes.
    """
    targets = list(targets)
    close = difflib.get_close_matches(target, [*targets, *files], n=1)
    there_are = f"{', '.join(targets)}, and the files that README.md lists under Outputs"
    if close:
        return f"nothing makes {shown(target)}; did you mean '{close[0]}'? There are {there_are}"
    return f"nothing makes {shown(target)}; the targets are {there_are}"


def _describe_unknown_key(key: str, error: jsonschema.ValidationError) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = min(set(map(str, error.instance)) - set(known))
    where = f"in {key}" if error.path else "at the top"
    close = difflib.get_close_matches(unknown, known, n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
    return f"unknown key {shown(unknown)} {where}; {advice}"


def _describe_type(key: str, error: jsonschema.ValidationError) -> str:
    expected = error.validator_value
    names = expected if isinstance(expected, list) else [expected]
    wanted = " or ".join(_TYPE_NAMES[name] for name in names)
    if isinstance(error.instance, str) and _is_number(error.instance):
        return _describe_number_as_text(key, error.instance, wanted)
    return f"{key} is {shown(error.instance)}, but must be {wanted}"


def _describe_number_as_text(key: str, text: str, wanted: str) -> str:
    return (
        f"{key} is the text {shown(text)}, not {wanted}; write it in a config file as "
        f"{_yaml_number(text)}, without quotes (--config makes text of nested values)"
    )


def _describe_enum(key: str, error: jsonschema.ValidationError) -> str:
    allowed = ", ".join(map(str, error.validator_value))
    return f"{key} is {shown(error.instance)}, but must be one of {allowed}"


def _describe_required(key: str, error: jsonschema.ValidationError) -> str:
    missing = next(name for name in error.validator_value if name not in error.instance)
    return f"{key} lacks the key {missing!r}; add it"


def _describe_pattern(key: str, error: jsonschema.ValidationError) -> str:
    if error.validator == "pattern" and "propertyNames" in error.schema_path:
        return f"the name {shown(error.instance)} in {key} may hold only a-z, 0-9 and _; rename it"
    if "number" in error.schema.get("type", ()) and _is_number(error.instance):
        return _describe_number_as_text(key, error.instance, _TYPE_NAMES["number"])
    description = error.schema.get("description", f"it must match {error.validator_value}")
    return f"{key} is {shown(error.instance)}, which does not fit; {description.strip()}"


def _describe_unique(key: str, error: jsonschema.ValidationError) -> str:
    twice = [value for value in error.instance if error.instance.count(value) > 1]
    if not twice:  # jsonschema holds all empty values for one, Python does not
        return _describe_any(key, error)
    return f"{key}: {shown(error.instance)} names {shown(twice[0])} twice; correct it"


def _describe_any(key: str, error: jsonschema.ValidationError) -> str:
    return f"{key}: {shortened(error.message)}; correct it"


_DESCRIPTIONS: dict[str, Callable[[str, jsonschema.ValidationError], str]] = {
    "additionalProperties": _describe_unknown_key,
    "type": _describe_type,
    "enum": _describe_enum,
    "required": _describe_required,
    "pattern": _describe_pattern,
    "uniqueItems": _describe_unique,
}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _yaml_number(text: str) -> str:
    mantissa, exponent_sign, exponent = text.lower().partition("e")
    point = mantissa if "." in mantissa else f"{mantissa}.0"
    if not exponent_sign:
        return mantissa
    sign = exponent if exponent.startswith(("+", "-")) else f"+{exponent}"
    return f"{point}e{sign}"
