"""Input of whoever means harm, or has made a slip of many zeros: refused at once, and nothing outside is touched."""

import io
import json
import lzma
import os
import pickle
import stat
import subprocess
import sys
import tempfile
import zipfile
from itertools import chain, count
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from sparsekit.cli import main
from sparsekit.experiments import locks, project
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.records import RecordError, Store
from sparsekit.experiments.shipped import ShippedError
from sparsekit.graphs import files
from sparsekit.graphs.structure import GraphError
from sparsekit.networks import build, export, published
from sparsekit.registry import LimitError, beyond
from sparsekit.reports import html
from sparsekit.tasks import labelled_csv
from sparsekit.tasks.samples import TaskError
from tests.bounded import bounded, lines_of
from tests.test_kills import project as project_of

ROOT = Path(__file__).parents[1]
RAISES = r"; SPARSEKIT_LIMITS=\d+ in the environment allows it"


def refused(own, call, *arguments, seconds=5):
    with bounded(seconds), pytest.raises(own) as caught:
        call(*arguments)
    return " ".join(lines_of(caught.value))


# --- floods -----------------------------------------------------------------------------------------------------

LAUGHS = "a: &a [" + ", ".join(["lol"] * 9) + "]\n"
LAUGHS += "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "values by line 5, aliases written out; allowed are 20,000"),
        ("percentages: &a [1, *a]\n", "an alias in line 1 stands inside of what it names"),
        (f"percentages: {[*range(10**5)]}\n", "bytes; allowed are 262,144"),
        (f"percentages: [{'1,' * 30_000}1]\n", "values by line 1, aliases written out; allowed are 20,000"),
        (f"percentages: {[k / 100 for k in range(5000)]}\n", "percentages: given 5,000 values; allowed are 1,000"),
        ("seeds: 1000000\n", "seeds: given 1000000, which makes 64,000,000 networks; allowed are 100,000"),
        ("[" * 5000, "a value is none: maximum recursion depth"),
    ],
    ids=["laughs", "endless", "characters", "values", "percentages", "seeds", "brackets"],
)
def test_a_flood_of_values_is_refused_at_once(tmp_path, text, said):
    (tmp_path / "set.yaml").write_text(text)
    assert said in refused(ParameterError, Parameters.load, tmp_path / "set.yaml")


def test_the_same_by_the_command_line_and_in_python():
    assert len(LAUGHS) < 450
    assert "allowed are 20,000" in refused(ParameterError, project.value, LAUGHS)
    assert "given 100,000 values; allowed are 1,000" in refused(
        ParameterError, lambda: Parameters(percentages=[*range(10**5)])
    )

    for endless in (range(10**9), count(), {50, 60}):
        assert "seeds" not in refused(ParameterError, lambda values=endless: Parameters(percentages=values))


def test_an_alias_that_is_no_flood_is_read(tmp_path):
    (tmp_path / "set.yaml").write_text("percentages: &p [10, 20]\ncompare_at: *p\n")
    assert Parameters.load(tmp_path / "set.yaml").compare_at == [10, 20]


MANY = {
    "edges": b"%d %d\n",
    "graphml": b'<edge source="%d" target="%d"/>\n',
}


@pytest.mark.parametrize("ending", MANY)
def test_a_graph_of_a_million_edges_is_refused_at_once(tmp_path, ending):
    path = tmp_path / f"big.{ending}"
    path.write_bytes(b"".join(MANY[ending] % (k, k + 1) for k in range(10**6)))
    said = refused(GraphError, files.read, path)
    assert "1,000,000 " in said
    assert "allowed are 500,000; SPARSEKIT_LIMITS=2 in the environment allows it" in said


def sparse(path, size=2**40):
    with open(path, "wb") as file:
        file.truncate(size)  # which takes no room on the disk
    return path


