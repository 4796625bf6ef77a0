"""Units on dask.distributed, by a real scheduler and real workers, processes of this machine, and what befalls them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import nbformat
import pytest
import torch
from distributed import Client
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sparsekit.cli import main
from sparsekit.experiments import cluster, extensions, pruning, studies
from sparsekit.experiments.execution import ExecutionError, run
from sparsekit.experiments.identity import Unit, title
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import Store
from tests.waits import background, until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step(Unit):
    """Adds to what it requires; tells of itself in a folder, and waits or dies as it is asked to."""

    kind: ClassVar[str] = "step"
    together: ClassVar[int] = 2
    number: int
    folder: str = field(default="", compare=False)
    parts: tuple = ()
    fault: str = ""

    @property
    def requires(self):
        return self.parts

    @property
    def group(self):
        return self.fault

    def result(self, store, device):
        begun = Path(self.folder) / f"begun {self.number}"
        first = not begun.exists()
        with begun.open("a") as log:
            log.write(f"{os.getpid()}\n")
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "raise":
            raise ValueError(f"boom in {self.number}")
        while self.fault == "wait" and first:  # until it is killed
            time.sleep(0.05)
        weights = sum((store.weights(part)["w"] for part in self.parts), torch.zeros(3))
        weights = weights + torch.randn(3, generator=torch.Generator().manual_seed(self.number))
        return {"sum": float(weights.sum()), "threads": torch.get_num_threads()}, {"w": weights}


@dataclass(frozen=True)
class Clock(Step):
    kind: ClassVar[str] = "clock"
    timed: ClassVar[bool] = True


def _status(dask_worker):
    return dask_worker.status.name


class Dask:
    """A scheduler and workers, which all end with the test."""

    def __init__(self, folder: Path):
        self.folder, self.started = folder, []
        self.env = os.environ | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        self.env |= {"DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__GIL__ENABLED": "False"}
        self.file = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self.start("scheduler", *options)
        self.address = until(self._said, "the scheduler to say where it is")

    def start(self, what, *options):
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *options]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, cwd=self.folder)
        self.started.append(process)
        return process

    def _said(self):
        with suppress(OSError, ValueError):  # not yet written, or not to its end
            return json.loads(self.file.read_text())["address"]
        return self._alive() and ""

    def _alive(self):
        assert all(process.poll() is None for process in self.started), self.log
        return True

    def worker(self, nanny=False):
        """Once the scheduler knows it, and its nanny too: one that has not heard of its worker ends with it."""
        options = ["--nthreads", "2", "--no-dashboard", "--host", "127.0.0.1"]
        with Client(self.address, set_as_default=False) as client:
            before = len(client.nthreads())
            process = self.start("worker", self.address, *options, "--nanny" if nanny else "--no-nanny")
            until(lambda: self._alive() and len(client.nthreads()) > before, "a worker to come")
            if nanny:
                until(lambda: "running" in client.run(_status, nanny=True).values(), "a nanny to hear of its worker")
        return process

    @property
    def log(self):
        return (self.folder / "log").read_text()

    def end(self):
        for process in self.started:
            process.kill()
            process.wait()


@pytest.fixture
def dask(tmp_path):
    dask = Dask(tmp_path)
    yield dask
    dask.end()


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """One in which nothing is killed, with a worker."""
    dask = Dask(tmp_path_factory.mktemp("dask"))
    dask.worker()
    yield dask
    dask.end()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def quiet(*_):
    pass


def bits(store, units):
    return {title(unit): (store.read(unit), store.weights_file(unit).read_bytes()) for unit in units}


def test_records_are_those_of_this_machine_bit_for_bit(calm, store, tmp_path):
    base = Step(1, str(tmp_path))
    units = [Step(k, str(tmp_path), (base,)) for k in range(2, 7)] + [Clock(9, str(tmp_path), (base,))]
    seen = []
    with pytest.raises(ExecutionError, match="1 of 8 units failed") as caught:
        run([*units, Step(8, str(tmp_path), fault="raise")], store, cluster=calm.address, report=seen.append)
    assert "ValueError: boom in 8" in str(caught.value)
    assert seen[-1].computed == 7
    here = Store(tmp_path / "here")
    run(units, here, workers=1, report=quiet)
    assert bits(store, [base, *units]) == bits(here, [base, *units])
    assert {store.read(unit)["threads"] for unit in units} == {1}
    assert not list((store.path / ".claims").iterdir())
    assert not list(store.path.rglob("*.tmp"))


def test_a_frozen_scheduler_is_waited_for_by_name_and_let_go(dask, store, tmp_path, monkeypatch):
    """It is there and says nothing: as one that is stopped, or of a network that was cut."""
    monkeypatch.setattr(cluster, "ANSWER", 1)
    monkeypatch.setattr(cluster, "LOOK", 0.1)
    dask.worker()
    told = []

    def report(state):
        told.append(state.text)
        if state.computed == 1 and dask.frozen is None:
            dask.frozen = time.monotonic()
            os.kill(dask.scheduler.pid, signal.SIGSTOP)
        if "an answer of the scheduler" in state.text:
            os.kill(dask.scheduler.pid, signal.SIGCONT)

    dask.frozen = None
    run([Step(k, str(tmp_path)) for k in range(40)], store, cluster=dask.address, report=report)
    assert any(f"waiting for an answer of the scheduler at {dask.address}" in one for one in told)


def begun(folder, number):
    """The process in which a unit has begun, once it has."""
    file = folder / f"begun {number}"
    return int(until(lambda: file.exists() and file.read_text(), f"unit {number} to begin").split()[-1])


def test_a_worker_killed_in_mid_unit_and_one_added_late(dask, store, tmp_path):
    seen, units = [], [Step(1, str(tmp_path), fault="wait"), *(Step(k, str(tmp_path)) for k in range(2, 5))]
    going = background(run, units, store, cluster=dask.address, report=seen.append)
    until(lambda: any("waiting for a worker" in state.text for state in seen), "the run to say that it waits")
    first = dask.worker()
    assert begun(tmp_path, 1) == first.pid
    dask.worker()
    first.kill()
    going.result(180)
    assert all(map(store.has, units))
    assert begun(tmp_path, 1) != first.pid


def test_a_unit_that_always_kills_its_worker_fails_alone(dask, store, tmp_path):
    dask.worker(nanny=True)
    bad = Step(1, str(tmp_path), fault="kill")
    units = [bad, *(Step(k, str(tmp_path)) for k in range(2, 5)), Step(9, str(tmp_path), (bad,))]
    with pytest.raises(ExecutionError, match="1 of 5 units failed, 1 were not run") as caught:
        run(units, store, cluster=dask.address, report=quiet)
    assert "step: number 1, kill: killed each worker process that took it on" in str(caught.value)
    assert [store.has(unit) for unit in units] == [False, True, True, True, False]


def test_the_scheduler_killed_is_one_line_and_the_next_run_goes_on(dask, store, tmp_path):
    units = [Step(1, str(tmp_path)), Step(2, str(tmp_path), (Step(1, str(tmp_path)),), "wait")]
    dask.worker()
    going = background(run, units, store, cluster=dask.address, report=quiet)
    begun(tmp_path, 2)
    dask.scheduler.kill()
    with pytest.raises(ExecutionError, match=r"^cluster tcp://\S+: the scheduler is gone; what was computed is kept"):
        going.result(120)
    assert [store.has(unit) for unit in units] == [True, False]
    assert not list((store.path / ".claims").iterdir())
    run(units, store, workers=1, report=quiet)
    assert all(map(store.has, units))


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """`main` over a project of one parameter set, whose units are those given."""
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params" / "tiny.yaml").write_text("# For tests\ntrain_size: 60\ntest_size: 20\n")
    cells = [new_markdown_cell("# Mine"), new_code_cell("seeds = 1", metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "00_task.ipynb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARSEKIT_CLUSTER", "")  # and as it was after the test

    def asked(units, *command):
        monkeypatch.setattr(studies, "units", lambda parameters, stem: units)
        return main([*command, "--only", "00"])

    return asked


def test_records_are_verified_on_a_cluster(calm, store, tmp_path, asked, capsys):
    units = [Step(1, str(tmp_path)), Step(2, str(tmp_path), (Step(1, str(tmp_path)),))]
    run(units, store, workers=1, report=quiet)
    assert asked(units, "verify", "tiny", "--cluster", calm.address) == 0
    said = capsys.readouterr().out
    assert said.count("the same bits") == 2
    assert "2 records computed again: 2 hold" in said
    assert {Path(tmp_path, f"begun {k}").read_text().count("\n") for k in (1, 2)} == {2}


@pytest.mark.parametrize("command", ["run", "verify"])
def test_the_command_says_in_one_line_that_the_scheduler_is_gone(dask, store, tmp_path, asked, capsys, command):
    unit = Step(1, str(tmp_path), fault="wait")
    if command == "verify":
        (tmp_path / "begun 1").touch()  # not the first time, so that it does not wait
        run([unit], store, workers=1, report=quiet)
        (tmp_path / "begun 1").unlink()
    dask.worker()
    killed = background(lambda: begun(tmp_path, 1) and dask.scheduler.kill())
    assert asked([unit], command, "tiny", "--cluster", dask.address) == 1
    killed.result(60)
    said = [line for line in capsys.readouterr().err.splitlines() if "the scheduler is gone" in line]
    assert said
    assert all("what was computed is kept: run it again to go on" in line for line in said)


def test_a_run_does_not_wait_for_ever_once_the_last_worker_is_gone(dask, store, tmp_path, monkeypatch):
    """As where a unit has killed a worker that nobody starts again."""
    monkeypatch.setattr(cluster, "PATIENCE", 3.6)
    worker = dask.worker()
    going = background(run, [Step(1, str(tmp_path), fault="wait")], store, cluster=dask.address, report=quiet)
    begun(tmp_path, 1)
    worker.kill()
    with pytest.raises(ExecutionError, match=r"^cluster \S+: the last worker is gone, and none came within 0.001 h;"):
        going.result(120)
    assert not list((store.path / ".claims").iterdir())


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nothing://x", "127.0.0.1:port"])
def test_a_wrong_address_is_one_line(monkeypatch, store, address):
    monkeypatch.setattr(cluster, "ANSWER", 1)
    with pytest.raises(ExecutionError, match=f"^cluster {address}: .*(no scheduler|give an address)[^\n]*$"):
        run([Step(1)], store, cluster=address, report=quiet)


AGAIN = """
import gc, sys, threading
from sparsekit.experiments import cluster

