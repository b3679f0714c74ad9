"""Ctrl-C between two iterations instead of within one, so that nothing learnt is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether Ctrl-C was pressed inside :meth:`held_back`."""

    def __init__(self) -> None:
        self.requested = False

    @classmethod
    @contextmanager
    def held_back(cls) -> Iterator["Interruption"]:
        """Ctrl-C sets `requested` here; pressed again, it interrupts at once.

        Only where Ctrl-C would raise KeyboardInterrupt here: in the main thread, if the program
        around has no handler of its own. Elsewhere nothing changes.
        """
        interruption = cls()
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        ):
            yield interruption
            return
        signal.signal(signal.SIGINT, interruption._press)
        try:
            yield interruption
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.default_int_handler(number, frame)
        self.requested = True
