"""What a card says of the training of a given model, which nobody here has watched."""

from collections.abc import Sequence

from sandstone.provenance.line import Training

UNKNOWN = "What it has seen, for how long and by which losses is unknown."


def seen(first: Training, sha256: str) -> str:
    """Return which weights were given, and what they had seen before they came here.

    Parameters
    ----------
    first : Training
        That of the given model, with which a line begins.
    sha256 : str
        Of its weights.
    """
    start = f"{first.model} is a given model, of weights with the SHA-256 `{sha256}`"
    if first.saw_no_rock:
        return f"{start}. {origin(first)}"
    if not first.record:
        return f"{start} and no record of their training. {UNKNOWN}"
    rocks = " and ".join(
        f"{sample} (HR voxels of {' × '.join(f'{edge:g}' for edge in edges)} µm)"
        for sample, edges in first.record["voxel_size_um"].items()
    )
    before = ""
    if first.continued:
        before = " It started from other weights; what those had seen, the record does not tell."
    if first.published:
        before = f" Where it started: {origin(first)}"
    return (
        f"{start}. It was trained elsewhere. By its record it has seen, under the names that they "
        f"have there: {rocks}.{before}"
    )


def origin(first: Training) -> str:
    """Return where published weights are from, and what they have seen."""
    told = first.published
    return (
        f"{told['network']}, published at <{told['source']}> ({told['licence']}, SHA-256 "
        f"`{told['sha256']}`). It has seen {told['seen']}."
    )


def limits(first: Training, samples: Sequence[str], *, adversarial: bool) -> list[str]:
    """Return what follows for a user from a training elsewhere.

    Parameters
    ----------
    first : Training
    samples : sequence of str
        Rocks that later trainings of the line have seen here.
    adversarial : bool
        Whether an adversarial loss is known in the line.
    """
    if first.saw_no_rock:
        rocks = f"of rock it has seen {' and '.join(samples)} only" if samples else "it saw no rock"
        return [f"- {first.model} learned from no rock, and {rocks}: measure before you trust it."]
    here = f" and {' and '.join(samples)} here" if samples else ""
    lines = [
        (
            f"- It has seen the rock of the training of {first.model} elsewhere{here} only: on "
            "another rock, scanner or voxel size, measure before you trust it."
        ),
        (
            "- Where the training elsewhere saw slices that are test slices here, the metrics "
            "above look better than they are."
        ),
    ]
    if not (adversarial or first.is_told):
        lines.append(
            f"- Whether an adversarial loss taught {first.model} to draw plausible detail that may "
            "not be there is unknown: do not measure what only this model shows."
        )
    return lines
