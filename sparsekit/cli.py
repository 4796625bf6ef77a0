"""The command line: ``sparsekit run``, ``list`` and others; ``python -m sparsekit`` is the same."""

import argparse
import gc
import os
import signal
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import shtab

from sparsekit import __version__, registry
from sparsekit.experiments import extensions, listing, project
from sparsekit.experiments.parameters import Parameters, file_value
from sparsekit.experiments.project import NotebookError, ParameterError
from sparsekit.experiments.shipped import ENDING, FOLDER, ShippedError

if TYPE_CHECKING:
    from sparsekit.experiments import records

# What computes is imported where it is needed: a slip in a parameter's name is answered before torch is loaded.


EXAMPLES = """\
Study sparsity in recurrent neural networks: notebooks over parameter sets.

  sparsekit run quick                          all notebooks, small; a report
  sparsekit run quick --only 01 -p seeds=4     one of them, with four seeds
  sparsekit run thesis --plan                  how much that is to compute
  sparsekit list                               sets, notebooks, parameters
  eval "$(sparsekit --print-completion bash)"  the Tab key completes names"""


class UsageError(ValueError):
    """What was asked for cannot be run; its text is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0 done, 1 something failed, 2 bad input, 130 or 143 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII only gets question marks
    options = _parser().parse_args(arguments)
    try:
        os.getcwd()
    except FileNotFoundError:
        print("sparsekit: the working folder is gone; go to another", file=sys.stderr)
        return 2
    try:
        with _signals():
            return options.command(options)
    except (ParameterError, NotebookError, ShippedError, UsageError, registry.OwnError, registry.LimitError) as error:
        for line in str(error).splitlines():
            print(f"sparsekit: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as interrupt:
        print("\nsparsekit: interrupted; what was computed is kept: run the same command to go on", file=sys.stderr)
        return 128 + ((interrupt.__cause__ or interrupt).args or (signal.SIGINT,))[0]


@contextmanager
def _signals() -> Iterator[None]:
    """Being told to end is as Ctrl-C: a `KeyboardInterrupt` of the signal. Ctrl-C once more ends at once."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` and others send it twice
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + number))
        raise KeyboardInterrupt(number)

    if threading.current_thread() is not threading.main_thread():  # to which alone signals come
        yield
        return
    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sparsekit",
        usage="sparsekit COMMAND …",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sparsekit {__version__}")
    shtab.add_argument_to(parser, help="print completion of names for a shell")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", prog="sparsekit")

    run = commands.add_parser("run", help="run the notebooks over a parameter set, and write a report")
    run.add_argument("set", metavar="SET_OR_FILE", help="a set in params/ by its name, or any YAML file")
    run.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: reports/SET)")
    run.add_argument("--plan", action="store_true", help="only say how much there is to compute, and how long it takes")
    used = run.add_mutually_exclusive_group()
    used.add_argument(
        "--renew-unknown", action="store_const", const="current", dest="used",
        help="compute anew what code that is other or not known has made",
    )  # fmt: skip
    used.add_argument(
        "--own", action="store_const", const="own", dest="used", help="use no records that came with the project"
    )
    run.set_defaults(command=_run)

    compared = commands.add_parser("compare", help="set two reports side by side: parameters and answers")
    compared.add_argument("one", metavar="A", help="a report's folder, such as reports/quick")
    compared.add_argument("other", metavar="B", help="another one")
    compared.add_argument("--out", type=Path, metavar="FILE", help="where the page goes (default: beside B)")
    compared.set_defaults(command=_compare)

    status = commands.add_parser("status", help="say what is recorded, missing, failed and why, and made by what")
    status.add_argument("set", metavar="SET_OR_DIR", help="a parameter set, or a folder of records")
    status.set_defaults(command=_status)

    verify = commands.add_parser("verify", help="compute some records again, and compare")
    verify.add_argument("set", metavar="SET_OR_FILE", help="a parameter set")
    verify.add_argument("--sample", type=int, default=5, metavar="N", help="how many records (default: 5)")
    verify.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    verify.set_defaults(command=_verify)

    ship = commands.add_parser("ship", help="write the records of a set in one file, to go with the project")
    ship.add_argument("set", metavar="SET_OR_FILE", help="a parameter set")
    ship.add_argument("--out", type=Path, metavar="FILE", help="where it goes (default: params/SET.jsonl.xz)")
    ship.set_defaults(command=_ship)
    for options in (used, ship):
        options.add_argument(
            "--keep-old", action="store_const", const="all", dest="used", help="use records of other code"
        )

    clean = commands.add_parser("clean", help="say what is left over in the folder of records, and remove it")
    clean.add_argument("folder", metavar="DIR", nargs="?", help="a folder of records (default: where runs keep them)")
    clean.add_argument("--yes", action="store_true", help="remove it")
    clean.set_defaults(command=_clean)

    for command in (run, verify):
        command.add_argument(
            "--cluster", metavar="ADDRESS", help="compute on a cluster: a dask.distributed scheduler, tcp://host:8786"
        )
    for command in (run, status, verify, ship):
        command.add_argument(
            "--only", nargs="+", action="extend", metavar="NOTEBOOK", help="notebooks by number or name, such as 01 03"
        )
        command.add_argument(
            "-p", dest="overrides", action="append", default=[], metavar="name=value",
            help="a parameter; may be repeated",
        )  # fmt: skip
        command.add_argument("--workers", metavar="N", help="processes at the same time (default: one for each core)")

    shown = commands.add_parser("list", help="list parameter sets, notebooks, and every parameter")
    shown.set_defaults(command=_list)
    for command in (run, status, verify, ship, shown):
        command.add_argument(
            "--module", dest="modules", action="append", default=[], metavar="FILE.py",
            help="a file of yours that registers tasks, scores, graphs …; may be repeated",
        )  # fmt: skip
    return parser


