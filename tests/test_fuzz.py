"""Whatever is put in: the kit's own error in one line or a sound result, soon, in little memory, and nothing written.

A few cases by default; ``make fuzz`` tries ten thousand.
"""

import datetime
import decimal
import json
import lzma
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import nbformat
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from sparsekit.analysis.tables import TableError
from sparsekit.experiments import namespace, own_table, project, shipped
from sparsekit.experiments.parameters import Parameters, file_value
from sparsekit.experiments.records import RecordError, Store
from sparsekit.graphs import files
from sparsekit.graphs.structure import GraphError, check
from sparsekit.networks import build, export, published
from sparsekit.registry import UnknownName
from sparsekit.reports import compare, html
from sparsekit.tasks import labelled_csv
from sparsekit.tasks.samples import TaskError
from tests.bounded import attempt, bounded
from tests.experiments.test_shipped import repacked, unpacked

ROOT = Path(__file__).parents[1]
CASES = int(os.environ.get("SPARSEKIT_FUZZ", "25"))

fuzz = settings(
    deadline=None, max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


ACCIDENTS = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b'"',
    b"'",
    b"<",
    b">",
    b"&",
    b"{",
    b"}",
    b"[",
    b"]",
]
ACCIDENTS += [
    b",",
    b";",
    b":",
    b"- ",
    b"#",
    b"%",
    b"!",
    b"*a",
    b"&a ",
    b"1e999",
    b"-1",
    b"nan",
    b"inf",
    b"null",
    b"true",
]
ACCIDENTS += [b"9" * 30, b"0x10", b"\xe2\x80\x8b", "é".encode(), b" ", b"\t", b"../", b"\\", b"__class__", b"$", b"?"]


@st.composite
def damaged(draw, whole):
    """A file's bytes after some accidents: pieces lost, doubled, moved, and others put in their place."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at, lost = draw(st.integers(0, len(content))), draw(st.sampled_from([0, 1, 2, 8, 60, len(content)]))
        other = draw(st.integers(0, len(content)))
        own = st.just(bytes(content[other : other + draw(st.integers(1, 60))]))
        piece = draw(st.sampled_from(ACCIDENTS) | st.binary(max_size=6) | own)
        content[at : at + lost] = piece * draw(st.sampled_from([1, 1, 1, 2, 300]))
    return bytes(content)


ODD = [10**5000, "\ud800", b"x", {1}, 1j, decimal.Decimal("NaN"), datetime.date(2024, 1, 5), np.arange(3), np.int8(3)]
ODD += [
    np.float32("nan"),
    Path("a"),
    Path("\0"),
    "x" * 10_000,
    range(10**9),
    object(),
    int,
    "\0",
    "a\nb",
    "~" * 300,
    {},
]
SINGLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(ODD)
SINGLE |= st.sampled_from(["gru", "reber", "csv", "lstn", "1e3", "é", "[gru]", "None", "0x1F", " 3 ", "1_000", "٣"])
VALUES = SINGLE | st.lists(SINGLE, max_size=3) | st.lists(st.lists(SINGLE, max_size=2), max_size=2)
VALUES |= st.dictionaries(st.text(max_size=3), SINGLE, max_size=2)
NAMES = (
    st.sampled_from([*Parameters.model_fields]) | st.text(max_size=12) | st.sampled_from(["seedz", "self", "values"])
)


@fuzz
@given(values=st.dictionaries(NAMES, VALUES, max_size=4))
def test_parameters(values):
    found = attempt(project.ParameterError, lambda: Parameters(**values))
    assert found is None or Parameters(**found.model_dump()) == found


@fuzz
@given(text=damaged((ROOT / "params" / "quick.yaml").read_bytes()))
def test_parameter_sets(tmp_path, text):
    (tmp_path / "set.yaml").write_bytes(text)
    attempt(project.ParameterError, Parameters.load, tmp_path / "set.yaml")


@fuzz
@given(name=NAMES, text=st.text(max_size=20) | damaged(b"[10, 'a', {b: *c}, !!int 3, 2024-01-05]").map(repr))
def test_values_of_a_command_line(name, text):
    attempt(project.ParameterError, lambda: Parameters.load("smoke", {name: file_value(name, text)}))


CSV = b"id,string,valid\n" + b"".join(b'%d,"BTXSE%d",%d\n' % (k, k, k % 2) for k in range(12))


@fuzz
@given(content=damaged(CSV))
def test_csv_tasks(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    copies = attempt(TaskError, labelled_csv.read, str(path))
    assert copies is None or all(copies[label] for label in (0, 1))


TABLE = b"graph,family,seed,accuracy,mine\n0-1 1-2 2-0,a,0,0.9,1\n0-1 1-2,b,0,0.8,2\nx.edges,b,0,0.7,\n"


@fuzz
@given(content=damaged(TABLE))
def test_tables_of_networks(tmp_path, content):
    (tmp_path / "x.edges").write_text("a b\nb c\nc d\n")
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    table = attempt(TableError, own_table.read, str(path))
    assert table is None or table["test_accuracy"].between(0, 1).all()


GRAPHS = {
    ".graphml": "\n".join(nx.generate_graphml(nx.cycle_graph(4))).encode(),
    ".edgelist": b"# mine\na b 1\nb c 2.5\n\"c d\" a 1\nb 'e' 3\n",
    ".edges": b"0,1,{'weight': 2}\n1,2,{}\n2,0,{}\n",
    ".csv": nx.to_pandas_adjacency(nx.path_graph(4)).to_csv().encode(),
}


@pytest.mark.parametrize("ending", GRAPHS)
@fuzz
@given(data=st.data(), directed=st.booleans(), loops=st.booleans())
def test_graph_files(tmp_path, ending, data, directed, loops):
    path = tmp_path / f"mine{ending}"
    path.write_bytes(data.draw(damaged(GRAPHS[ending])))
    graph = attempt(GraphError, files.read, path, directed, loops)
    if graph is not None:
        check(graph, directed, loops)


@dataclass(frozen=True)
class Item:
    kind: ClassVar[str] = "item"
    number: int = 3


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("whole") / "runs")
    store.write(Item(), {"accuracy": 0.5, "history": [1.0, None, {"a": "é"}]}, {"w": torch.arange(5.0)})
    weights = store.weights_file(Item())
    return store.file(Item()).read_bytes(), weights.read_bytes(), weights.name


@pytest.mark.parametrize("part", ["record", "weights"])
@fuzz
@given(data=st.data())
def test_records_and_weights(tmp_path, record, part, data):
    store = Store(tmp_path / "runs")
    file = store.file(Item())
    file.parent.mkdir(parents=True, exist_ok=True)
    *whole, beside = record
    parts = [data.draw(damaged(one)) if name == part else one for name, one in zip(RECORD, whole, strict=True)]
    file.write_bytes(parts[0])
    (file.parent / beside).write_bytes(parts[1])
    found = attempt(RecordError, store.read, Item())
    assert found in (None, {"accuracy": 0.5, "history": [1.0, None, {"a": "é"}]})
    if (weights := attempt(RecordError, store.weights, Item())) is not None:
        assert weights["w"].tolist() == [0, 1, 2, 3, 4]


RECORD = ("record", "weights")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The streams of a file of results: what is there, two records, masks of one, weights of the other."""
    store, units = Store(tmp_path_factory.mktemp("whole") / "runs"), [Item(3), Item(4)]
    for unit in units:
        store.write(unit, {"accuracy": 0.5, "more": [1.0, None]}, {"a.mask_h": torch.tensor([True, False])})
    return unpacked(shipped.packed(units, store, {units[0]: shipped.WEIGHTS, units[1]: shipped.MASKS}))


