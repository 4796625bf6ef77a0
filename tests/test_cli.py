"""The command line: what is checked before anything runs, what runs, and what it says and returns."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import nbformat
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import sparsekit
from sparsekit.cli import main
from sparsekit.experiments import cluster, execution, inference, progress, records, studies
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.units import Baselines, Strings, base_networks
from sparsekit.graphs import structure as graphs
from sparsekit.reports import batch
from sparsekit.tasks import labelled_csv
from tests.waits import until

STEMS = ("00_task", "01_pruning", "02_recovery", "03_graph_structured_rnns", "04_correlation_analysis")


def write_notebook(folder, stem, source="print(seeds)"):
    cells = [
        new_markdown_cell(f"# About *{stem[3:]}*"),
        new_code_cell("seeds = 1", metadata={"tags": ["parameters"]}),
        new_code_cell(source),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "notebooks" / f"{stem}.ipynb")


UNIT = inference.InferenceCost("here", "gru", (8,), (0.5,), 1, 1, 0)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of five tiny notebooks and one set, in which no unit has to be computed and no table is complete."""
    folder = tmp_path / "project"
    for name in ("notebooks", "params"):
        (folder / name).mkdir(parents=True)
    (folder / "params" / "tiny.yaml").write_text("# A set for tests\nseeds: 2\n")
    for stem in STEMS:
        write_notebook(folder, stem)
    monkeypatch.chdir(folder)
    task = SimpleNamespace(train=range(53), test=range(27))
    monkeypatch.setattr(studies, "task", lambda parameters: task)
    monkeypatch.setattr(studies, "units", lambda parameters, stem: [])
    tables = dict.fromkeys(batch.TABLES)
    monkeypatch.setattr(batch, "_tables", lambda parameters, units: tables)
    runs = []

    def run(units, store, *, workers, device, report):
        runs.append((workers, device))
        report(progress.State(2, computed=1, past=1, cost=2, text="something"))
        report(progress.State(2, computed=2, past=2, cost=2, text="2 units: 2 computed", end=True))

    monkeypatch.setattr(execution, "run", run)
    return SimpleNamespace(folder=folder, runs=runs, tables=tables)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "tinny"], ["unknown parameter set 'tinny'", "'tiny'"]),
        (["run", "tiny", "-p", "seed_s=2"], ["unknown parameter 'seed_s'", "'seeds'"]),
        (["run", "tiny", "-p", "seeds=0"], ["seeds: given 0", "at least 1"]),
        (["run", "tiny", "-p", "seeds=two"], ["seeds: given 'two'"]),
        (["run", "tiny", "-p", "variants=[lstn]"], ["variants", "'lstn'", "'lstm'"]),
        (["run", "tiny", "-p", "targets=[i2i]"], ["targets", "'i2i'"]),
        (["run", "tiny", "-p", "generators=[erdos]"], ["generators", "'erdos'"]),
        (["run", "tiny", "-p", "task=rebar"], ["task", "'rebar'", "'reber'"]),
        (["run", "tiny", "-p", "seeds"], ["-p seeds: give name=value"]),
        (["run", "tiny", "-p", "seeds=[1"], ["seeds", "'[1'", "YAML"]),
        (["run", "tiny", "--workers", "-1"], ["workers: given -1"]),
        (["run", "tiny", "--only", "01_prunin"], ["unknown notebook '01_prunin'", "'01_pruning'"]),
        (["run", "tiny", "--only", "07"], ["unknown notebook '07'", "04_correlation_analysis"]),
        (["run", "tiny", "--out", "params/tiny.yaml/x"], ["--out params/tiny.yaml/x: cannot be written to"]),
        (["run", "tiny", "-p", "train_size=2e6"], ["train_size: given '2e6'", "at most 1000000"]),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(project, capsys, arguments, said):
    before = files(project.folder)
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert all(part in lines[0] for part in said), lines[0]
    assert files(project.folder) == before
    assert not project.runs


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder in which nobody can write")
def test_a_report_that_cannot_be_written_is_known_at_once(project, capsys):
    assert main(["run", "tiny", "--out", "/proc/report"]) == 2
    assert capsys.readouterr().err.startswith("sparsekit: --out /proc/report: cannot be written to")
    assert not project.runs


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_known_at_once(project, capsys):
    assert main(["run", "tiny", "-p", "device=cuda"]) == 2
    assert "torch finds no CUDA device here" in capsys.readouterr().err
    assert not project.runs


