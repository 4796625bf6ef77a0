"""A case of input that may be hostile: it ends soon, in little memory, and refuses by the kit's own error."""

import resource
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

MEMORY = 2**30


class Hang(BaseException):
    """A case that took too long; what catches every Exception does not catch it."""


@contextmanager
def bounded(seconds=20):
    """One case, which ends in time and takes no more memory than it may."""

    def late(*_):
        raise Hang(f"no end after {seconds} seconds")

    before, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    signal.alarm(seconds)
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, limits[1]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def attempt(own, call, *arguments):
    """What a call gives; None where it refuses by the kit's own error, whose every problem is one line."""
    with bounded():
        try:
            return call(*arguments)
        except own as error:
            lines_of(error)
    return None


def lines_of(error):
    """The lines of an error of the kit's own, each of them readable."""
    lines = getattr(error, "problems", [str(error)])
    for line in lines:
        assert line.strip()
        assert len(line.splitlines()) == 1, line[:300]
        assert len(line) < 2000, line[:300]
    return lines