gc.disable()
cluster.ANSWER = 1
try:
    cluster.Cluster("nothing://x")
except cluster.ClusterError as error:
    kept = [error]
    kept.append(kept)  # as a shell or a test keeps it, with all that it came through
    del kept
start = threading.Thread.start
threading.Thread.start = lambda thread: (gc.collect(), start(thread))  # as may happen at any time
cluster.Cluster(sys.argv[1]).end()
"""


def test_the_right_address_after_a_wrong_one(calm):
    """distributed ends a client that nobody holds under the lock under which it starts another, and waits for ever."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", AGAIN, calm.address], check=True, timeout=120, env=env)


def test_without_the_extra_it_is_named(monkeypatch, store):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutionError, match=r"^cluster tcp://h:1: needs dask.distributed[^\n]*sparsekit\[cluster\]"):
        run([Step(1)], store, cluster="tcp://h:1", report=quiet)
    run([], store, cluster="tcp://h:1", report=quiet)  # nothing is to be done


def test_workers_with_other_versions_are_refused(calm, monkeypatch, store, tmp_path):
    real = cluster._versions()
    monkeypatch.setattr(cluster, "_versions", lambda: real | {"torch": "1.0"})
    with pytest.raises(ExecutionError, match=r"^worker tcp://\S+ has torch \S+ \(here 1.0\): install the same there"):
        run([Step(1, str(tmp_path))], store, cluster=calm.address, report=quiet)


