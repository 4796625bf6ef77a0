"""Waits that end: each says what it has waited for when that does not come."""

import threading
import time
from concurrent.futures import Future


def until(there, what, seconds=180.0):
    """What `there` gives, once that is anything."""
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)
    return found


def background(call, *arguments, **options):
    """A call in a thread that keeps no process alive; what it raises is raised by the result."""
    future = Future()

    def work():
        try:
            future.set_result(call(*arguments, **options))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future
