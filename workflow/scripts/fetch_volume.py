"""Fetch one file of a raw volume from http(s) or `file:` addresses, checked by its SHA-256.

An interrupted download resumes on the next run.
"""

import argparse
import sys
from collections.abc import Sequence

from sandstone import cli


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument("--url", required=True, help="http, https or file address")
    arguments.add_argument("--sha256", required=True, help="hexadecimal SHA-256 of the file")
    arguments.add_argument("--output", required=True, help="where the file appears")
    arguments.add_argument(
        "--timeout",
        type=cli.positive_float,
        default=60.0,
        help="seconds without data, or next to none, after which a connection is dead",
    )
    arguments.add_argument(
        "--backoff",
        type=cli.positive_float,
        default=2.0,
        help="seconds before the second attempt; each further wait doubles",
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Download and check the file."""
    args = parser().parse_args(argv)

    from sandstone import download

    download.download(
        args.url,
        args.output,
        sha256=args.sha256,
        progress=_tell,
        timeout=args.timeout,
        backoff=args.backoff,
    )


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
