"""A whole run: every notebook's units, the notebook executed and rendered, and the index that leads to all of them."""

import os
import platform
import shlex
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import loky
import nbformat
import pandas as pd

from sparsekit import __version__
from sparsekit.experiments import execution, provenance, pruning, records, structure, studies
from sparsekit.experiments.jobs import Schedule
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.progress import Progress, duration
from sparsekit.experiments.project import NOTEBOOKS, NotebookError, ParameterError, ordered, title
from sparsekit.networks import processor
from sparsekit.registry import own_code
from sparsekit.reports import explorable, html, index, scorecard, standards
from sparsekit.reports.answer import QUESTIONS, Answer
from sparsekit.reports.html import Page
from sparsekit.tasks import labelled_csv

# Which notebook's units each table of the scorecard needs.
TABLES = {
    "base": ("00_task", pruning.base),
    "pruning": ("01_pruning", pruning.pruning),
    "recovery": ("02_recovery", pruning.recovery),
    "structure": ("03_graph_structured_rnns", structure.structure),
}
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "networkx", "pandas")


@dataclass
class Batch:
    """What a run is asked for, and what it has done so far."""

    parameters: Parameters
    name: str  # the parameter set's
    out: Path
    asked: Sequence[str] = ()  # what the command line said: the set, and what was given beside it
    start: float = field(default_factory=time.monotonic)
    pages: list[Page] = field(default_factory=list)  # the notebooks, in order
    glossary: list[Page] = field(default_factory=list)  # the page of the field's words, where there is one
    failures: list[str] = field(default_factory=list)  # one text for each thing that went wrong
    answers: dict[str, Answer] = field(default_factory=dict)  # of the notebooks that this run executed
    interrupted: bool = False
    schedule: Schedule | None = None  # what was there before and what was missing, the required too
    progress: Progress = field(default_factory=Progress)
    inputs: dict[str, str] = field(init=False)  # digests of the user's files

    def __post_init__(self):
        given = self.parameters
        files = filter(None, [given.csv_path, given.structure_table, *given.graph_files])
        self.inputs = {file: labelled_csv.digest(file) for file in files}

    def check_inputs(self) -> None:
        """Compare the user's files with what they were when the run began.

        Raises
        ------
        ReportError
            Where one of them has changed.
        """
        for file, content in self.inputs.items():
            if labelled_csv.digest(file) != content:
                raise html.ReportError(f"{file}: the file has changed since the run began; run it again")


