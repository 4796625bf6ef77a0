"""How far a run is: one line that is updated, in a notebook or on a terminal."""

import os
import shutil
import sys
import time


def duration(seconds: float) -> str:
    """A time span as people say it.

    >>> duration(7.6), duration(192), duration(7500)
    ('8 s', '3 min 12 s', '2 h 5 min')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


class Progress:
    """Shows ``12 of 84 units, about 3 min left: …``, and in the end what was done.

    In a notebook the line is an output that changes; on a terminal it is overwritten; in a log it comes every ten
    seconds. Where the environment sets SPARSEKIT_BATCH=1, only the end is shown. Each line begins with the prefix.
    """

    def __init__(self, prefix: str = ""):
        self.prefix = prefix
        self._handle, self._last, self._width = None, 0.0, 0
        self._notebook = _in_notebook()
        self._quiet = os.environ.get("SPARSEKIT_BATCH") == "1"

    def __call__(self, done: int, total: int, seconds_left: float | None, text: str) -> None:
        """Show a state: `seconds_left` is None while unknown, and 0 with the last `text`, which stands alone."""
        end = seconds_left == 0
        if self._quiet and not end:
            return
        left = "" if seconds_left is None else f", about {duration(seconds_left)} left"
        line = f"{self.prefix} {text if end else f'{done} of {total} units{left}: {text}'}".lstrip()
        if self._notebook:
            self._show({"text/plain": line})
        elif end:
            print("\r" * bool(self._width) + line.ljust(self._width), file=sys.stderr, flush=True)
        elif sys.stderr.isatty():
            line = line[: shutil.get_terminal_size().columns - 1]
            print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(line)
        elif time.monotonic() - self._last >= 10:
            self._last = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def _show(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    # a shell on a terminal has no kernel, and cannot change what it has displayed
    return getattr(get_ipython(), "kernel", None) is not None