def test_a_file_larger_than_any_memory_is_refused_before_it_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "clone" / "Implementations"
    for part in ("dataset", "experiments/state_dicts/prune", "experiments/graphs/GRU"):
        (study / part).mkdir(parents=True)
    (tmp_path / "n.safetensors").touch()
    clone = published.Study(tmp_path / "clone")
    readers = [
        ("a.csv", TaskError, lambda path: labelled_csv.read(str(path))),
        ("b.csv", ParameterError, lambda path: Parameters(task="csv", csv_path=path)),
        ("c.csv", GraphError, files.read),
        ("d.edges", GraphError, files.read),
        ("e.graphml", GraphError, files.read),
        ("f.yaml", ParameterError, Parameters.load),
        ("n.json", export.ExchangeError, export.load),
        (study / "dataset/train_data.csv", published.PublishedError, lambda path: clone.task()),
        (study / "experiments/state_dicts/prune/gru.pt", published.PublishedError, lambda path: clone.base("gru")),
        (
            study / "experiments/graphs/GRU/watts_strogatz_0.gpickle",
            published.PublishedError,
            lambda path: clone.graph("gru", "watts_strogatz", 0),
        ),
    ]
    for name, own, read in readers:
        said = refused(own, read, sparse(tmp_path / name))
        assert "1,099,511,627,776" in said
        assert "in the environment allows it" in said
    assert main(["run", "smoke", "-p", "task=csv", "-p", "csv_path=a.csv"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_limit_is_raised_by_the_environment(tmp_path, monkeypatch):
    (tmp_path / "a.edges").write_text("0 1\n1 2\n2 0\n")
    monkeypatch.setattr(files, "EDGES", 2)
    assert "SPARSEKIT_LIMITS=2 in" in refused(GraphError, files.read, tmp_path / "a.edges")
    monkeypatch.setenv("SPARSEKIT_LIMITS", "2")
    assert len(files.read(tmp_path / "a.edges").edges) == 3
    monkeypatch.setenv("SPARSEKIT_LIMITS", "many")
    assert "SPARSEKIT_LIMITS: given 'many', allowed is" in refused(LimitError, beyond, 1, 2)
    assert main(["run", "smoke", "--plan"]) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a" + "\u0300\u0316" * 4000 + " b\n", "marks on a letter of line 1; allowed are 30"),
        ("a b " + " {" * 40_000 + "\n", "characters in line 1; allowed are 10,000"),
    ],
)
def test_a_line_that_takes_long_to_read_is_refused(tmp_path, text, said):
    (tmp_path / "a.edges").write_text(text)
    assert said in refused(GraphError, files.read, tmp_path / "a.edges")


# --- entities, pickles, archives ----------------------------------------------------------------------------------

ENTITIES = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{k + 1} "{f"&l{k};" * 10}">' for k in range(9))


@pytest.mark.parametrize(
    "entities", [ENTITIES, f'<!ENTITY l9 "{"x" * 50_000}">', '<!ENTITY l9 SYSTEM "file:///etc/passwd">'],
    ids=["laughs", "quadratic", "external"],
)  # fmt: skip
def test_entities_of_graphml_are_not_expanded(tmp_path, entities):
    nodes = f'<node id="&l9;"/><node id="b{"&l9;" * 1000}"/>'
    text = f'<!DOCTYPE graphml [{entities}]><graphml><graph edgedefault="undirected">{nodes}</graph></graphml>'
    (tmp_path / "a.graphml").write_text(text)
    assert "it defines entities" in refused(GraphError, files.read, tmp_path / "a.graphml")


class Evil:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def disguised(folder, name):
    """A pickle that makes a folder when it is loaded, under the name of something else."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Evil(folder / "owned")))
    return folder / name


def test_a_pickle_in_disguise_is_not_loaded(tmp_path):
    for name in ("a.graphml", "a.edgelist", "a.csv", "a.edges"):
        refused(GraphError, files.read, disguised(tmp_path, name))
    refused(TaskError, labelled_csv.read, str(disguised(tmp_path, "b.csv")))
    refused(ParameterError, Parameters.load, disguised(tmp_path, "b.yaml"))
    refused(export.ExchangeError, export.load, disguised(tmp_path, "c.json"))
    export.export(build.classifier(cell="GRU", structure=4), tmp_path / "n")
    refused(export.ExchangeError, export.load, disguised(tmp_path, "n.safetensors"))
    inside = tmp_path / "Implementations"
    (inside / "dataset").mkdir(parents=True)
    disguised(tmp_path, "Implementations/experiments/state_dicts/prune/gru.pt")
    disguised(tmp_path, "Implementations/experiments/graphs/GRU/watts_strogatz_0.gpickle")
    refused(published.PublishedError, published.Study(tmp_path).base, "gru")
    refused(published.PublishedError, published.Study(tmp_path).graph, "gru", "watts_strogatz", 0)
    assert not (tmp_path / "owned").exists()
    pickle.loads((tmp_path / "a.csv").read_bytes())  # it is what it is said to be
    assert (tmp_path / "owned").exists()


def test_a_pickle_beside_a_record_is_not_loaded(tmp_path, monkeypatch):
    """Neither in torch's archive nor bare, though the record was made to fit it."""
    from sparsekit.experiments import records
    from tests.test_fuzz import Item

    for bare in (True, False):
        store, mark = Store(tmp_path / f"runs-{bare}"), tmp_path / "owned"
        buffer = io.BytesIO()
        torch.save(Evil(mark), buffer)
        content = pickle.dumps(Evil(mark)) if bare else buffer.getvalue()
        with monkeypatch.context() as own:
            own.setattr(records, "_content", lambda weights, content=content: content)
            store.write(Item(), {"accuracy": 0.5}, {"w": torch.zeros(1)})
        assert "damaged weights" in refused(RecordError, store.weights, Item())
        assert (store.path / "set-aside").exists()
        assert not mark.exists()


