"""Share the graphics cards of a machine: each job with a network takes a free one."""

import ctypes.util
import importlib.util
import os
import shutil
import socket
import subprocess
import sys

VISIBLE = "CUDA_VISIBLE_DEVICES"
SECONDS = 20  # for the driver to answer

# A name is free again when its process ends, however it ends, and leaves no file behind.
_taken: list[socket.socket] = []


def seen() -> list[str]:
    """Return the cards that this process may use, as CUDA_VISIBLE_DEVICES names them.

    A scheduler or a user that sets the variable decides; else all cards of NVIDIA's driver count.
    """
    chosen = os.environ.get(VISIBLE)
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        hidden = names.index("-1") if "-1" in names else len(names)
        return [name for name in names[:hidden] if name]
    asked = shutil.which("nvidia-smi")
    if asked is None:
        return []
    query = [asked, "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        answer = subprocess.run(  # noqa: S603 - a constant
            query, capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []  # a driver without a card, or one that does not answer
    return answer.stdout.split()


def has_cuda() -> bool:
    """Say whether TensorFlow finds the libraries of a card here: pip's or the system's."""
    return bool(importlib.util.find_spec("nvidia") or ctypes.util.find_library("cudnn"))


def take() -> None:
    """Let this process see one free card alone, until it ends. Without a card nothing happens.

    Where all are taken, the first is shared; memory is taken as it is needed.
    """
    if _taken or not (cards := seen()) or not has_cuda():
        return
    free = next((card for card in cards if _lock(card)), None)
    if free is None:
        print("note: every graphics card is in use; this job shares one", file=sys.stderr)
    os.environ[VISIBLE] = free or cards[0]


def _lock(card: str) -> bool:
    """Take a name of Linux's abstract namespace, which one process of a machine can hold."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0sandstone-srgan/{card}")
    except OSError:
        name.close()
        return False
    _taken.append(name)
    return True
