"""The cancel token: from another thread, and by Ctrl-C."""

import os
import signal
import threading

import pytest

from impasto.events import Cancelled, CancelToken


def test_another_thread_cancels() -> None:
    token = CancelToken()
    token.check()
    thread = threading.Thread(target=token.cancel)
    thread.start()
    thread.join()
    with pytest.raises(Cancelled):
        token.check()


def test_ctrl_c_is_held_back_once_and_interrupts_the_second_time() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        token, told = CancelToken(), []
        with token.held_back(lambda: told.append("stopping")):
            os.kill(os.getpid(), signal.SIGINT)
            assert token.cancelled
            assert told == ["stopping"]
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_program_around_is_left_alone() -> None:
    mine, before = lambda *frame: None, signal.getsignal(signal.SIGINT)  # noqa: ARG005
    signal.signal(signal.SIGINT, mine)
    try:
        with CancelToken().held_back():
            assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
