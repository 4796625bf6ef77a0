"""What a run shows of itself: in a log, on a terminal, in a notebook."""

import io
import re
import sys
import time

import pytest

from sparsekit.experiments import progress
from sparsekit.experiments.progress import NOTEBOOK, Progress, State

HALF = State(total=8, reused=2, computed=3, past=30.0, cost=60.0, text="base: LSTM, seed 1")
END = State(total=8, reused=2, computed=6, past=60.0, cost=60.0, text="8 units: 6 computed", end=True)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A time that the test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0] + 100)
    monkeypatch.setattr(progress, "in_notebook", lambda: False)
    monkeypatch.delenv("SPARSEKIT_BATCH", raising=False)
    return now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch):
    """A terminal of 60 columns as stderr; set in the test itself: capture starts anew with each phase."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    for name, value in {"TERM": "xterm", "COLUMNS": "60", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    return stream


def plain(stream):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_in_a_log_a_line_comes_every_ten_seconds(capsys, clock):
    shown = Progress()
    for clock[0] in range(25):
        shown(HALF)
    shown(END)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("5 of 8 units, about ")
    assert lines[0].endswith(" left; base: LSTM, seed 1")
    assert lines[-1] == "8 units: 6 computed"


def test_in_batch_only_the_end_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_BATCH", "1")
    shown = Progress()
    shown(HALF)
    shown(END)
    assert capsys.readouterr().err == "8 units: 6 computed\n"


def test_a_terminal_gets_a_bar_and_no_line_is_wider_than_it(monkeypatch):
    stream = terminal(monkeypatch)
    with Progress(State(8, cost=60.0), notebooks=2) as shown:
        shown.part("01_pruning")(State(8, computed=3, failed=1, past=30.0, cost=60.0, text="x" * 200))
        shown.note("a word that stays")
    lines = plain(stream).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= 60
    assert "a word that stays" in lines
    assert any("━" in line and "3 of 8 units, 0 of 2 notebooks" in line for line in lines)
    assert any(line.startswith("01_pruning: xxx") for line in lines)
    assert "1 unit failed" in [line.strip() for line in lines]


def test_parts_of_a_run_add_up_to_one_whole(capsys):
    shown = Progress(State(10, reused=2, cost=60.0), notebooks=2)
    first = shown.part("00_task")
    first(State(5, reused=2, computed=3, past=30.0, cost=30.0, text="5 units: …", end=True))
    assert "00_task: 5 units: …" in capsys.readouterr().err.splitlines()
    shown.part("01_pruning")(State(9, reused=5, computed=2, past=20.0, cost=30.0, text="a"))
    assert shown._lines()[0].startswith("7 of 10 units, 0 of 2 notebooks, about ")
    assert shown._lines()[1] == "01_pruning: a"


def test_time_left_is_told_by_cost_first_and_by_time_soon(clock):
    shown = Progress(State(100, cost=1000.0, workers=2), notebooks=1)
    assert shown.seconds_left() == pytest.approx(500 + NOTEBOOK, rel=0.01)  # a usual machine: a second for a second
    clock[0] = 1000.0
    shown(State(100, computed=50, past=500.0, cost=1000.0, workers=2))  # it was four times slower
    assert shown.seconds_left() == pytest.approx(1000 + NOTEBOOK, rel=0.15)
    shown(State(100, computed=100, past=1000.0, cost=1000.0, workers=2, end=True))
    shown.executed_one("00_task", 40.0)
    assert shown.seconds_left() == 0


def test_time_left_does_not_grow_while_the_first_units_take_a_while(clock):
    shown, told = Progress(State(217, cost=2000.0, workers=2), notebooks=1), []
    for clock[0] in (0.0, 100.0, 200.0, 300.0, 900.0, 1000.0):
        running = ((100.0, 200.0), (100.0, 300.0))  # begun at the start; what was planned is over after 300 s
        shown.part("01_pruning")(State(217, cost=2000.0, workers=2, running=running))
        told.append(shown.seconds_left() - NOTEBOOK)
    assert told == pytest.approx([1000, 900, 800, 750, 750, 750])  # and no more is claimed to be done than is at work


def test_a_job_at_work_counts_when_another_one_has_ended(clock):
    shown = Progress(State(4, cost=400.0, workers=2), notebooks=1)
    clock[0] = 100.0
    shown(State(4, computed=1, past=100.0, cost=400.0, workers=2, running=((100.0, 100.0),)))
    assert shown.seconds_left() == pytest.approx(100 + NOTEBOOK)
    clock[0] = 120.0
    shown(State(4, computed=2, past=200.0, cost=400.0, workers=2, running=((200.0, 100.0),)))
    assert shown.seconds_left() == pytest.approx(100 + NOTEBOOK, rel=0.15)


def test_time_left_goes_down_while_a_notebook_is_at_work(clock):
    shown = Progress(State(1, reused=1, workers=1), notebooks=3)
    shown.executing("00_task")
    clock[0] = 20.0
    shown.executed_one("00_task", 20.0)
    assert shown.seconds_left() == 40
    shown.executing("01_pruning")
    clock[0] = 35.0
    assert shown.seconds_left() == 25
    clock[0] = 99.0  # longer than the first took
    assert shown.seconds_left() == 20


def test_a_log_goes_on_though_nothing_ends(capsys, clock, monkeypatch):
    monkeypatch.setattr(progress, "LOG_EVERY", 0.01)
    with Progress(State(4, cost=60.0), notebooks=2):
        for _ in range(500):
            clock[0] += 1
            time.sleep(0.01)
            if (lines := capsys.readouterr().err.splitlines()) and "0 of 4 units" in lines[0]:
                break
        else:
            raise AssertionError("no line came")


def test_failures_of_notebooks_are_counted(capsys):
    shown = Progress(State(1), notebooks=2)
    shown.executed_one("00_task", 3.0)
    shown.executed_one("01_pruning", 2.0, failed=True)
    assert shown._lines()[-1] == "1 notebook failed"
    assert capsys.readouterr().err.splitlines() == ["00_task: executed, 3 s", "01_pruning: failed"]


def test_a_notebook_gets_one_output_that_changes(monkeypatch):
    changes = []

    class Handle:
        def update(self, bundle, raw):
            changes.append(bundle)

    def display(bundle, raw, display_id):
        changes.append(bundle)
        return Handle()

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    shown = Progress()
    shown(HALF)
    shown(END)
    assert "━" in changes[0]["text/html"]
    assert changes[0]["text/plain"].startswith("5 of 8 units")
    assert changes[1] == {"text/plain": "8 units: 6 computed"}


def test_a_path_is_a_link_on_a_terminal_only(monkeypatch, tmp_path):
    page = tmp_path / "a b" / "index.html"
    assert progress.link(page) == str(page)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert page.as_uri() in progress.link(page)
    assert "a%20b" in progress.link(page)