def run(
    parameters: Parameters, name: str, notebooks: Path, units: Mapping[str, list], out: Path, asked: Sequence[str]
) -> Batch:
    """Compute, execute, render and index.

    Units that are timed are computed first, while nothing else runs. Notebooks are executed beside the units of those
    that are still to come, as many at once as there are workers. A notebook that fails does not keep the others from
    running. It gets no page, and the index says so. Where units of a notebook failed, it is executed in the end if they
    are there by then, which other notebooks may have tried again. Pages of earlier runs stay until the index leads to
    them no more.

    `units` are those that each notebook to run reads, by its name and in order; `asked` is what follows
    ``sparsekit run`` to ask for the same again: the parameter set, and options.
    """
    batch = Batch(parameters, name, out.absolute(), asked)  # papermill keeps one working folder for all its threads
    # Later notebooks analyse longer, so they come first: the units of the others are computed meanwhile.
    timed = {stem: [unit for unit in units[stem] if getattr(unit, "timed", False)] for stem in reversed(units)}
    parts = [(stem, part) for stem, part in timed.items() if part] + [(stem, units[stem]) for stem in timed]
    problems, spent = defaultdict(str), defaultdict(float)
    workers = parameters.workers or loky.cpu_count()
    batch.schedule = Schedule(chain(*units.values()), records.default_store(), workers)
    kernels, pages, failed = ThreadPoolExecutor(workers), [], []
    with Progress(batch.schedule.state(), notebooks=len(units)) as batch.progress:
        try:
            for stem, part in parts:
                begun, report = time.monotonic(), batch.progress.part(stem)
                problems[stem] = problems[stem] or _attempt(batch, stem, _compute, batch, part, report)
                spent[stem] += time.monotonic() - begun
                if part is units[stem] and problems[stem]:
                    failed.append(stem)
                elif part is units[stem]:
                    pages.append(kernels.submit(_execute, batch, notebooks / f"{stem}.ipynb", "", spent[stem]))
            for stem in failed:
                problem = _still(batch, problems[stem], units[stem])
                pages.append(kernels.submit(_execute, batch, notebooks / f"{stem}.ipynb", problem, spent[stem]))
            card = kernels.submit(lambda: scorecard.scorecard(parameters, **_tables(parameters, units)))
            executed = [page.result() for page in pages]
            kernels.shutdown()
        except BaseException:
            batch.interrupted = True
            kernels.shutdown(wait=False, cancel_futures=True)
            html.stop()
            raise
        batch.pages = sorted(executed + _earlier(batch, notebooks, units), key=lambda page: page.stem)
        if (glossary := notebooks / "glossary.md").exists():  # which a user's own folder of notebooks need not have
            batch.glossary = [html.GLOSSARY]
        around = batch.pages + batch.glossary
        _attempt(batch, "explorable pages", explorable.write, parameters, batch.out, around)
        if batch.glossary:
            _attempt(batch, "glossary", html.render, glossary, batch.out / "glossary.html", around)
        for target in (batch.out / f"{page.stem}.html" for page in batch.pages if not page.error):
            _attempt(batch, target.name, html.render, target.with_suffix(".ipynb"), target, around)
        problem = _attempt(batch, "index", _index, batch, card, notebooks, units)
    for stale in (page.stem for page in batch.pages if page.error):
        (batch.out / f"{stale}.ipynb").unlink(missing_ok=True)
        if not problem:  # else the earlier index leads to it still
            (batch.out / f"{stale}.html").unlink(missing_ok=True)
    return batch


def _still(batch: Batch, problem: str, units: Sequence) -> str:
    """The problem with a notebook's units, or nothing if all of them are there meanwhile."""
    if not all(records.default_store().has(unit) for unit in units):
        return problem
    batch.failures.remove(problem)
    return ""


def _compute(batch: Batch, units: Sequence, report: Progress) -> None:
    p = batch.parameters
    execution.run(units, records.default_store(), workers=p.workers, device=p.device, report=report)


def _execute(batch: Batch, notebook: Path, problem: str, spent: float) -> Page:
    start, stem, out = time.monotonic(), notebook.stem, batch.out
    (out / f"{stem}.failed.ipynb").unlink(missing_ok=True)
    if not problem:
        asked = (notebook, out / notebook.name, batch.parameters.model_dump())
        batch.progress.executing(stem)
        problem = _attempt(batch, stem, html.execute, *asked) or _attempt(batch, stem, batch.check_inputs)
    if not batch.interrupted:
        batch.progress.executed_one(stem, time.monotonic() - start, failed=bool(problem))
    if problem:
        return Page(stem, title(notebook), error=problem.removeprefix(f"{stem}: "))
    return Page(stem, title(notebook), spent + time.monotonic() - start)


def _index(batch: Batch, card: Future[pd.DataFrame], notebooks: Path, units: Mapping[str, Sequence]) -> None:
    found = {}
    for page in batch.pages:
        if not page.error:
            own = html.answered(batch.out / f"{page.stem}.ipynb")
            found = own | found  # a copy's answer is not the original's
            batch.answers |= {} if page.earlier else {q: a for q, a in own.items() if q not in batch.answers}
    batch.check_inputs()
    batch.answers = {question: batch.answers[question] for question in QUESTIONS if question in batch.answers}
    standards.write(batch.parameters, batch.out, batch.pages + batch.glossary)
    told = {page.stem for page in batch.pages}
    made = provenance.made_by(chain(*units.values()), records.default_store())
    report = index.Report(
        name=batch.name,
        parameters=batch.parameters,
        answers={question: found[question] for question in QUESTIONS if question in found},
        card=card.result(),
        pages=batch.pages,
        glossary=batch.glossary,
        explorable=explorable.links(batch.parameters, batch.out),
        missing={path.stem: title(path) for path in ordered(notebooks) if path.stem not in told},
        cost=_cost(batch, made),
        provenance=_provenance(batch, made),
        command=_command(batch),
        version=__version__,
    )
    index.write(batch.out, report)