@pytest.mark.parametrize("part", ["file", 0, 1, 2, 3])
@fuzz
@given(data=st.data())
def test_files_of_results(tmp_path, results, part, data):
    streams, file = [*results], tmp_path / "mine.jsonl.xz"
    if part == "file":
        content = data.draw(damaged(repacked(streams)))
    elif part == 0:
        content = lzma.compress(data.draw(damaged(streams[0]))) + b"".join(map(lzma.compress, streams[1:]))
    else:
        streams[part] = data.draw(damaged(streams[part]))
        content = repacked(streams)
    file.write_bytes(content)
    shipped._opened.cache_clear()
    store, own = Store(tmp_path / "runs", files=[file]), (RecordError, shipped.ShippedError)
    for unit in (Item(3), Item(4)):
        assert attempt(own, store.read, unit) in (None, {"accuracy": 0.5, "more": [1.0, None]})
        if (masks := attempt(own, store.masks, unit)) is not None:
            assert {name: mask.tolist() for name, mask in masks.items()} == {"a.mask_h": [True, False]}
    assert not store.path.exists()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "n"
    export.export(build.classifier(cell="GRU", structure=nx.cycle_graph(4), vocabulary=5), path)
    return path.with_suffix(".json").read_bytes(), path.with_suffix(".safetensors").read_bytes()


@pytest.mark.parametrize("part", ["json", "safetensors", "both"])
@fuzz
@given(data=st.data())
def test_exchange_files(tmp_path, network, part, data):
    said, tensors = network
    said = data.draw(damaged(said)) if part != "safetensors" else said
    tensors = data.draw(damaged(tensors)) if part == "safetensors" else tensors
    if part == "both":  # as whoever means harm would make them: the checksum is right
        said = retold(data.draw, json.loads(network[0]))
    (tmp_path / "n.json").write_bytes(said)
    (tmp_path / "n.safetensors").write_bytes(tensors)
    found = attempt((export.ExchangeError, UnknownName), export.load, tmp_path / "n")
    if found is not None:
        with torch.no_grad():
            found(torch.zeros((1, 2), dtype=torch.int64))


def retold(draw, value):
    """JSON in which some values are others."""
    for _ in range(draw(st.integers(1, 3))):
        at = value
        while isinstance(at, dict | list) and at:
            holder, name = at, draw(st.sampled_from([*at] if isinstance(at, dict) else [*range(len(at))]))
            at = holder[name]
            if draw(st.integers(0, 3)) == 0:
                break
        holder[name] = draw(OTHER)
    return json.dumps(value).encode()


