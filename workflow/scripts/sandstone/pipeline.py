"""Prepare items ahead and write results behind, each in its own thread, while the caller works."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

END = object()
SECONDS_BETWEEN_LOOKS = 0.1


class Ahead:
    """Prepare up to `depth` items in a thread, in order, before they are asked for.

    Use it in a `with` block, which yields an iterator over the items. An error in preparing an
    item is raised to the reader in place of that item. The end of the block ends the thread,
    even if items are left.

    Parameters
    ----------
    items : iterable
        Is only used in the thread. Its items are prepared as they are drawn from it.
    depth : int
        Items that may wait; the thread holds one more.
    """

    def __init__(self, items: Iterable[Any], depth: int) -> None:
        self._items = items
        self._made: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Iterator[Any]:
        self._thread.start()
        return self._read()

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _read(self) -> Iterator[Any]:
        while True:
            item, error = self._made.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item

    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
            self._put(END)
        except BaseException as error:  # noqa: BLE001 - raised again in the reader's thread
            self._put(END, error)

    def _put(self, item: Any, error: BaseException | None = None) -> bool:
        """Hand over one item; return whether the reader wants more."""
        while not self._stopped.is_set():
            try:
                self._made.put((item, error), timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Full:
                continue
            return True
        return False


class Behind:
    """Call `write` in a thread for all that is put, in that order.

    Use it in a `with` block, whose end waits for the last call. An error of `write` ends the
    writing; the next `put`, or the end of the block, raises it.

    Parameters
    ----------
    write : callable
        Is only called in the thread.
    depth : int
        Calls that may wait; `put` blocks until one of them is done.
    """

    def __init__(self, write: Callable[..., None], depth: int) -> None:
        self._write = write
        self._items: queue.Queue[Any] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def put(self, *item: Any) -> None:
        """Hand over the arguments of one call of `write`."""
        self._check()
        self._items.put(item)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._items.put(END)
        self._thread.join()
        if error is None:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._items.get()) is not END:
            if self._error is not None:
                continue  # empty the queue, so that no `put` waits forever
            try:
                self._write(*item)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                self._error = error