def _earlier(batch: Batch, notebooks: Path, stems: Mapping[str, Sequence]) -> list[Page]:
    """Pages that an earlier run left in the same folder, of notebooks not run now, by equal parameters and own code."""
    found = []
    for notebook in ordered(notebooks):
        executed = batch.out / notebook.name
        if notebook.stem not in stems and executed.exists():
            made = nbformat.read(executed, as_version=4).metadata
            used, own = made.get("papermill", {}).get("parameters"), made.get("sparsekit", {}).get("own", "")
            with suppress(NotebookError):
                if own == own_code() and used == html.given(notebook, batch.parameters.model_dump()):
                    found.append(Page(notebook.stem, title(notebook), earlier=True))
    return found


def _tables(parameters: Parameters, units: Mapping[str, Sequence]) -> dict[str, pd.DataFrame | None]:
    """The tables whose every record is there; None for those that would have to be computed first."""
    store, tables = records.default_store(), {}
    for name, (stem, table) in TABLES.items():
        tables[name] = None
        with suppress(ParameterError):  # those of a notebook that is not run need not fit
            needed = units[stem] if stem in units else studies.units(parameters, stem)
            if all(store.has(unit) for unit in needed):
                tables[name] = table(parameters)
    return tables


def _cost(batch: Batch, made: pd.DataFrame) -> dict[str, str]:
    """What the run took, and what its records took to compute, whenever that was."""
    computed = sum(map(records.default_store().has, batch.schedule.missing.values()))
    return {
        "this run": duration(time.monotonic() - batch.start),
        "records": f"{computed:,} computed now, {batch.schedule.reused:,} there before",
        "work in them": f"{duration(made['seconds'].sum())} of one worker",
        "workers": str(batch.parameters.workers or loky.cpu_count()),
    }


def _provenance(batch: Batch, made: pd.DataFrame) -> dict[str, str]:
    device, cluster = batch.parameters.device, os.environ.get(execution.CLUSTER)
    device = f"{device} of the workers of {cluster}" if cluster else execution.resolve_device(device)
    found = {"code": f"sparsekit {__version__}{_commit()}", "Python": platform.python_version()}
    found["libraries"] = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    found["machine"] = f"{platform.system()} {platform.machine()}, {processor.kind()}, {os.cpu_count()} cores"
    found["networks on"] = f"{device}, one thread a worker"
    if len(made):
        found["records of"] = " to ".join(dict.fromkeys([made["first"].min(), made["last"].max()]))
        found["made by"] = "; ".join(line.strip() for line in provenance.told(made))
    for file, content in batch.inputs.items():
        found[file] = f"SHA-256 {content}"
    found["finished"] = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    return found


def _commit() -> str:
    """The commit of a clone that the kit is run from, and whether its files differ from it; nothing elsewhere."""

    def git(*asked: str) -> str:
        told = subprocess.run(["git", "-C", folder, *asked], capture_output=True, text=True, timeout=20, check=True)
        return told.stdout.strip()

    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        changed = ", with changed files" if git("status", "--porcelain", "--untracked-files=no") else ""
        return f", commit {git('rev-parse', '--short', 'HEAD')}{changed}"
    return ""


def _command(batch: Batch) -> str:
    """What makes the report again, from a clone."""
    ran = [page.stem for page in batch.pages if not page.earlier]
    only = [] if {*NOTEBOOKS} <= {*ran} else ["--only", *ran]
    return shlex.join(["sparsekit", "run", batch.asked[0], *only, *batch.asked[1:]])


def _attempt(batch: Batch, what: str, work: Callable, *arguments: object) -> str:
    """Do one part; any failure is noted and returned, and does not keep others from being done."""
    try:
        work(*arguments)
    except Exception as error:
        text = " ".join(str(error).split())
        if not type(error).__module__.startswith("sparsekit."):
            text = f"{type(error).__name__}: {text}"  # written for no reader, and often no sentence
        text = text if text.startswith(what) else f"{what}: {text}"
        if not batch.interrupted:  # by which it failed, otherwise
            batch.failures.append(text)
            batch.progress.note(text)
        return text
    return ""
