"""A whole run: every notebook's units, the notebook executed and rendered, and the index that leads to all of them."""

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import loky
import nbformat
import pandas as pd

from sparsekit import __version__
from sparsekit.experiments import execution, pruning, records, structure, studies
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.progress import Progress, duration
from sparsekit.experiments.project import ordered, title
from sparsekit.reports import html as reports
from sparsekit.reports import scorecard
from sparsekit.reports.answers import QUESTIONS
from sparsekit.reports.html import Page

# Which notebook's units each table of the scorecard needs.
TABLES = {
    "base": ("00_task", pruning.base),
    "pruning": ("01_pruning", pruning.pruning),
    "recovery": ("02_recovery", pruning.recovery),
    "structure": ("03_graph_structured_rnns", structure.structure),
}
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "networkx", "pandas")


class NotebookProgress(Progress):
    """Progress on a terminal or in a log, each line with the notebook it belongs to."""

    def __init__(self, prefix: str):
        super().__init__()
        self.prefix = prefix

    def _update(self, line: str) -> None:
        line = f"{self.prefix} {line}"
        super()._update(line[: shutil.get_terminal_size().columns - 1] if sys.stderr.isatty() else line)

    def _end(self, line: str) -> None:
        super()._end(f"{self.prefix} {line}")


@dataclass
class Batch:
    """What a run has done so far.

    Attributes
    ----------
    pages : list of Page
        The notebooks, in order, with the time each took or why it failed.
    failures : list of str
        One text for each thing that went wrong.
    answers : dict
        The short answers, once the index is written.
    computed, reused : set of str
        Keys of the units whose records were computed in this run, and were there before.
    """

    pages: list[Page] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    computed: set[str] = field(default_factory=set)
    reused: set[str] = field(default_factory=set)


def run(
    parameters: Parameters, name: str, notebooks: Path, stems: Sequence[str], out: Path, overrides: Sequence[str] = ()
) -> Batch:
    """Compute, execute, render and index.

    A notebook that fails does not keep the others from running. It gets no page, and the index says so. Notebooks are
    executed beside the units of those that are still to come, as many at once as there are workers.

    Parameters
    ----------
    parameters : Parameters
        Checked.
    name : str
        The parameter set's name.
    notebooks, out : Path
        The folder of notebooks, and the one that the report goes to.
    stems : sequence of str
        Names of the notebooks to run, in order.
    overrides : sequence of str
        ``name=value`` as given beside the set, for the provenance.
    """
    start, batch = time.monotonic(), Batch()
    given = parameters.model_dump()
    kernels = ThreadPoolExecutor(parameters.workers or loky.cpu_count())
    pages = []
    try:
        # The last first: the units of the last are timed, and nothing else runs yet; the one before analyses longest,
        # and others compute meanwhile.
        for k, stem in enumerate(reversed(stems), 1):
            progress, begun = NotebookProgress(f"[{k}/{len(stems)}] {stem}:"), time.monotonic()
            problem = _attempt(batch, stem, _compute, parameters, stem, progress, batch)
            spent = time.monotonic() - begun
            notebook = notebooks / f"{stem}.ipynb"
            pages.append(kernels.submit(_execute, batch, notebook, out, given, progress.prefix, problem, spent))
        card = kernels.submit(_card, parameters)
        executed = [page.result() for page in pages]
        kernels.shutdown()
    except BaseException:
        kernels.shutdown(wait=False, cancel_futures=True)
        reports.stop()
        raise
    batch.pages = sorted(executed + _earlier(given, notebooks, stems, out), key=lambda page: page.stem)
    _render(batch, out)
    _attempt(batch, "index", _index, batch, parameters, name, out, card, start, overrides)
    return batch


def _compute(parameters: Parameters, stem: str, progress: NotebookProgress, batch: Batch) -> None:
    units = studies.units(parameters, stem)
    store = records.default_store()
    before = {key(unit) for unit in units if store.has(unit)}
    batch.reused |= before - batch.computed
    timed = [unit for unit in units if getattr(unit, "timed", False)]
    for part in (timed, units) if timed else (units,):
        execution.run(part, store, workers=parameters.workers, device=parameters.device, report=progress)
    batch.computed |= {key(unit) for unit in units} - before