def test_every_problem_has_its_line(project, capsys):
    assert main(["run", "tiny", "-p", "seeds=0", "-p", "margin=7"]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert ["seeds" in err[0], "margin" in err[1]] == [True, True]


@pytest.mark.parametrize(
    "error", [labelled_csv.TaskError("line 3: empty string"), graphs.GraphError("a.graphml: directed")]
)
def test_bad_files_are_found_before_anything_runs(project, capsys, monkeypatch, error):
    def units(parameters, stem):
        raise error

    monkeypatch.setattr(studies, "units", units)
    before = files(project.folder)
    assert main(["run", "tiny"]) == 2
    assert capsys.readouterr().err == f"sparsekit: {error}\n"
    assert files(project.folder) == before


def test_a_run_leaves_every_page_and_says_where(project, capsys):
    assert main(["run", "tiny", "-p", "seeds=3", "--workers", "1"]) == 0
    said = capsys.readouterr()
    report = project.folder / "reports" / "tiny"
    pages = [f"{stem}.{ending}" for stem in STEMS for ending in ("html", "ipynb")]
    assert files(report) == [*pages, "index.html", "standards.html", "summary.json"]
    assert f"Report: {report / 'index.html'}" in said.out
    assert "RQ" not in said.out  # these notebooks answer nothing
    assert "01_pruning: 2 units: 2 computed" in said.err.splitlines()
    assert any(line.startswith("01_pruning: executed") for line in said.err.splitlines())
    assert project.runs == [(1, "auto")] * 5
    node = nbformat.read(report / "01_pruning.ipynb", as_version=4)
    assert node.cells[-1].outputs[0].text == "3\n"
    index = BeautifulSoup((report / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert [a["href"] for a in index.select(".books > li > div > a")] == [f"{stem}.html" for stem in STEMS]
    assert "seeds=3" in index.get_text()


def test_a_run_leaves_a_page_on_which_each_trained_network_computes(project, monkeypatch):
    p = Parameters.load("tiny", {"train_size": 40, "test_size": 20, "hidden_size": 4, "variants": ["gru", "lstm"]})
    monkeypatch.setattr(studies, "task", lambda parameters: base_networks(parameters)[0].strings.make())
    for unit in base_networks(p):
        records.default_store().write(unit, {"history": [{"test_accuracy": 0.5}]}, unit.network().state_dict())
    given = ["train_size=40", "test_size=20", "hidden_size=4", "variants=[gru, lstm]"]
    assert main(["run", "tiny", "--only", "01", *chain(*(("-p", one) for one in given))]) == 0
    report = project.folder / "reports" / "tiny"
    expected = ["explorable_gru.html", "explorable_lstm.html"]
    assert [name for name in files(report) if "explorable" in name] == expected
    page = BeautifulSoup((report / "01_pruning.html").read_text(encoding="utf-8"), "html.parser")
    assert [a["href"] for a in page.select("main a[href^=explorable]")] == expected


def test_only_some_notebooks_beside_an_earlier_run(project, capsys):
    assert main(["run", "tiny", "--only", "02", "--out", "here"]) == 0
    write_notebook(project.folder, "02_recovery", "print(seeds, 'again')")
    assert main(["run", "params/tiny.yaml", "--only", "03", "pruning", "--out", "here"]) == 0
    index = BeautifulSoup((project.folder / "here" / "index.html").read_text(encoding="utf-8"), "html.parser")
    items = [item.get_text(" ", strip=True) for item in index.select(".books li.ok")]
    assert [item.split(" ok")[0] for item in items] == [
        "About pruning",
        "About recovery",
        "About graph_structured_rnns",
    ]
    assert len(index.select(".books li.missing")) == 2
    assert "from an earlier run with the same parameters" in items[1]
    # With other parameters the earlier page is none of this report's.
    assert main(["run", "tiny", "--only", "03", "-p", "seeds=5", "--out", "here"]) == 0
    index = BeautifulSoup((project.folder / "here" / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert len(index.select(".books li.ok")) == 1


def test_a_failure_is_named_and_the_others_run(project, capsys):
    write_notebook(project.folder, "01_pruning", "raise RuntimeError('out of luck')")
    report = project.folder / "reports" / "tiny"
    report.mkdir(parents=True)
    (report / "01_pruning.html").write_text("an older page")
    assert main(["run", "tiny", "--only", "01", "02"]) == 1
    said = capsys.readouterr()
    assert "01_pruning.ipynb: cell 3: RuntimeError: out of luck" in said.err
    assert files(report) == [
        "01_pruning.failed.ipynb",
        "02_recovery.html",
        "02_recovery.ipynb",
        "index.html",
        "standards.html",
        "summary.json",
    ]
    index = BeautifulSoup((report / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert "out of luck" in index.select_one(".warning").get_text()
    assert [a["href"] for a in index.select(".books > li > div > a")] == ["02_recovery.html"]


def test_units_that_fail_keep_their_notebook_from_running(project, capsys, monkeypatch):
    def run(units, store, **options):
        raise execution.ExecutionError("1 of 2 units failed\n  base lstm: ValueError: no")

    assert main(["run", "tiny", "--only", "00"]) == 0
    monkeypatch.setattr(studies, "units", lambda parameters, stem: [UNIT])
    monkeypatch.setattr(execution, "run", run)
    assert main(["run", "tiny", "--only", "00"]) == 1
    assert "00_task: 1 of 2 units failed base lstm: ValueError: no" in capsys.readouterr().err
    assert files(project.folder / "reports") == [
        "tiny/index.html",
        "tiny/standards.html",
        "tiny/summary.json",
    ]  # without the page of the run before


def test_a_notebook_is_tried_when_its_units_are_there_after_all(project, capsys, monkeypatch):
    """Such as one whose worker was killed, which the next notebook has had computed."""

    def run(units, store, *, report, **options):
        if report.at_work == "01_pruning":  # it comes first
            raise execution.ExecutionError("1 of 1 units failed")
        store.write(UNIT, {})

    monkeypatch.setattr(studies, "units", lambda parameters, stem: [UNIT])
    monkeypatch.setattr(execution, "run", run)
    assert main(["run", "tiny", "--only", "00", "--only", "01"]) == 0
    assert {"tiny/00_task.html", "tiny/01_pruning.html"} < set(files(project.folder / "reports"))
    assert "Failed:" not in capsys.readouterr().err


def test_an_index_that_cannot_be_written_is_a_failure(project, capsys):
    project.tables["pruning"] = pd.DataFrame({"nothing": [1]})
    assert main(["run", "tiny", "--only", "00"]) == 1
    said = capsys.readouterr()
    assert "index: " in said.err
    assert "Report:" not in said.out


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ([[], []], "no cells tagged 'parameters'"),
        ([["parameters"], ["parameters"]], "2 cells tagged 'parameters'"),
    ],
)
def test_a_lost_or_doubled_tag_is_known_before_anything_runs(project, capsys, tags, said):
    cells = [new_code_cell(f"seeds = {k}", metadata={"tags": own}) for k, own in enumerate(tags)]
    nbformat.write(new_notebook(cells=cells), project.folder / "notebooks" / "01_pruning.ipynb")
    before = files(project.folder)
    assert main(["run", "tiny", "--only", "00", "01"]) == 2
    assert capsys.readouterr().err == f"sparsekit: 01_pruning.ipynb: {said}; tag the one that assigns them\n"
    assert files(project.folder) == before


def test_a_parameters_cell_that_is_no_python_is_named(project, capsys):
    write_notebook(project.folder, "00_task")
    path = project.folder / "notebooks" / "00_task.ipynb"
    path.write_text(path.read_text().replace("seeds = 1", "seeds = "))
    assert main(["run", "tiny", "--only", "00"]) == 2
    assert "00_task.ipynb: line 1 of the parameters cell is not Python" in capsys.readouterr().err
    path.write_text("not JSON")
    assert main(["run", "tiny", "--only", "00"]) == 2
    assert "00_task.ipynb: not a notebook" in capsys.readouterr().err


def test_a_copied_notebook_and_ones_own_run_where_they_are_named(project, capsys):
    for stem in ("01_pruning-Copy1", "06_mine", "scratch"):
        write_notebook(project.folder, stem)
    (project.folder / "notebooks" / "07_draft.ipynb").write_text("not JSON")
    assert main(["run", "tiny", "--only", "01", "--out", "here"]) == 0
    assert files(project.folder / "here") == [
        "01_pruning.html",
        "01_pruning.ipynb",
        "index.html",
        "standards.html",
        "summary.json",
    ]
    assert main(["run", "tiny"]) == 0
    assert {name.partition(".")[0] for name in files(project.folder / "reports" / "tiny")} == {
        *STEMS,
        "index",
        "standards",
        "summary",
    }
    assert main(["run", "tiny", "--only", "01_pruning-Copy1", "06", "scratch", "--out", "own"]) == 0
    own = {name.partition(".")[0] for name in files(project.folder / "own")}
    assert own == {"01_pruning-Copy1", "06_mine", "scratch", "index", "standards", "summary"}


def test_a_report_says_how_to_make_it_again(project):
    (project.folder / "elsewhere").mkdir()
    (project.folder / "elsewhere" / "my own.yaml").write_text("seeds: 2\n")
    for given, again in (("params/tiny.yaml", "tiny"), ("elsewhere/my own.yaml", "'elsewhere/my own.yaml'")):
        assert main(["run", given, "--only", "00", "-p", "layers=2", "--out", "here"]) == 0
        index = BeautifulSoup((project.folder / "here" / "index.html").read_text(encoding="utf-8"), "html.parser")
        assert index.select_one("#again + pre, #again ~ pre").string == (
            f"sparsekit run {again} --only 00_task -p layers=2"
        )


def test_a_report_states_the_sizes_that_were_used(project):
    assert main(["run", "tiny", "--only", "00", "-p", "train_size=256"]) == 0
    index = BeautifulSoup((project.folder / "reports/tiny/index.html").read_text(encoding="utf-8"), "html.parser")
    assert "training strings 53 of 18,750; test strings 27 of 6,250" in index.get_text()


def test_a_file_that_changes_during_a_run_fails_its_notebooks(project, capsys, monkeypatch):
    (project.folder / "mine.csv").write_text("string,valid\nA,0\n")

    def run(units, store, **options):
        (project.folder / "mine.csv").write_text("string,valid\nA,1\n")

    monkeypatch.setattr(execution, "run", run)
    assert main(["run", "tiny", "--only", "00", "-p", "task=csv", "-p", "csv_path=mine.csv"]) == 1
    assert "mine.csv: the file has changed since the run began" in capsys.readouterr().err
    assert not files(project.folder / "reports")


def test_interrupted(project, capsys, monkeypatch):
    def run(units, store, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "run", run)
    assert main(["run", "tiny"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_terminal_ends_with_the_answers_that_were_asked_for(project, capsys):
    path = project.folder / "notebooks" / "02_recovery.ipynb"
    notebook = nbformat.read(path, as_version=4)
    source = "import pandas as pd\nfrom sparsekit.reports.answer import Answer\n"
    source += "Answer('RQ3', f'Within {seeds} < 3 epochs.', 'shown', '3 seeds', pd.DataFrame())"
    notebook.cells.append(new_code_cell(source, metadata={"tags": ["RQ3"]}))
    nbformat.write(notebook, path)
    report = project.folder / "reports" / "tiny"
    assert main(["run", "tiny", "--only", "02"]) == 0
    assert capsys.readouterr().out == f"RQ3  Within 2 < 3 epochs.\n\nReport: {report / 'index.html'}\n"
    # What an earlier run answered is on the page, and was not asked now.
    assert main(["run", "tiny", "--only", "00"]) == 0
    assert capsys.readouterr().out == f"\nReport: {report / 'index.html'}\n"
    index = BeautifulSoup((report / "index.html").read_text(encoding="utf-8"), "html.parser")
    told = [card.select_one(".sentence").get_text() for card in index.select(".answer-card")]
    assert told == [*["Not run in this report."] * 2, "Within 2 < 3 epochs.", *["Not run in this report."] * 2]


def test_what_is_timed_is_computed_before_anything_else_runs(project, monkeypatch):
    timed = inference.InferenceCost("here", "gru", (8,), (0.5,), 1, 1, 0)
    other = inference.InferenceCost("here", "gru", (16,), (0.5,), 1, 1, 0)
    object.__setattr__(other, "timed", False)
    monkeypatch.setattr(studies, "units", lambda parameters, stem: [other, timed] if stem[:2] == "01" else [other])
    runs = []
    monkeypatch.setattr(execution, "run", lambda units, store, **options: runs.append(units))
    assert main(["run", "tiny"]) == 0
    assert runs == [[timed], [other], [other], [other], [other, timed], [other]]


def test_interrupted_while_notebooks_are_executed(project, capsys, monkeypatch):
    """Their kernels end at once, nothing half-done is left, and what an earlier run has written stays."""
    assert main(["run", "tiny", "--only", "03", "04"]) == 0
    before = {name: (project.folder / "reports" / name).read_bytes() for name in files(project.folder / "reports")}
    capsys.readouterr()
    write_notebook(project.folder, "04_correlation_analysis", "import time; open('began', 'w'); time.sleep(600)")

    def run(units, store, *, report, **options):
        if report.at_work == "03_graph_structured_rnns":
            until((project.folder / "began").exists, "the notebook to begin")
            raise KeyboardInterrupt

    monkeypatch.setattr(execution, "run", run)
    assert main(["run", "tiny", "--only", "03", "04"]) == 130
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and "ThreadPoolExecutor" in thread.name:
            thread.join(30)
            assert not thread.is_alive()
    left = {name: (project.folder / "reports" / name).read_bytes() for name in files(project.folder / "reports")}
    left.pop("tiny/04_correlation_analysis.failed.ipynb", None)
    assert left == before
    (line,) = filter(None, capsys.readouterr().err.splitlines())
    assert "interrupted; what was computed is kept" in line


@dataclass(frozen=True)
class Ended(Unit):
    """Its process is told to end while it is computed."""

    kind: ClassVar[str] = "ended"
    number: int

    def result(self, store, device):
        os.kill(os.getpid(), self.number)
        time.sleep(60)


REAL = execution.run


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("command", ["run", "verify"])
def test_being_told_to_end_is_as_interrupted(project, capsys, monkeypatch, number, status, command):
    unit = Ended(number)
    monkeypatch.setattr(execution, "run", REAL)
    monkeypatch.setattr(studies, "units", lambda parameters, stem: [unit])
    if command == "verify":
        records.default_store().write(unit, {"x": 1})
    outer = signal.signal(number, signal.default_int_handler)  # a shell's background process ignores Ctrl-C
    try:
        assert main([command, "tiny", "--only", "00", "--workers", "1"]) == status
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, outer)
    assert capsys.readouterr().err.count("interrupted") == 1


def test_list(project, capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "tiny         A set for tests" in out
    assert "01_pruning                 About pruning" in out
    assert "  seeds = 3\n" in out
    assert "  percentages = [50, 70, 80, 90]\n" in out
    assert "whole number of at least 1" in out


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lists_and_help_fit_the_terminal(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["list"]) == 0
    for command in ([], ["run"], ["status"], ["verify"], ["compare"], ["clean"], ["list"]):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= max(width, 80)
    assert sum(line.startswith("usage: sparsekit ") for line in said) == 7


def test_names_are_completed_in_a_shell(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--print-completion", "bash"])
    script = capsys.readouterr().out
    checked = 'COMP_WORDS=(sparsekit ver); COMP_CWORD=1; _shtab_sparsekit; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", f"{script}\n{checked}"], capture_output=True, text=True, timeout=600)
    assert done.stdout.strip() == "verify", done.stderr


def test_list_shows_notebooks_of_ones_own_and_harms_none(project, capsys):
    write_notebook(project.folder, "06_mine")
    (project.folder / "notebooks" / "00_draft.ipynb").write_text("not JSON")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("04_correlation_analysis") < shown.index("00_draft") < shown.index("About mine")


@pytest.mark.parametrize("variable", ["PYTHONIOENCODING", "LC_ALL"])
def test_a_terminal_of_ascii_gets_question_marks(variable):
    environment = os.environ | {variable: "ascii" if variable == "PYTHONIOENCODING" else "C", "PYTHONUTF8": "0"}
    environment["PYTHONCOERCECLOCALE"] = "0"
    command = [sys.executable, "-m", "sparsekit", "list"]
    process = subprocess.run(command, capture_output=True, env=environment, check=True, timeout=600)
    assert b"learning_rate" in process.stdout
    assert process.stdout.isascii()
    assert not process.stderr


def test_a_tilde_is_the_home_folder(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project.folder / "me"))
    assert main(["run", "tiny", "--only", "00", "--out=~/rep"]) == 0
    assert "index.html" in files(project.folder / "me" / "rep")
    assert main(["run", "tiny", "--only", "00", "--out=~nobody-here/rep"]) == 0
    assert "index.html" in files(project.folder / "~nobody-here" / "rep")


def test_records_that_cannot_be_written_are_known_at_once(project, capsys, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(project.folder / "params" / "tiny.yaml" / "runs"))
    assert main(["run", "tiny", "--only", "00"]) == 0  # nothing is to be computed
    unit = inference.InferenceCost("here", "gru", (8,), (0.5,), 1, 1, 0)
    monkeypatch.setattr(studies, "units", lambda parameters, stem: [unit])
    project.runs.clear()
    assert main(["run", "tiny", "--only", "00", "--out", "new"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "cannot write records to" in said
    assert not project.runs
    assert not (project.folder / "new").exists()


def test_a_working_folder_that_is_gone_is_one_line(tmp_path):
    code = "import os, sys; os.rmdir(os.getcwd()); from sparsekit.cli import main; sys.exit(main(['list']))"
    (tmp_path / "gone").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(sparsekit.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "gone", env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (2, "sparsekit: the working folder is gone; go to another\n")


def test_a_closed_pipe_is_no_error_of_ours(project):
    command = [sys.executable, "-m", "sparsekit", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sparsekit {sparsekit.__version__}\n"


def test_a_page_made_with_other_code_of_ones_own_is_no_page_of_this_report(project):
    mine = project.folder / "mine.py"
    mine.write_text("from sparsekit.pruning.scores import SCORES\nSCORES.register(lambda *a: {}, name='mine')\n")

    def pages(*options):
        command = [sys.executable, "-c", PAGES, *options]
        env = os.environ | {"PYTHONPATH": str(Path(sparsekit.__file__).parents[1])}
        subprocess.run(command, check=True, capture_output=True, env=env, cwd=project.folder, timeout=600)
        index = BeautifulSoup((project.folder / "here" / "index.html").read_text(encoding="utf-8"), "html.parser")
        return len(index.select(".books li.ok"))

    assert pages("--only", "02", "--module", "mine.py") == 1
    assert pages("--only", "03", "--module", "mine.py") == 2
    mine.write_text(mine.read_text().replace("{}", "{1: 2}"))
    assert pages("--only", "03", "--module", "mine.py") == 1


PAGES = """
import sys
from types import SimpleNamespace
from sparsekit.cli import main
from sparsekit.experiments import execution, studies
from sparsekit.reports import batch
studies.task = lambda parameters: SimpleNamespace(train=range(53), test=range(27))
studies.units = lambda parameters, stem: []
execution.run = lambda *units, **options: None
batch._tables = lambda parameters, units: dict.fromkeys(batch.TABLES)
sys.exit(main(["run", "tiny", "--out", "here", *sys.argv[1:]]))
"""


def test_records_are_told_of_verified_and_cleaned(project, capsys, monkeypatch):
    monkeypatch.undo()  # with the real execution
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("SPARSEKIT_RUNS", str(project.folder / "runs"))
    unit = Baselines(Strings("reber", 60, 20))
    monkeypatch.setattr(studies, "units", lambda parameters, stem: [unit])
    assert main(["status", "tiny", "--only", "00"]) == 0
    assert "0 done, 1 to compute" in capsys.readouterr().out
    assert main(["verify", "tiny", "--only", "00"]) == 2
    assert "no record" in capsys.readouterr().err
    store = records.default_store()
    execution.run([unit], store, workers=1, report=lambda state: None)
    assert main(["status", "tiny", "--only", "00"]) == 0
    assert "1 done, 0 to compute" in capsys.readouterr().out
    assert main(["verify", "tiny", "--only", "00", "--workers", "1"]) == 0
    assert "1 records computed again: 1 hold, 0 do not" in capsys.readouterr().out
    store.file(unit).write_text("{}")
    assert main(["verify", "tiny", "--only", "00", "--workers", "1"]) == 1
    assert main(["status", "runs"]) == 0
    assert "1 broken" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="is no record"):
        assert not store.has(unit)
    assert main(["clean"]) == 0
    assert "sparsekit clean --yes" in capsys.readouterr().out
    assert main(["clean", "--yes"]) == 0
    assert main(["clean"]) == 0
    assert "Nothing is left over" in capsys.readouterr().out


def test_a_cluster_that_is_not_there_is_known_at_once(project, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER", 1)
    monkeypatch.setenv("SPARSEKIT_CLUSTER", "")  # and as it was after the test
    assert main(["run", "tiny", "--cluster", "tcp://127.0.0.1:1", "--out", "new"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("sparsekit: cluster tcp://127.0.0.1:1: no scheduler answers there")
    assert not project.runs