def test_a_graph_whose_nodes_hash_for_ever_is_refused(tmp_path):
    node = ()
    for _ in range(60):
        node = (node, node)
    (tmp_path / "a.gpickle").write_bytes(b"\x80\x04}" + pickle.dumps(node)[2:-1] + b"Ns.")
    assert "which no pickled graph needs" in refused(
        published.PublishedError, published.read_graph_pickle, tmp_path / "a.gpickle"
    )


def test_an_archive_that_unpacks_to_more_than_any_memory_is_refused(tmp_path):
    prune = tmp_path / "Implementations" / "experiments" / "state_dicts" / "prune"
    prune.mkdir(parents=True)
    (tmp_path / "Implementations" / "dataset").mkdir()
    with zipfile.ZipFile(prune / "gru.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(5):
            archive.writestr(f"../../../{k}", bytes(2**26))
    assert (prune / "gru.pt").stat().st_size < 2**20
    assert "holds 335,544,320 bytes" in refused(published.PublishedError, published.Study(tmp_path).base, "gru")


def test_a_file_of_results_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    from tests.test_fuzz import Item

    stream = lzma.compress(bytes(2**28), preset=0)
    told = {"part": "records", "kind": "item", "size": 100, "packed": len(stream), "keys": key(Item())[:16]}
    head = {"format": 1, "machines": [], "streams": [told]}
    (tmp_path / "mine.jsonl.xz").write_bytes(lzma.compress(json.dumps(head).encode()) + stream)
    store = Store(tmp_path / "runs", files=[tmp_path / "mine.jsonl.xz"])
    assert "allowed are 200,000,000" in refused(ShippedError, store.has, Item())
    assert not store.path.exists()


def test_a_tensor_that_repeats_one_number_is_refused(tmp_path):
    prune = tmp_path / "Implementations" / "experiments" / "state_dicts" / "prune"
    prune.mkdir(parents=True)
    (tmp_path / "Implementations" / "dataset").mkdir()
    torch.save({"embedding.weight": torch.ones(1).expand(10**6, 10**6)}, prune / "gru.pt")
    assert "1,000,000,000,000 bytes or numbers" in refused(
        published.PublishedError, published.Study(tmp_path).base, "gru"
    )


# --- links and paths ----------------------------------------------------------------------------------------------


def test_links_that_somebody_has_planted_are_not_written_through(tmp_path, monkeypatch):
    victim, network = tmp_path / "victim", build.classifier(cell="GRU", structure=4)
    victim.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("n.json", "n.safetensors", f".n.json.{os.getpid()}.tmp", f".n.safetensors.{os.getpid()}.tmp"):
        (out / name).symlink_to(victim)
    export.export(network, out / "n")
    assert not (out / "n.json").is_symlink()
    page = out / "index.html"
    page.symlink_to(victim)
    html.write(page, "<html><body><main></main></body></html>")
    assert not page.is_symlink()
    assert victim.read_text() == "mine"


def test_what_others_leave_in_the_folder_for_temporary_files_leads_nowhere(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").write_text("mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "sparsekit-a").symlink_to(kept)
    (shared / "sparsekit-b.lock").symlink_to(kept / "mine")
    with locks.scratch(shared, "sparsekit-") as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.parent == shared
    assert (kept / "mine").read_text() == "mine"


def test_cleaning_a_store_does_not_leave_it(tmp_path, capsys):
    outside = tmp_path / "outside"
    (outside / "aa").mkdir(parents=True)
    for path in (outside / "aa" / "x.pt", outside / "x.tmp", outside / ".y.tmp", outside / "aa" / "note.json"):
        path.write_text("mine")
        os.utime(path, (0, 0))
    store = tmp_path / "runs"
    for name in ("base", "set-aside", "failed"):
        store.mkdir(exist_ok=True)
        (store / name).symlink_to(outside)
    before = sorted(outside.rglob("*"))
    main(["clean", str(store), "--yes"])
    assert sorted(outside.rglob("*")) == before


def test_names_do_not_lead_out_of_their_folders(tmp_path, monkeypatch, capsys):
    for only in ("../00_task", "../../etc/passwd", "/etc/passwd", "..", ".", "", "*", "00_task.ipynb/../x"):
        assert main(["run", "smoke", "--only", only, "--out", str(tmp_path / "out")]) == 2, only
        assert "unknown notebook" in capsys.readouterr().err
    for name in ("../params/smoke", "..", "/", "", "smoke/..", "*"):
        assert main(["run", name, "--out", str(tmp_path / "out")]) == 2, name
        assert capsys.readouterr().err.count("\n") == 1
    for path in ("[../../*]", "[/etc/*]", "[/dev/zero]", "[/dev/stdin]", "[.]", "[/proc/self/mem]", "[~root]"):
        given = ["-p", f"graph_files={path}", "-p", "generators=[]"]
        assert main(["run", "smoke", *given, "--out", str(tmp_path / "out")]) == 2, path
        assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_set_of_dots_names_no_folder_above(tmp_path, monkeypatch):
    from sparsekit import cli

    (tmp_path / "...yaml").write_text("seeds: 1\n")
    monkeypatch.chdir(tmp_path)
    seen = []
    monkeypatch.setattr(cli, "_asked", lambda options: (Parameters(), {}))
    monkeypatch.setattr(cli, "_make_writable", lambda out: seen.append(out) or exit())
    with pytest.raises(SystemExit):
        main(["run", "...yaml"])
    assert seen == [tmp_path / "reports" / "set"]


# --- kernels and the network ----------------------------------------------------------------------------------------

LOOK = """
import json, os, stat
from ipykernel import get_connection_file
path = get_connection_file()
told = json.load(open(path))
told["folder"], told["key"] = os.path.dirname(path), len(told["key"])
told["modes"] = {os.path.relpath(p, told["folder"]): stat.S_IMODE(os.lstat(p).st_mode) for p in [path, told["folder"]]}
print(json.dumps(told))
"""


@pytest.mark.parametrize("long", [False, True])
def test_a_kernel_is_its_users_own(tmp_path, monkeypatch, long):
    """Its sockets lie where nobody else comes; where they cannot, they are local, and each message is signed."""
    import json

    if long:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 90)))
        (tmp_path / ("x" * 90)).mkdir()
    cells = [new_code_cell("", metadata={"tags": ["parameters"]}), new_code_cell(LOOK)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "look.ipynb")
    before = os.umask(0)
    try:
        html.execute(tmp_path / "look.ipynb", tmp_path / "out.ipynb", {})
    finally:
        os.umask(before)
    seen = json.loads(nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs[0].text)
    assert {name: mode & 0o777 for name, mode in seen["modes"].items()} == {"kernel.json": 0o600, ".": 0o700}
    assert seen["key"] >= 32
    assert (seen["transport"], seen["ip"]) == (("tcp", "127.0.0.1") if long else ("ipc", f"{seen['folder']}/s"))
    assert not Path(seen["folder"]).exists()


