"""Faults on purpose: what raises, what kills its worker, what is killed itself."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import loky
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from sparsekit.experiments import execution, memory, pruning, records, structure
from sparsekit.experiments.execution import ExecutionError, Interrupted, run
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.jobs import Schedule
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import RecordError, Store
from sparsekit.experiments.workers import Local


@dataclass(frozen=True)
class Sum(Unit):
    """Adds up what it requires, and keeps a line for each time that it was computed."""

    kind: ClassVar[str] = "sum"
    name: str
    log: str
    parts: tuple = ()
    cost: float = 1.0
    together: int = 1
    fault: str = ""

    group: ClassVar[str] = "all"

    @property
    def requires(self):
        return self.parts

    @classmethod
    def compute(cls, units, store, device):
        with Path(units[0].log).open("a") as log:
            log.write("+".join(u.name for u in units) + f" {os.getpid()}\n")
        for unit in units:
            unit.trip()
        for unit in units:
            value = 1 + sum(store.read(part)["value"] for part in unit.parts)
            yield unit, {"value": value, "threads": torch.get_num_threads()}, {"w": torch.ones(value)}

    def trip(self):
        if self.fault == "raise":
            raise ValueError(f"boom in {self.name}\nand more")
        if self.fault == "unpicklable":
            raise Awkward("a", "b")
        if self.fault == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if times := {"kill once": 1, "kill thrice": 3}.get(self.fault):
            flags = [Path(self.log).with_name(f"{self.name}.flag{k}") for k in range(times)]
            if left := [flag for flag in flags if not flag.exists()]:
                left[0].touch()
                os.kill(os.getpid(), signal.SIGKILL)


class Awkward(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@dataclass(frozen=True)
class Forgetful(Unit):
    kind: ClassVar[str] = "forgetful"
    name: str

    @classmethod
    def compute(cls, units, store, device):
        """Gives nothing."""
        return ()


@dataclass(frozen=True)
class Timed(Forgetful):
    timed: ClassVar[bool] = True


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def make(tmp_path):
    return lambda name, *parts, **options: Sum(name, str(tmp_path / "log"), parts, **options)


def log(tmp_path):
    return [line.split()[0] for line in (tmp_path / "log").read_text().splitlines()]


def quiet(*_):
    pass


def test_a_report_is_told_what_is_at_work_and_what_it_costs(tmp_path):
    seen, units = [], [Sum(name, str(tmp_path / "log"), cost=3.0) for name in "ab"]
    run(units, Store(tmp_path / "s"), workers=1, report=seen.append)
    assert [[cost for _, cost in state.running] for state in seen] == [[], [3.0], [], [3.0], [], []]


def test_computes_what_is_required_first_and_only_once(store, make, tmp_path):
    base = make("base")
    units = [make("a", base), make("b", base), make("c", make("a", base))]
    run(units, store, workers=1, report=quiet)
    assert [store.read(u)["value"] for u in units] == [2, 2, 3]
    assert sorted(log(tmp_path)) == ["a", "b", "base", "c"]
    run(units, store, workers=1, report=quiet)
    assert len(log(tmp_path)) == 4


def test_what_a_recorded_unit_requires_is_not_asked_for(store, make, tmp_path):
    base = make("base")
    unit = make("a", base)
    run([unit], store, workers=1, report=quiet)
    store.file(base).unlink()
    run([unit], store, workers=1, report=quiet)
    assert not store.has(base)


def test_longest_first_counting_what_waits_for_it(store, make, tmp_path):
    base = make("base", cost=1)
    run([make("middle", cost=5), make("short", cost=2), make("long", base, cost=9)], store, workers=1, report=quiet)
    assert log(tmp_path) == ["base", "long", "middle", "short"]


def test_units_of_a_group_go_together_but_leave_no_worker_idle(store, make):
    units = [make(str(i), together=8) for i in range(8)] + [make("after", make("0", together=8), together=8)]

    def jobs(workers):
        return [sorted(u.name for u in job.units.values()) for job in drain(Schedule(units, store, workers))]

    assert sorted(len(names) for names in jobs(1)) == [1, 8]
    assert sorted(len(names) for names in jobs(3)) == [1, 2, 3, 3]
    assert ["after"] in jobs(1)


def test_what_is_timed_comes_first_and_alone(store):
    units = [Forgetful("a"), Timed("b"), Forgetful("c"), Timed("d")]
    schedule, running = Schedule(units, store, 4), []
    for name in "bd":
        running = [schedule.next([])]
        assert [unit.name for unit in running[0].units.values()] == [name]
        assert schedule.next(running) is None
    running = [schedule.next([]), schedule.next([])]
    assert all(running)
    assert schedule.next(running) is None


def drain(schedule):
    while job := schedule.next():
        yield job
        for name in job.units:
            schedule.finish(name)


def test_in_process_uses_one_thread_and_gives_the_others_back(store, make):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run([make("a")], store, workers=1, report=quiet)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert store.read(make("a"))["threads"] == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_unit_leaves_the_others_done_and_is_named(store, make, workers):
    bad = make("bad", fault="raise")
    late = make("late", make("next", bad))
    good = [make(f"good{i}") for i in range(4)]
    with pytest.raises(ExecutionError, match=r"1 of 7 units failed, 2 were not run") as caught:
        run([late, bad, *good], store, workers=workers, report=quiet)
    text = str(caught.value)
    assert "ValueError: boom in bad" in text
    assert "and more" not in text
    assert "late" in text
    assert "not run, since" in text
    assert isinstance(caught.value.__cause__, ValueError)
    assert [unit for unit, _ in caught.value.failed] == [bad]
    assert set(caught.value.not_run) == {late, late.parts[0]}
    assert all(store.has(u) for u in good)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_unit_does_not_spoil_its_group(store, make, workers):
    units = [make(str(i), together=6, fault="raise" if i == 2 else "") for i in range(6)]
    with pytest.raises(ExecutionError, match="1 of 6 units failed"):
        run(units, store, workers=workers, report=quiet)
    assert [store.has(u) for u in units] == [True, True, False, True, True, True]


def test_an_exception_that_cannot_travel_still_names_its_cause(store, make):
    with pytest.raises(ExecutionError, match="Awkward: a and b"):
        run([make("a", fault="unpicklable"), make("b")], store, workers=2, report=quiet)
    assert store.has(make("b"))


def test_a_unit_without_record_is_a_failure(store):
    with pytest.raises(ExecutionError, match="without writing its record"):
        run([Forgetful("a")], store, workers=1, report=quiet)


def test_a_unit_that_kills_its_worker_is_reported_and_all_others_finish(store, make, tmp_path):
    bad = make("bad", fault="crash")
    group = [make(f"g{i}", together=3, cost=3) for i in range(3)]
    others = [make(f"o{i}") for i in range(4)]
    lost = make("lost", bad)
    with pytest.raises(ExecutionError, match=r"crashed its worker process twice \(SIGSEGV\)") as caught:
        run([bad, *group, *others, lost], store, workers=2, report=quiet)
    assert [unit for unit, _ in caught.value.failed] == [bad]
    assert caught.value.not_run == [lost]
    assert all(store.has(u) for u in (*group, *others))
    assert log(tmp_path).count("bad") in (2, 3)


def test_a_worker_killed_once_costs_nothing_but_time(store, make, tmp_path):
    units = [make("once", fault="kill once"), make("a"), make("b", make("once", fault="kill once")), make("c")]
    run(units, store, workers=2, report=quiet)
    assert all(store.has(u) for u in units)
    assert log(tmp_path).count("once") == 2


def test_swapped_weights_of_what_is_required_are_computed_anew_before_they_are_read(store, make, tmp_path):
    units = [make("a"), make("b", make("x"))]
    run(units, store, workers=1, report=quiet)
    one, other = (store.weights_file(unit) for unit in units)
    one.write_bytes(other.read_bytes().ljust(one.stat().st_size, b"0")[: one.stat().st_size])
    run(units, store, workers=1, report=quiet)
    assert log(tmp_path).count("a") == 1  # nobody reads them
    with pytest.warns(UserWarning, match="other weights"):
        run([make("new", make("a"))], store, workers=1, report=quiet)
    assert log(tmp_path).count("a") == 2
    one.write_bytes(bytes(one.stat().st_size))
    with pytest.warns(UserWarning, match="other weights"):
        run(units, store, workers=1, report=quiet, weights=True)
    assert log(tmp_path).count("a") == 3


def test_a_failure_is_noted_with_its_reason_and_tried_again_by_the_next_run(store, make, tmp_path):
    bad = make("bad", fault="kill once")
    store.fail(bad, "killed its worker process twice (out of memory, or killed from outside)")
    assert "killed" in store.failure(bad)
    run([bad, make("a")], store, workers=2, report=quiet)
    assert store.failure(bad) == ""
    worse = make("worse", fault="raise")
    with pytest.raises(ExecutionError):
        run([make("after", worse), worse], store, workers=1, report=quiet)
    assert store.failure(worse).startswith("ValueError: boom in worse")
    assert "not run, since" in store.failure(make("after", worse))


def test_reasons_name_memory_and_signals():
    reason = execution._reason
    assert reason(MemoryError("x"), 0).startswith("out of memory")
    assert reason(RuntimeError("CUDA out of memory. Tried"), 0).startswith("out of memory")
    died = execution.BrokenExecutor("The exit codes of the workers are {SIGSEGV(-11)}")
    assert reason(died, 1) == "crashed its worker process twice (SIGSEGV)"
    assert "killed time and again" in reason(execution.BrokenExecutor("{SIGKILL(-9)}"), 0)
    assert "the system ended 2 processes" in reason(execution.BrokenExecutor("{SIGKILL(-9)}"), 2)
    assert reason(ValueError("a\nb"), 1) == "ValueError: a"


def test_kills_from_outside_are_not_held_against_a_unit(store, make, tmp_path):
    """Three of them, once in the pool of all and twice in a process of its own, do not make a failure."""
    unit = make("thrice", fault="kill thrice")
    run([unit], store, workers=2, report=quiet)
    assert store.has(unit)
    assert log(tmp_path).count("thrice") == 4


class Deadly:
    """Workers that die under each job in one way, in no time; it counts how often a job was alone in one."""

    deadly, limit, waiting, end = Local.deadly, 1, str, staticmethod(lambda: None)

    def __init__(self, death, exhausts=0):
        self.death, self.exhausts, self.alone, self.memory_kills = death, exhausts, 0, 0

    def submit(self, job, store, device):
        self.alone += job.suspect
        self.memory_kills += self.exhausts
        future = Future()
        future.set_exception(BrokenExecutor(self.death))
        return future

    def settle(self, future, store):
        return future.exception()


@pytest.mark.parametrize(
    ("death", "exhausts", "times"),
    [
        ("{SIGSEGV(-11)}", 0, 2),
        ("{EXIT(1)}", 0, 2),
        ("{SIGKILL(-9)}", 1, 2),
        ("{SIGKILL(-9)}", 0, 5),
        ("{SIGTERM(-15)}", 0, 5),
    ],
)
def test_a_crash_is_held_against_a_unit_more_than_a_kill(store, make, monkeypatch, death, exhausts, times):
    workers = Deadly(death, exhausts)
    monkeypatch.setattr(execution, "memory_kills", lambda: workers.memory_kills)
    monkeypatch.setattr(execution, "_workers", lambda *_: (workers, "cpu"))
    with pytest.raises(ExecutionError, match="1 of 1 units failed"):
        run([make("a")], store, report=quiet)
    assert workers.alone == times


def test_after_a_run_the_next_start_reads_no_record(store, make, monkeypatch):
    units = [make(f"u{k}") for k in range(records.MANY)]
    run(units, store, workers=1, report=quiet)
    for name, nothing in (("_CHECKED", {}), ("_RECALLED", set())):  # as in another process
        monkeypatch.setattr(records, name, nothing)
    monkeypatch.setattr(records, "opened", lambda *_: pytest.fail("read again"))
    assert not Schedule(units, Store(store.path), 1).missing


def test_any_executor_will_do(store, make):
    with ThreadPoolExecutor(2) as threads:
        run([make("a", make("b")), make("c")], store, executor=threads, report=quiet)
    assert all(store.has(u) for u in (make("a", make("b")), make("c")))


def test_a_given_executor_gets_whole_groups(store, make, tmp_path):
    with ThreadPoolExecutor(2) as threads:
        run([make(str(i), together=3) for i in range(6)], store, executor=threads, report=quiet)
    assert sorted(log(tmp_path)) == ["0+1+2", "3+4+5"]


def test_a_given_executor_that_breaks_is_replaced_with_a_warning(store, make):
    pool = loky.ProcessPoolExecutor(max_workers=1)
    units = [make("once", fault="kill once", cost=9), *(make(f"o{i}") for i in range(3))]
    with pytest.warns(UserWarning, match="given executor is broken"):
        run(units, store, executor=pool, workers=1, report=quiet)
    assert all(store.has(u) for u in units)
    pool.shutdown()


def test_a_store_that_cannot_be_written_is_told_before_anything_is_computed(make, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"cannot write records to .*file/runs.*SPARSEKIT_RUNS"):
        run([make("a")], Store(tmp_path / "file" / "runs"), workers=1, report=quiet)
    assert not (tmp_path / "log").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_asked_for_where_there_is_none(store, make):
    with pytest.raises(ExecutionError, match="finds no CUDA device"):
        run([make("a")], store, workers=1, device="cuda", report=quiet)


def test_interrupting_stops_workers_and_keeps_what_is_done(store, make, tmp_path):
    def report(state):
        if state.computed:
            raise KeyboardInterrupt

    units = [make(str(i)) for i in range(6)]
    with pytest.raises(
        KeyboardInterrupt, match=r"^Stopped. [1-5] of 6 results are kept; run the cell again to go on.$"
    ):
        run(units, store, workers=2, report=report)
    assert 1 <= sum(map(store.has, units)) < 6
    run(units, store, workers=2, report=quiet)
    assert all(map(store.has, units))


def test_a_cell_that_is_interrupted_shows_one_line(capsys):
    shell = InteractiveShell()
    shell.user_ns["interrupted"] = Interrupted("Stopped. 31 of 126 results are kept; run the cell again to go on.")
    shell.run_cell("raise interrupted from KeyboardInterrupt(2)")
    assert capsys.readouterr().out == "Stopped. 31 of 126 results are kept; run the cell again to go on.\n"


SCRIPT = """
    import sys, time, random
    from dataclasses import dataclass
    from typing import ClassVar
    import torch
    from sparsekit.experiments.execution import run
    from sparsekit.experiments.identity import Unit
    from sparsekit.experiments.records import Store

    @dataclass(frozen=True)
    class Slow(Unit):
        kind: ClassVar[str] = "slow"
        seed: int

        @classmethod
        def compute(cls, units, store, device):
            for unit in units:
                time.sleep(0.15)
                generator = torch.Generator().manual_seed(unit.seed)
                values = torch.rand(4, generator=generator)
                yield unit, {"values": values.tolist()}, {"w": values}

    run([Slow(i) for i in range(10)], Store(sys.argv[1]), workers=int(sys.argv[2]))
