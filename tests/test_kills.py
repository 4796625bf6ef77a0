"""Whatever is killed, whenever: what was computed is kept, nothing lives on, and the end is as if nothing had been.

A few kills by default; ``make test-kills`` tries many.
"""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sparsekit.experiments import execution
from sparsekit.experiments.records import Store
from tests import kills
from tests.waits import until

KILLS = int(os.environ.get("SPARSEKIT_KILLS", "3"))
SEED = int(os.environ.get("SPARSEKIT_KILLS_SEED", "0"))
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent")


class Marked:
    """Processes that can be told from all others, by a variable that their children inherit."""

    def __init__(self, folder: Path):
        self.mark, self.log = uuid.uuid4().hex, folder / "log"
        self.env = os.environ | {"SPARSEKIT_MARK": self.mark, "PYTHONPATH": str(Path(__file__).parents[1])}
        self.env |= {"SPARSEKIT_RUNS": str(folder / "runs"), "TMPDIR": str(folder)}

    def start(self, *command: str) -> subprocess.Popen:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command], env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def alive(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                zombie = process.status() == psutil.STATUS_ZOMBIE
                if not zombie and process.environ().get("SPARSEKIT_MARK") == self.mark:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def gone(self, seconds: float = 10) -> bool:
        end = time.monotonic() + seconds
        while alive := self.alive():
            if time.monotonic() > end:
                print("alive:", *(process.cmdline() for process in alive), sep="\n")
                return False
            time.sleep(0.2)
        return True


@pytest.fixture
def marked(tmp_path):
    marked = Marked(tmp_path)
    yield marked
    for process in marked.alive():
        process.kill()


def bits(store: Store) -> list:
    return [(store.read(unit), store.weights_file(unit).read_bytes()) for unit in kills.UNITS]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("undisturbed") / "runs")
    execution.run(kills.UNITS, store, workers=1, report=lambda state: None)
    return bits(store)


def running(process: subprocess.Popen, marked: Marked) -> bool:
    assert process.poll() is None, marked.log.read_text()
    return True


def leftovers(folder: Path) -> list[str]:
    return [
        path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".lock")) or ".unfinished" in str(path)
    ]


def test_killed_at_random_moments(tmp_path, marked, undisturbed):
    chance, store, done, took = random.Random(SEED), Store(tmp_path / "runs"), 0, 12.0
    while done < KILLS:
        begun = time.monotonic()
        process = marked.start("-m", "tests.kills", str(tmp_path), "2")
        while process.poll() is None and done < KILLS:
            time.sleep(chance.uniform(0, took / 2))
            victims = ["command", "group", *marked.alive()]
            victim, number = chance.choice(victims), chance.choice(SIGNALS)
            told = victim if isinstance(victim, str) else f"{victim.pid} of {process.pid}"
            print(f"{number.name} to {told} after {time.monotonic() - begun:.1f} s")
            if process.poll() is None:
                done += 1
                try:
                    if victim == "group":
                        os.killpg(process.pid, number)
                    else:
                        os.kill(process.pid if victim == "command" else victim.pid, number)
                except ProcessLookupError:
                    pass
                if victim in ("command", "group"):
                    break
        if process.poll() is None and done >= KILLS and victim not in ("command", "group"):
            os.kill(process.pid, signal.SIGKILL)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it hangs after {told} got {number.name}\n{marked.log.read_text()}")
        assert marked.gone(), f"{told} got {number.name}"
        if all(map(store.has, kills.UNITS)):
            assert bits(store) == undisturbed
            for file in store.path.rglob("*.json"):
                file.unlink()
        took = max(took, time.monotonic() - begun) if process.returncode == 0 else took
    assert marked.start("-m", "tests.kills", str(tmp_path), "2").wait(200) == 0, marked.log.read_text()
    assert bits(store) == undisturbed
    assert not leftovers(tmp_path)
    assert not list((store.path / ".claims").iterdir())
    assert marked.gone()