GUARD = """
import os, socket, sys

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.bind"):
        address = arguments[1]
        local = isinstance(address, (str, bytes)) or address[0] in ("127.0.0.1", "::1", "localhost", "")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        local = arguments[0] in (None, "127.0.0.1", "::1", "localhost", "", socket.gethostname())
    else:
        return
    if not local:
        with open(os.environ["SPARSEKIT_TEST_LEAKS"], "a") as leaks:
            leaks.write(f"{event} {arguments}\\n")
        raise OSError(f"the network is cut: {event}")

sys.addaudithook(guard)
"""


def cut_off():
    """What stands before a command so that it has no network, where the system allows that to its users."""
    cut = ["unshare", "--map-root-user", "--net"]
    try:
        return cut if subprocess.run([*cut, "true"], capture_output=True, timeout=600).returncode == 0 else []
    except OSError:
        return []


MINE = """
from sparsekit.experiments import pruning
from sparsekit.experiments.namespace import check
from sparsekit.figures import task as figures
table = pruning.base(check(globals()))
print(len(table), "rows")
"""


def test_a_run_needs_no_network_and_asks_for_none(tmp_path):
    leaks = tmp_path / "leaks"
    project_of(tmp_path, MINE)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    own = {"PYTHONPATH": f"{tmp_path / 'guard'}:{ROOT}", "SPARSEKIT_TEST_LEAKS": str(leaks)}
    own |= {"SPARSEKIT_RUNS": str(tmp_path / "runs")}
    small = ["variants=[gru]", "seeds=2", "hidden_size=4", "layers=1", "base_epochs=1"]
    asked = ["run", "tiny", "--only", "06", "--workers", "2", *chain(*(("-p", one) for one in small))]
    command = [*cut_off(), sys.executable, "-m", "sparsekit", *asked]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "rows" in (tmp_path / "reports" / "tiny" / "06_mine.html").read_text(encoding="utf-8")
    assert not leaks.exists(), leaks.read_text()
    told = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 1)"],
        env=os.environ | own, capture_output=True, text=True, timeout=600)  # fmt: skip
    assert "the network is cut" in told.stderr  # the guard is there
    assert "192.0.2.1" in leaks.read_text()