MINE = """
from sparsekit.pruning.scores import SCORES

BASE = {base}

@SCORES.register
def mine(network, names, evidence):
    return {{name: network.get_parameter(name).detach().abs() - BASE for name in names}}
"""


def test_what_a_user_registers_arrives_and_is_replaced_when_it_is_corrected(calm, store, tmp_path, monkeypatch):
    tiny = {"train_size": 60, "test_size": 20, "hidden_size": 4, "layers": 1, "embedding_size": 4, "base_epochs": 1}
    tiny |= {"variants": ["gru"], "seeds": 1, "retrain_epochs": 1, "percentages": [50], "targets": ["both"]}
    for base in (1, 2):
        name = f"mine_{base}"
        (tmp_path / f"{name}.py").write_text(MINE.format(base=base).replace("def mine", f"def {name}"))
        with suppress(ZeroDivisionError), extensions._all_or_nothing():
            extensions.load(tmp_path / f"{name}.py")
            units = pruning.pruned_networks(Parameters(**tiny, scores=[name], score=name))
            run(units, store, cluster=calm.address, report=quiet)
            here = Store(tmp_path / f"here {base}")
            run(units, here, workers=1, report=quiet)
            assert bits(store, units) == bits(here, units)
            raise ZeroDivisionError  # nothing stays registered
