"""Let a signal end a training between two steps instead of in the middle of one."""

import signal
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Within its block, SIGTERM and SIGINT are noted in `signal` rather than acted on."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - fixed by signal
        self.signal = signal.Signals(number)
