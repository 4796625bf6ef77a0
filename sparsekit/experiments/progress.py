"""How far a run is: bars on a terminal and in a notebook, plain lines in a log."""

import os
import sys
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console, Group
from rich.jupyter import JupyterMixin
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

LOG_EVERY = 10.0
"""Seconds between two lines of a log."""
NOTEBOOK = 15.0
"""Seconds that a notebook is taken to execute, before one has shown how long it takes here."""


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


@dataclass(frozen=True)
class State:
    """How far units are that are computed together."""

    total: int  # units asked for, with those that these require
    reused: int = 0  # of these, those whose records were there
    computed: int = 0
    failed: int = 0
    past: float = 0.0  # about how many seconds of one core those behind us take that had no record
    cost: float = 0.0  # and all of them
    workers: int = 1
    text: str = ""  # the unit that ended last; at the end, what was done
    end: bool = False
    running: tuple[tuple[float, float], ...] = ()  # of each job at work: when it was begun (`time.monotonic`), its cost

    def after(self, before: "State") -> "State":
        """This part of a run together with the parts before it; totals are the run's."""
        sums = {name: getattr(before, name) + getattr(self, name) for name in ("computed", "failed", "past")}
        return replace(self, total=before.total, reused=before.reused, cost=before.cost, **sums)