def _asked(options: argparse.Namespace) -> tuple[Parameters, dict[str, list]]:
    """The parameters, and the units that each notebook asked for reads."""
    if getattr(options, "cluster", None):
        os.environ["SPARSEKIT_CLUSTER"] = options.cluster  # for the notebooks' kernels too
    if getattr(options, "used", None):
        os.environ["SPARSEKIT_RECORDS"] = options.used  # for the notebooks' kernels too
    given = _overrides(options)
    _load(options.modules)
    parameters = Parameters.load(options.set, given)
    stems = project.chosen(options.only, project.folder())

    from sparsekit.analysis.tables import TableError
    from sparsekit.experiments import execution, studies
    from sparsekit.graphs.structure import GraphError
    from sparsekit.tasks.labelled_csv import TaskError

    gc.freeze()  # a hundred thousand units are listed, and what the libraries have made is not looked through each time
    gc.set_threshold(100_000, 20, 20)
    cluster = os.environ.get(execution.CLUSTER)
    try:
        if not cluster:
            execution.resolve_device(parameters.device)
        studies.task(parameters)
        units = {stem: studies.units(parameters, stem) for stem in stems}
        if parameters.workers != 1 or cluster:
            extensions.packed()  # find out now what cannot be sent to worker processes
    except (execution.ExecutionError, TaskError, GraphError, TableError) as error:
        raise UsageError(str(error)) from error
    return parameters, units


def _run(options: argparse.Namespace) -> int:
    parameters, units = _asked(options)
    out = _home(options, "reports", "")

    from sparsekit.experiments import progress, records

    if options.plan:
        return _plan([unit for own in units.values() for unit in own], parameters)
    store = records.default_store()
    try:
        store.check_writable()
    except records.RecordError as error:
        if not all(store.has(unit) for own in units.values() for unit in own):
            raise UsageError(str(error)) from error
    _make_writable(out)
    _reach_cluster()

    _tell_shipped(list(chain(*units.values())), store)

    from sparsekit.reports import batch

    asked = [project.called(options.set), *chain(*(("--module", path) for path in options.modules))]
    asked += chain(*(("-p", f"{n}={v}") for n, v in _overrides(options).items()))
    done = batch.run(parameters, _name(options), project.folder(), units, out, asked)
    for question, answer in done.answers.items():
        print(textwrap.fill(answer.sentence, 100, initial_indent=f"{question}  ", subsequent_indent="     "))
    if done.failures:
        print("\nFailed:", *done.failures, sep="\n  ", file=sys.stderr)
    if (out / "index.html").exists() and not any(f.startswith("index: ") for f in done.failures):
        print(f"\nReport: {progress.link(out / 'index.html')}")
    return 1 if done.failures else 0


def _name(options: argparse.Namespace) -> str:
    return Path(options.set).stem.strip(".") or "set"  # a file "...yaml" names no folder above


def _home(options: argparse.Namespace, folder: str, ending: str) -> Path:
    """Where something of a set goes: as asked for, else into a folder of the project."""
    own = (project.project_root() or Path.cwd()) / folder / f"{_name(options)}{ending}"
    return project.home(options.out) if options.out else own


def _tell_shipped(units: list, store: "records.Store") -> None:
    """Say how many records are there that came with the project, and who has made them."""
    from sparsekit.experiments import provenance

    made = provenance.made_by(units, store) if store.files else None
    if made is not None and len(came := made[made["file"] != ""]):
        print(*provenance.told(came), sep="\n")
        if "other" in {*came["code"]}:
            print("  Those of other code are used: --renew-unknown computes them anew, --own all that came.")