@pytest.mark.parametrize("runs", [2, 3])
def test_runs_that_share_a_store_compute_each_unit_once(tmp_path, marked, undisturbed, runs):
    processes = [marked.start("-m", "tests.kills", str(tmp_path), str(1 + k % 2)) for k in range(runs)]
    assert [process.wait(200) for process in processes] == [0] * runs, marked.log.read_text()
    assert bits(Store(tmp_path / "runs")) == undisturbed
    begun = (tmp_path / "begun").read_text().splitlines()
    assert sorted(begun) == sorted(set(begun))
    assert len(begun) == len(kills.UNITS) + 4
    assert not list((tmp_path / "runs" / ".claims").iterdir())


def test_what_a_dead_run_was_computing_another_takes_over(tmp_path, marked, undisturbed):
    first = marked.start("-m", "tests.kills", str(tmp_path), "2")
    until(lambda: running(first, marked) and (tmp_path / "begun").exists(), "the first unit to begin")
    second = marked.start("-m", "tests.kills", str(tmp_path), "1")
    time.sleep(random.Random(SEED).uniform(0, 1))
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert second.wait(200) == 0, marked.log.read_text()
    assert bits(Store(tmp_path / "runs")) == undisturbed
    assert not leftovers(tmp_path)


def project(folder: Path, source: str) -> None:
    (folder / "params").mkdir(exist_ok=True)
    (folder / "notebooks").mkdir(exist_ok=True)
    tiny = "train_size: 60\ntest_size: 20\nworkers: 1\n"
    (folder / "params" / "tiny.yaml").write_text(f"# For tests\n{tiny}")
    for stem, code in (("00_task", "1"), ("06_mine", source)):
        cells = [new_markdown_cell("# Mine"), new_code_cell("seeds = 1", metadata={"tags": ["parameters"]})]
        nbformat.write(new_notebook(cells=[*cells, new_code_cell(code)]), folder / "notebooks" / f"{stem}.ipynb")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_command_killed_while_a_notebook_is_executed(tmp_path, marked, monkeypatch, number, status):
    """Its kernel ends too, the report of an earlier run stays whole, and the next run removes what was unfinished."""
    monkeypatch.chdir(tmp_path)
    command, report = ["-m", "sparsekit", "run", "tiny", "--only", "06"], tmp_path / "reports" / "tiny"
    project(tmp_path, "print('as it was')")
    assert marked.start(*command).wait(200) == 0, marked.log.read_text()
    before = {path.relative_to(report): path.read_bytes() for path in report.rglob("*") if path.is_file()}
    project(tmp_path, "open('began', 'w'); import time; time.sleep(600)")
    marked.log.write_text("")
    process = marked.start(*command)
    until(lambda: running(process, marked) and (tmp_path / "began").exists(), "the notebook to begin")
    os.kill(process.pid, number)
    assert process.wait(20) == status
    assert marked.gone()
    assert {name: (report / name).read_bytes() for name in before} == before
    said = [line for line in marked.log.read_text().splitlines() if line and "units" not in line]
    if number == signal.SIGTERM:
        assert len(said) == 1, said
        assert "interrupted; what was computed is kept" in said[0]
    project(tmp_path, "print('as it is')")
    assert marked.start(*command).wait(200) == 0, marked.log.read_text()
    assert {path.relative_to(report) for path in report.rglob("*") if path.is_file()} == set(before)
    assert not leftovers(tmp_path)
    assert not list(tmp_path.glob("sparsekit-*"))


def test_a_plan_that_is_killed_leaves_no_process(tmp_path, marked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    process = marked.start("-m", "sparsekit", "run", "thesis", "--plan")

    def probed():
        return [worker for worker in marked.alive() if "popen_loky" in " ".join(worker.cmdline())]

    until(lambda: running(process, marked) and probed(), "a worker process for the probe")
    process.kill()
    process.wait()
    assert marked.gone()