class Progress(JupyterMixin, AbstractContextManager):
    """Shows a bar with the time left, what is at work, and failures if there are any; in the end, what was done.

    On a terminal the lines are redrawn, in a notebook they are an output that changes, and in a log a line comes every
    ten seconds. Where the environment sets SPARSEKIT_BATCH=1, only the end is shown.

    Parameters
    ----------
    whole : State, optional
        What a run of several parts is to compute in all; default: a call's own state is the whole.
    notebooks : int
        How many notebooks the run executes besides.
    """

    def __init__(self, whole: State | None = None, notebooks: int = 0):
        self.whole, self.notebooks, self.executed, self.failed = whole, notebooks, 0, 0
        self._state = whole or State(0)
        self._start, self._last, self._took = time.monotonic(), 0.0, 0.0
        self._pace = 1.0  # seconds that a worker takes for what costs one
        self._over = threading.Event()
        self._begun: dict[str, float] = {}  # when those notebooks that are at work were begun
        self._lock = threading.RLock()  # notebooks are executed in threads
        self.at_work = ""  # the notebook whose units are computed
        self._handle, self._live = None, None
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = os.environ.get("SPARSEKIT_BATCH") == "1"
        self._notebook = in_notebook()

    def __enter__(self) -> "Progress":
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self.stop()

    def _tick(self) -> None:
        """A line comes though nothing ends for a while, or only notebooks are at work."""
        while not self._over.wait(LOG_EVERY):
            with self._lock:
                self._show()

    def __call__(self, state: State) -> None:
        """Show how far the units are; a state that ends closes the bar of a progress without further parts."""
        with self._lock:
            before = self._state.past
            self._state = state if self.whole is None else state.after(self.whole)
            if self._state.past > before:
                self._keep_pace()
            if self.whole is None:
                self._end(state.text) if state.end else self._show()
            else:
                if state.end:
                    self.whole = self._state
                    if state.computed or state.failed:
                        self.note(f"{self.at_work}: {state.text}")
                self._show()

    def part(self, name: str) -> "Progress":
        """Say whose units are computed from now on; returns itself, to be reported to."""
        self.at_work = name
        return self

    def executing(self, name: str) -> None:
        """Note that a notebook has begun."""
        with self._lock:
            self._begun[name] = time.monotonic()

    def executed_one(self, name: str, seconds: float, failed: bool = False) -> None:
        """Note that a notebook has been executed, or has failed."""
        with self._lock:
            self.executed, self.failed, self._took = self.executed + 1, self.failed + failed, self._took + seconds
            self._begun.pop(name, None)
            self.note(f"{name}: {'failed' if failed else f'executed, {duration(seconds)}'}")

    def note(self, text: str) -> None:
        """Say something that stays: above the bars, or as a line of the log."""
        with self._lock:
            if self._live is None:
                print(text, file=sys.stderr, flush=True)
            else:
                self._console.print(Text(text))

    def stop(self) -> None:
        """Leave the lines as they are and give the terminal back."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def seconds_left(self) -> float | None:
        """About how long the rest takes; None while nothing tells.

        At first by what units cost on one core of a usual machine, and the more of them are done here, by their time.
        That none is done for a while is no news of how fast they are: the time left goes down by the clock, as long as
        what is at work may be at work by its cost.
        """
        s = self._state
        if s.past <= 0 and not self.notebooks:
            return None
        each = self._took / self.executed if self.executed else NOTEBOOK
        computing = self._pace * max(s.cost - s.past - self._under_way(), 0.0) / s.workers
        # all but the last notebook are executed while others' units are computed
        behind = sum(min(time.monotonic() - begun, each) for begun in list(self._begun.values()))
        waiting = ((self.notebooks - self.executed) * each - behind) / s.workers
        return max(computing + each, waiting) if s.cost > s.past else waiting

    def _under_way(self) -> float:
        """How much of their cost the jobs at work are thought to be past; no more of them than there are workers."""
        s, now = self._state, time.monotonic()
        return sum(min((now - begun) / self._pace, cost) for begun, cost in sorted(s.running)[: s.workers])

    def _keep_pace(self) -> None:
        """Learn from units that are done how long they take here."""
        s, usual = self._state, self._state.cost / 20 or 1.0
        elapsed = time.monotonic() - self._start
        self._pace = (elapsed * s.workers + usual) / (s.past + self._under_way() + usual)

    def _left(self) -> str:
        if self.notebooks and self.executed == self.notebooks:
            return "writing the pages"
        left = self.seconds_left()
        return "" if left is None else f"about {duration(left)} left"

    def _lines(self) -> list[str]:
        """The state in words: the whole, what is at work, failures."""
        s = self._state
        counts = [f"{s.reused + s.computed:,} of {s.total:,} units"]
        counts += [f"{self.executed} of {self.notebooks} notebooks"] * bool(self.notebooks)
        work = ": ".join(filter(None, [self.at_work, s.text])) if not s.end else ""
        gone = {"unit": s.failed, "notebook": self.failed}
        failures = [f"{count} {name}{'s' * (count > 1)} failed" for name, count in gone.items() if count]
        return [", ".join([*counts, *filter(None, [self._left()])]), work, ", ".join(failures)]

    def __rich__(self) -> Group:
        whole, work, failures = self._lines()
        s, share = self._state, self.executed / self.notebooks if self.notebooks else 1.0
        # units that are there already are no work, and notebooks are: a run of nothing but them moves too
        units = s.past / s.cost if s.cost else 1.0
        weight = s.cost / (s.cost + NOTEBOOK * self.notebooks) if s.cost + self.notebooks else 1.0
        bar = Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(1.0, weight * units + (1 - weight) * share, width=24), Text(whole, overflow="ellipsis"))
        lines = [Text(work, style="dim", no_wrap=True, overflow="ellipsis")]
        return Group(bar, *lines, *[Text(failures, style="bold red")] * bool(failures))

    def _show(self) -> None:
        if self._quiet or self._over.is_set():
            return
        if self._notebook:
            self._display(self._repr_mimebundle_((), ()) | {"text/plain": "\n".join(filter(None, self._lines()))})
        elif sys.stderr.isatty():
            if self._live is None:
                self._live = Live(get_renderable=self.__rich__, console=self._console, transient=True)
                self._live.start()
        elif time.monotonic() - self._last >= LOG_EVERY:
            self._last = time.monotonic()
            print("; ".join(filter(None, self._lines())), file=sys.stderr, flush=True)

    def _end(self, text: str) -> None:
        self.stop()
        if self._notebook:
            self._display({"text/plain": text})
        else:
            print(text, file=sys.stderr, flush=True)

    def _display(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def link(path: Path) -> str:
    """A path as people read it; on a terminal that knows links, one that opens it."""
    if not sys.stdout.isatty():
        return str(path)
    return f"\x1b]8;;{path.absolute().as_uri()}\x1b\\{path}\x1b]8;;\x1b\\"


def in_notebook() -> bool:
    """Whether a kernel runs this, which can change what it has displayed; a shell on a terminal has none."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