def _ship(options: argparse.Namespace) -> int:
    parameters, units = _asked(options)
    units = list(dict.fromkeys(chain(*units.values())))

    from sparsekit.experiments import records, shipped, status, studies

    store, out = records.default_store(), _home(options, FOLDER, ENDING)
    if not (kept := [unit for unit in units if store.has(unit)]):
        raise UsageError(f"{options.set}: no record in {store.path} to ship; sparsekit run {options.set} makes them")
    shipped.write(out, kept, store, studies.drawn(parameters))
    print(status.status(units, store))
    print(f"{out}: {len(kept):,} of {len(units):,} records, {out.stat().st_size:,} bytes", end="")
    machines = ", ".join(shipped.opened(out).machines)
    print(f"; {sum(unit.timed for unit in kept):,} of them timed, on {machines}" if machines else "")
    return 0


def _reach_cluster() -> None:
    """Find out before anything is computed whether a cluster is there and fit, if one is asked for."""
    if not (address := os.environ.get("SPARSEKIT_CLUSTER")):
        return
    from sparsekit.experiments.cluster import Cluster, ClusterError

    try:
        Cluster(address).end()
    except ClusterError as error:
        raise UsageError(str(error)) from error


def _compare(options: argparse.Namespace) -> int:
    from sparsekit.reports import compare

    try:
        page, told = compare.compare(options.one, options.other, options.out and project.home(options.out))
    except compare.CompareError as error:
        raise UsageError(str(error)) from error
    print(*told, f"\nPage: {page}", sep="\n")
    return 0


def _plan(units: list, parameters: Parameters) -> int:
    from sparsekit.experiments import planning, records
    from sparsekit.experiments.progress import duration

    store = records.default_store()
    _tell_shipped(units, store)
    made = planning.plan(units, store, parameters.workers, parameters.device)
    print(f"{made.total:,} units, {made.recorded:,} of them recorded in {store.path}")
    for kind in made.kinds:
        print(f"  {kind.name:<24} {kind.units:>6,} units  {duration(kind.seconds):>12} on one worker")
    memory = f", at most {made.mebibytes:,.0f} MiB of memory each" if made.kinds else ""
    print(f"About {duration(made.seconds)} with {made.workers} workers{memory}. From a short probe on this machine.")
    return 0


def _status(options: argparse.Namespace) -> int:
    from sparsekit.experiments import records, status

    if Path(options.set).is_dir() and options.set not in project.sets():
        print(status.folder_status(records.Store(options.set)))
        return 0
    units = [unit for own in _asked(options)[1].values() for unit in own]
    print(status.status(units, records.default_store()))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from sparsekit.experiments import execution, records, verification

    parameters, units = _asked(options)
    store = records.default_store()
    drawn = verification.sample([u for own in units.values() for u in own], store, options.sample, options.seed)
    if not drawn:
        raise UsageError(f"{options.set}: no record in {store.path} to verify; sparsekit run {options.set} makes them")
    _reach_cluster()
    try:
        verdicts = verification.verify(drawn, store, workers=parameters.workers, device=parameters.device)
    except execution.ExecutionError as error:
        print(f"sparsekit: {error}", file=sys.stderr)
        return 1
    print(*verdicts, sep="\n")
    wrong = sum(not verdict.holds for verdict in verdicts)
    print(f"{len(verdicts)} records computed again: {len(verdicts) - wrong} hold, {wrong} do not")
    return 1 if wrong else 0


def _clean(options: argparse.Namespace) -> int:
    from sparsekit.experiments import records, status

    store = records.Store(options.folder) if options.folder else records.default_store()
    if not store.path.is_dir():
        raise UsageError(f"{store.path}: no such folder of records")
    found = {what: files for what, files in status.leftovers(store).items() if files}
    for what, files in found.items():
        print(f"{len(files):>7,} files {what}, {sum(f.stat().st_size for f in files) / 2**20:,.1f} MiB: {files[0]}, …")
    if not found:
        print(f"Nothing is left over in {store.path}.")
    elif options.yes:
        status.remove(file for files in found.values() for file in files)
        print("Removed.")
    else:
        print("Records stay. To remove this: sparsekit clean --yes")
    return 0


def _load(modules: Sequence[str]) -> None:
    for path in modules:
        try:
            extensions.load(path)
        except registry.OwnError as error:
            raise UsageError(f"--{error}") from error


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    given = {}
    for text in options.overrides:
        name, sign, written = text.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"-p {text}: give name=value, such as -p seeds=3")
        try:
            given[name.strip()] = file_value(name.strip(), written)
        except ParameterError as error:
            raise ParameterError(f"{name.strip()}: {error}") from None
    if options.workers is not None:
        given["workers"] = project.value(options.workers)
    return given


def _make_writable(out: Path) -> None:
    """Find out before hours of work whether the report can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written to ({error.strerror})") from error


def _list(options: argparse.Namespace) -> int:
    _load(options.modules)
    listing.show()
    return 0