OTHER = (
    st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from([10**9, 10**18, -(10**9), 1e300, "gru", "", "x"])
)
OTHER |= st.lists(st.integers(-3, 9), max_size=3) | st.dictionaries(
    st.sampled_from(["reads", "nodes"]), st.integers(0, 5)
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    root = tmp_path_factory.mktemp("clone")
    inside = root / "Implementations"
    strings = pd.DataFrame({"string": ["BTXSE", "BPVVE"], "valid": [1, 0]})
    for name in ("train", "test"):
        (inside / "dataset").mkdir(parents=True, exist_ok=True)
        strings.to_csv(inside / "dataset" / f"{name}_data.csv")
    for kind in ("graphs/GRU", "state_dicts/structure/GRU", "results/structure"):
        (inside / "experiments" / kind).mkdir(parents=True)
    pd.DataFrame({"graph": ["watts_strogatz"], "test_acc": [0.5]}).to_csv(
        inside / "experiments/results/structure/gru.csv"
    )
    graph = nx.path_graph(2)
    (inside / "experiments/graphs/GRU/watts_strogatz_0.gpickle").write_bytes(pickle.dumps(graph))
    layer = "recurrent.recurrent_layers.{}.{}".format
    state = {"embedding.weight": torch.ones(5, 1), "out.weight": torch.ones(2, 1), "out.bias": torch.ones(2)}
    for k in range(2):
        state |= {layer(k, f"{p}_{m}"): torch.ones(3, 1) for p in ("weight", "mask") for m in ("ih", "hh")}
        state |= {layer(k, f"bias_{m}"): torch.ones(3) for m in ("ih", "hh")}
        state |= {layer(k, f"mask_{m}"): torch.ones(3, 1) for m in ("i2h", "h2h")}
    torch.save(state, inside / "experiments/state_dicts/structure/GRU/watts_strogatz_0.pt")
    return root


READERS = {
    "dataset/train_data.csv": lambda study: study.task(),
    "experiments/results/structure/gru.csv": lambda study: study.results("gru"),
    "experiments/graphs/GRU/watts_strogatz_0.gpickle": lambda study: study.network("gru", "watts_strogatz", 0),
    "experiments/state_dicts/structure/GRU/watts_strogatz_0.pt": lambda study: study.network(
        "gru", "watts_strogatz", 0
    ),
}


@pytest.mark.parametrize("name", READERS)
@fuzz
@given(data=st.data())
def test_published_clones(clone, name, data):
    study, file = published.Study(clone), clone / "Implementations" / name
    whole = file.read_bytes()
    assert READERS[name](study) is not None
    try:
        file.write_bytes(data.draw(damaged(whole)))
        attempt((published.PublishedError, TaskError, GraphError), READERS[name], study)
    finally:
        file.write_bytes(whole)


@fuzz
@given(
    cells=st.lists(
        st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True) | NAMES, VALUES, max_size=2), max_size=3
    )
)
def test_parameters_of_papermill(cells):
    told = [
        "\n".join(["# Parameters", *(f"{name} = {shown(value)}" for name, value in cell.items())]) for cell in cells
    ]
    found = {name: value for cell in cells for name, value in cell.items()}
    attempt(project.ParameterError, namespace.check, {**found, "In": ["", *told, "p = check(globals())"]})


def shown(value):
    try:
        return repr(value)
    except ValueError:
        return "0"


@fuzz
@given(data=st.data())
def test_notebooks(tmp_path, data):
    cells = [new_code_cell("seeds: int = 2  # a\nlayers = 3", metadata={"tags": ["parameters"]}), new_code_cell("1")]
    path = tmp_path / "00_task.ipynb"
    path.write_bytes(data.draw(damaged(nbformat.writes(new_notebook(cells=cells)).encode())))
    attempt(project.NotebookError, html.given, path, {"seeds": 3})
    with bounded():
        assert isinstance(project.title(path), str)


SUMMARY = {"name": "a", "parameters": {"seeds": 1}, "answers": {}, "scorecard": [], "provenance": {}}
ROWS = [{"variant": "gru", "target": "both", "percent": 50, "mean": 0.5, "low": 0.4, "high": 0.6, "share": 0.2}]
SUMMARY["answers"] = {q: {"sentence": "So.", "verdict": "shown", "table": ROWS} for q in compare.ESTIMATES}


@fuzz
@given(data=st.data())
def test_summaries_of_reports(tmp_path, data):
    for name in "ab":
        (tmp_path / name).mkdir(exist_ok=True)
        said = retold(data.draw, json.loads(json.dumps(SUMMARY)))
        (tmp_path / name / "summary.json").write_bytes(data.draw(st.just(said) | damaged(said)))
    before = sorted(tmp_path.rglob("*"))
    if attempt(compare.CompareError, compare.compare, tmp_path / "a", tmp_path / "b", tmp_path / "page.html") is None:
        assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "page.html").unlink(missing_ok=True)
