"""Validate an RO-Crate without a network."""

import io
from pathlib import Path

import requests
import rocrate
from requests_cache import CachedSession
from rocrate_validator import models, services
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "provenance-run-crate"


def violations(crate: Path, cache: Path) -> list[str]:
    """Return what the validator of the profile requires and misses.

    The crate's vocabulary lies on the web. The library `rocrate` brings a copy of a later
    version, which holds all terms of 1.1 and differs in how it spells those of Bioschemas.
    """
    body = (Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_bytes()
    _remember(cache, body.replace(b"bioschemas.org/terms/", b"bioschemas.org/"))
    settings = services.ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier=PROFILE,
        requirement_severity=models.Severity.REQUIRED,
        offline=True,
        cache_path=cache,
    )
    issues = services.validate(settings).get_issues()
    return [f"{issue.violatingEntity}: {issue.message}" for issue in issues]


def _remember(cache: Path, body: bytes) -> None:
    """Put the vocabulary into the cache that the validator asks instead of the web."""
    response = requests.Response()
    response.status_code, response.url = 200, CONTEXT
    response.headers["Content-Type"] = "application/ld+json"
    response.request = requests.Request("GET", CONTEXT).prepare()
    response.raw = HTTPResponse(
        body=io.BytesIO(body), headers=response.headers, status=200, preload_content=False
    )
    with CachedSession(str(cache), backend="sqlite") as session:
        session.cache.save_response(response)