def _execute(batch: Batch, notebook: Path, out: Path, given: dict, prefix: str, problem: str, spent: float) -> Page:
    start, stem = time.monotonic(), notebook.stem
    (out / f"{stem}.failed.ipynb").unlink(missing_ok=True)
    if not problem:
        _say(f"{prefix} executing the notebook")
        problem = _attempt(batch, stem, reports.execute, notebook, out / notebook.name, given)
    if problem:
        for stale in (out / f"{stem}.html", out / f"{stem}.ipynb"):
            stale.unlink(missing_ok=True)
        return Page(stem, title(notebook), error=problem.removeprefix(f"{stem}: "))
    return Page(stem, title(notebook), spent + time.monotonic() - start)


def _index(
    batch: Batch,
    parameters: Parameters,
    name: str,
    out: Path,
    card: Future[pd.DataFrame],
    start: float,
    overrides: Sequence[str],
) -> None:
    found = {}
    for page in batch.pages:
        if not page.error:
            found |= reports.answered(out / f"{page.stem}.ipynb")
    batch.answers = {question: found.get(question, "Not run.") for question in QUESTIONS}
    reports.index(
        out / "index.html",
        name=name,
        parameters=parameters,
        answers=batch.answers,
        card=card.result(),
        pages=batch.pages,
        provenance=_provenance(parameters, batch, time.monotonic() - start, overrides),
    )


def _earlier(given: dict, notebooks: Path, stems: Sequence[str], out: Path) -> list[Page]:
    """Pages that an earlier run left in the same folder, of notebooks not run now but with the same parameters."""
    found = []
    for notebook in ordered(notebooks):
        executed = out / notebook.name
        if notebook.stem in stems or not executed.exists():
            continue
        used = nbformat.read(executed, as_version=4).metadata.get("papermill", {}).get("parameters")
        if used == {name: given[name] for name in reports.declared(notebook) if name in given}:
            found.append(Page(notebook.stem, title(notebook), earlier=True))
    return found


def _render(batch: Batch, out: Path) -> None:
    shown = [page for page in batch.pages if not page.error]
    for previous, page, following in zip([None, *shown], shown, [*shown[1:], None], strict=False):
        source, target = (out / f"{page.stem}.{ending}" for ending in ("ipynb", "html"))
        _attempt(batch, target.name, reports.render, source, target, previous, following)


def _card(parameters: Parameters) -> pd.DataFrame:
    return scorecard.scorecard(parameters, **_tables(parameters))


def _tables(parameters: Parameters) -> dict[str, pd.DataFrame | None]:
    """The tables whose every record is there; None for those that would have to be computed first."""
    store, tables = records.default_store(), {}
    for name, (stem, table) in TABLES.items():
        complete = all(store.has(unit) for unit in studies.units(parameters, stem))
        tables[name] = table(parameters) if complete else None
    return tables


def _provenance(parameters: Parameters, batch: Batch, seconds: float, overrides: Sequence[str]) -> dict[str, object]:
    return {
        "sparsekit": __version__,
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"networks on {execution.resolve_device(parameters.device)}",
        "finished": datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        "took": duration(seconds),
        "records": f"{len(batch.computed)} computed, {len(batch.reused)} reused",
        "changed on the command line": ", ".join(overrides) or "nothing",
    }


def _attempt(batch: Batch, what: str, work: Callable, *arguments: object) -> str:
    """Do one part; any failure is noted and returned, and does not keep others from being done."""
    try:
        work(*arguments)
    except Exception as error:
        text = " ".join(str(error).split())
        if not type(error).__module__.startswith("sparsekit."):
            text = f"{type(error).__name__}: {text}"  # written for no reader, and often no sentence
        text = text if text.startswith(what) else f"{what}: {text}"
        batch.failures.append(text)
        _say(text)
        return text
    return ""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