"""


def records_in(folder):
    return {p.name: json.loads(p.read_text())["data"] for p in Path(folder).rglob("*.json")}


def test_killed_and_started_again_gives_the_same_records(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([*command, str(tmp_path / "killed"), "1"], stderr=subprocess.DEVNULL, env=env)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "killed").rglob("*.json"))) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = records_in(tmp_path / "killed")
    assert 3 <= len(before) < 10
    again = subprocess.run(
        [*command, str(tmp_path / "killed"), "2"], capture_output=True, text=True, check=True, env=env, timeout=600
    )
    assert f"10 units: {10 - len(before)} computed, {len(before)} reused" in again.stderr
    subprocess.run([*command, str(tmp_path / "whole"), "1"], capture_output=True, check=True, env=env, timeout=600)
    assert records_in(tmp_path / "killed") == records_in(tmp_path / "whole")


def test_seconds_are_those_of_computing_shared_by_a_group(store, make):
    units = [make(str(i), together=3) for i in range(3)]
    run(units, store, workers=1, report=quiet)
    assert all(0 <= store.record(unit)["provenance"]["seconds"] < 60 for unit in units)
    assert {store.record(unit)["provenance"]["device"] for unit in units} == {"cpu"}


def test_a_worker_loads_no_module_that_only_figures_and_statistics_need(store):
    tiny = {"train_size": 60, "test_size": 20, "hidden_size": 4, "layers": 1, "embedding_size": 4, "base_epochs": 1}
    tiny |= {"variants": ["gru"], "seeds": 1, "retrain_epochs": 1, "graphs": 1, "graph_epochs": 1, "percentages": [80]}
    p, pool = Parameters(**tiny), loky.ProcessPoolExecutor(max_workers=1)
    try:
        units = [*pruning.pruned_networks(p)[:1], *structure.graph_networks(p)[:1], *memory.probes(p)]
        run(units, store, workers=1, executor=pool, report=quiet)
        loaded = set(pool.submit(eval, "list(__import__('sys').modules)").result())
    finally:
        pool.shutdown()
    assert "sparsekit.experiments.pruning" in loaded
    assert not loaded & {"matplotlib", "sklearn", "statsmodels", "IPython"}


def test_progress_counts_up_and_ends_with_a_summary(store, make):
    seen = []
    run([make("a")], store, workers=1, report=quiet)
    run([make("a"), make("b"), make("c")], store, workers=1, report=seen.append)
    assert [state.computed for state in seen] == [0, 0, 1, 1, 2, 2]  # before and after each
    assert {(state.total, state.reused, state.cost) for state in seen} == {(3, 1, 2.0)}
    assert [state.past for state in seen] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    assert [state.end for state in seen] == [False, False, False, False, False, True]
    assert seen[-1].text == "3 units: 2 computed, 1 reused, 0 s"


def test_progress_tells_what_failed(store, make):
    seen = []
    bad = make("bad", fault="raise")
    with pytest.raises(ExecutionError):
        run([bad, make("waits", bad)], store, workers=1, report=seen.append)
    assert seen[-1].failed == 2
    assert seen[-1].past == seen[-1].cost


def test_many_failures_are_not_all_listed(store, make):
    with pytest.raises(ExecutionError, match="12 of 12 units failed") as caught:
        run([make(f"bad{i}", fault="raise") for i in range(12)], store, workers=1, report=quiet)
    assert "and 2 more failed" in str(caught.value)
    assert len(caught.value.failed) == 12


def test_resolve_device():
    assert execution.resolve_device("cpu") == "cpu"
    assert execution.resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
