"""Keep Pillow's warnings from leaking, from any number of threads at once."""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_saved: "warnings.catch_warnings[None] | None" = None  # generic to type checkers only


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Ignore warnings raised by Pillow's modules (only theirs) while inside.

    What they would say (a size, a damaged tag) is decided by our own checks. The filter list
    belongs to the whole process: overlapping `catch_warnings` of two threads would restore it in
    the wrong order, so the first thread in saves it and the last one out restores it.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14: filters are per thread
        with warnings.catch_warnings():
            _ignore()
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _ignore() -> None:
    warnings.filterwarnings("ignore", module=r"PIL(\.|$)")


def _enter() -> None:
    global _inside, _saved
    with _lock:
        if _inside == 0:
            _saved = warnings.catch_warnings()
            _saved.__enter__()
            _ignore()
        _inside += 1


def _leave() -> None:
    global _inside, _saved
    with _lock:
        _inside -= 1
        if _inside == 0 and _saved is not None:
            _saved.__exit__(None, None, None)
            _saved = None
