"""Turn provenance records into a Workflow Run RO-Crate, with the library `rocrate`.

References
----------
Provenance Run Crate 0.5, https://w3id.org/ro/wfrun/provenance/0.5, which includes the Workflow
and Process Run Crate; Leo et al. (2024), "Recording provenance of workflow runs with RO-Crate",
PLoS ONE 19(9): e0309210.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from rocrate.model import ContextEntity, DataEntity
from rocrate.rocrate import ROCrate

from sandstone.provenance.records import Record

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
VERSION = "1.1"  # of RO-Crate: the one that these profiles extend
SHA256 = "https://w3id.org/ro/terms/workflow-run#sha256"
WORKFLOW = "code/Snakefile"
ENGINE = "https://snakemake.github.io"
LICENCE = "MIT for the workflow; the licence of the data is that of their owners"
DONE = {"@id": "http://schema.org/CompletedActionStatus"}
FORMATS = {
    ".csv": "text/csv",
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/zip",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".tif": "image/tiff",
    ".yaml": "application/yaml",
}

Graph = list[dict[str, Any]]


def build(
    records: Sequence[Record], *, results: Path, version: str, snakemake: str
) -> dict[str, Any]:
    """Return the JSON-LD of a crate whose root is the folder `results`.

    Parameters
    ----------
    records : sequence of Record
        One a job, of a finished run; must not be empty.
    results : Path
        Folder that holds the records, and `code/` with the workflow.
    version : str
        Of the workflow.
    snakemake : str
        Version of the engine.

    Returns
    -------
    dict
        Content of `ro-crate-metadata.json`. The times in it are those of the records' files.
    """
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_terms["sha256"] = SHA256
    _describe_root(crate, ended=max(_ended(record) for record in records))
    workflow, engine = _add_workflow(crate, version, snakemake)
    _add_file(crate, "config.yaml", name="the whole configuration, defaults included")
    files = _Files(crate, results)
    controls, runs = [], []
    for step in _add_steps(crate, workflow, records):
        for record in (each for each in records if each.content["script"] == step["name"]):
            run = _add_run(crate, files, record, results, step["workExample"])
            controls.append(_add_control(crate, run, step))
            runs.append(run)
    _add_whole_run(
        crate, workflow=workflow, engine=engine, controls=controls, runs=runs, files=files
    )
    return crate.metadata.generate()


def _describe_root(crate: ROCrate, ended: str) -> None:
    crate.name = "Super-resolution of sandstone micro-CT: one run of sandstone-srgan"
    crate.description = (
        "Volumes, tile pairs, trained models, metrics and figures, with the files, code, "
        "packages and parameters from which each was made."
    )
    crate.license = LICENCE
    crate.datePublished = ended
    profiles = [
        crate.add(
            ContextEntity(
                crate,
                uri,
                {"@type": "CreativeWork", "name": name, "version": uri.rpartition("/")[2]},
            )
        )
        for uri, name in PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles


def _add_workflow(crate: ROCrate, version: str, snakemake: str) -> tuple[DataEntity, ContextEntity]:
    """Add the Snakefile as main entity, and the engine that ran it."""
    language = {
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": {"@id": "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"},
        "url": {"@id": "https://snakemake.readthedocs.io"},
    }
    application = {
        "@type": "SoftwareApplication",
        "name": "Snakemake",
        "version": snakemake,
        "url": ENGINE,
    }
    workflow = _add_file(
        crate,
        WORKFLOW,
        kinds=("SoftwareSourceCode", "ComputationalWorkflow", "HowTo"),
        name="sandstone-srgan",
        version=version,
        url="https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        programmingLanguage=crate.add(ContextEntity(crate, "#snakemake", language)),
    )
    crate.mainEntity = workflow
    return workflow, crate.add(ContextEntity(crate, ENGINE, application))


def _add_steps(
    crate: ROCrate, workflow: DataEntity, records: Iterable[Record]
) -> list[ContextEntity]:
    """Add a tool and a step for each script that ran, in the order of their names."""
    steps = []
    for position, (name, record) in enumerate(sorted(_one_a_script(records).items())):
        code, *modules = record.content["code"]
        packages = record.content["packages"].items()
        tool = _add_file(
            crate,
            f"code/{code['path']}",
            kinds=("SoftwareSourceCode",),
            name=f"{name}.py",
            version=code["sha256"][:12],
            sha256=code["sha256"],
            softwareRequirements=[_add_package(crate, *package) for package in packages],
            hasPart=[
                _add_file(crate, f"code/{module['path']}", sha256=module["sha256"])
                for module in modules
            ],
        )
        workflow.append_to("hasPart", tool)
        about = {"@type": "HowToStep", "name": name, "position": str(position), "workExample": tool}
        steps.append(crate.add(ContextEntity(crate, f"#step/{name}", about)))
        workflow.append_to("step", steps[-1])
    return steps


def _one_a_script(records: Iterable[Record]) -> Mapping[str, Record]:
    return {record.content["script"]: record for record in records}


def _add_package(crate: ROCrate, name: str, version: str) -> ContextEntity:
    about = {"@type": "SoftwareApplication", "name": name, "version": version}
    return crate.add(ContextEntity(crate, f"#package/{name}-{version}", about))


def _add_run(
    crate: ROCrate, files: "_Files", record: Record, results: Path, tool: DataEntity
) -> ContextEntity:
    """Add one job: what it read, with which parameters, and what it made."""
    content = record.content
    name = record.path.relative_to(results).as_posix().removesuffix(".provenance.json")
    parameters = [
        _add_parameter(crate, name, parameter, value)
        for parameter, value in content["parameters"].items()
    ]
    about = {
        "@type": "CreateAction",
        "name": f"{content['script']}: {name}",
        "description": content["command"],
        "instrument": tool,
        "object": [*map(files.add, content["inputs"]), *parameters],
        "result": [*map(files.add, content["outputs"])],
        "endTime": _ended(record),
        "actionStatus": DONE,
    }
    return crate.add(ContextEntity(crate, f"#run/{name}", about))


def _add_parameter(crate: ROCrate, run: str, name: str, value: Any) -> ContextEntity:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    about = {"@type": "PropertyValue", "name": name, "value": text}
    return crate.add(ContextEntity(crate, f"#parameter/{run}/{name}", about))


def _add_control(crate: ROCrate, run: ContextEntity, step: ContextEntity) -> ContextEntity:
    about = {
        "@type": "ControlAction",
        "name": f"orchestrate {run['name']}",
        "instrument": step,
        "object": run,
    }
    return crate.add(ContextEntity(crate, run.id.replace("#run/", "#control/"), about))


def _add_whole_run(
    crate: ROCrate,
    *,
    workflow: DataEntity,
    engine: ContextEntity,
    controls: Sequence[ContextEntity],
    runs: Sequence[ContextEntity],
    files: "_Files",
) -> None:
    """Add the run of the workflow and what Snakemake did for it."""
    about = {
        "@type": "CreateAction",
        "name": "run of the workflow",
        "description": "snakemake --configfile config.yaml",
        "instrument": workflow,
        "object": [*files.from_outside()],
        "result": [*files.made()],
        "endTime": crate.datePublished.isoformat(),
        "actionStatus": DONE,
    }
    whole = crate.add(ContextEntity(crate, "#run", about))
    engine_run = {
        "@type": "OrganizeAction",
        "name": "Snakemake",
        "instrument": engine,
        "object": list(controls),
        "result": whole,
    }
    organise = crate.add(ContextEntity(crate, "#organise", engine_run))
    crate.root_dataset["mentions"] = [whole, *runs, organise]


class _Files:
    """The files of all runs, each added to the crate once."""

    def __init__(self, crate: ROCrate, results: Path) -> None:
        self._crate = crate
        self._results = results.as_posix()
        self._made: dict[str, DataEntity] = {}
        self._outside: dict[str, DataEntity] = {}

    def add(self, file: Mapping[str, Any]) -> DataEntity:
        """Return the entity of a file as records describe it."""
        path = PurePosixPath(file.get("path") or file["name"])
        details = {"name": path.name, "sha256": file["sha256"], "contentSize": str(file["bytes"])}
        if "path" in file and path.is_relative_to(self._results):
            identifier = path.relative_to(self._results).as_posix()
            return self._once(self._made, identifier, path, details)
        # The crate does not hold it: its hash is the one name that holds anywhere.
        return self._once(self._outside, f"urn:sha256:{file['sha256']}", path, details)

    def _once(
        self,
        known: dict[str, DataEntity],
        identifier: str,
        path: PurePosixPath,
        details: Mapping[str, str],
    ) -> DataEntity:
        if identifier not in known:
            known[identifier] = _add_file(self._crate, identifier, suffix=path.suffix, **details)
        return known[identifier]

    def made(self) -> list[DataEntity]:
        """Return the files that the crate holds."""
        return list(self._made.values())

    def from_outside(self) -> list[DataEntity]:
        """Return the files that came from outside the results."""
        return list(self._outside.values())


def _add_file(
    crate: ROCrate,
    identifier: str,
    *,
    kinds: Sequence[str] = (),
    suffix: str | None = None,
    **details: Any,
) -> DataEntity:
    """Add a file that lies where it is; the library shall neither copy nor fetch it."""
    suffix = PurePosixPath(identifier).suffix if suffix is None else suffix
    about = {"@type": ["File", *kinds] if kinds else "File", **details}
    if suffix in FORMATS:
        about["encodingFormat"] = FORMATS[suffix]
    return crate.add(DataEntity(crate, identifier, about))


def _ended(record: Record) -> str:
    """Return when a record was written, which ended its job: ISO 8601, UTC, whole seconds."""
    return datetime.fromtimestamp(int(record.path.stat().st_mtime), UTC).isoformat()
