"""What makes a unit a unit: what changes its record's name, what does not, and what its table says."""

import ast
import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from sparsekit.analysis import tables
from sparsekit.experiments import pruning as experiments_pruning
from sparsekit.experiments import records, studies
from sparsekit.experiments import structure as experiments_structure
from sparsekit.experiments.execution import run
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.units import Baselines, base_networks, strings
from sparsekit.graphs import families
from sparsekit.graphs import structure as graphs
from sparsekit.graphs.properties import NAMES
from sparsekit.networks import build as networks
from sparsekit.pruning import scores
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.recovery import PROTOCOLS
from sparsekit.pruning.schedules import SCHEDULES
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import samples

TINY = {"train_size": 60, "test_size": 20, "hidden_size": 4, "layers": 2, "embedding_size": 4, "base_epochs": 1}
TINY |= {"percentages": [50, 100], "graphs": 1, "nodes_max": 11, "graph_epochs": 1, "seeds": 2, "workers": 1}
TINY |= {"retrain_epochs": 1, "recovery_steps": [1], "batch_size_pruning": 16, "variants": ["rnn_tanh", "gru"]}
TINY |= {"graph_seeds": 1, "readout": "last_padded", "interface": 0, "rewind_step": 1}


def parameters(**changes):
    return Parameters(**TINY | changes)


def keys(listed):
    return [key(unit) for unit in listed]


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": 2, "device": "cpu"},
        {"margin": 0.1, "confidence": 0.9, "permutations": 500},
        {"graphs": 5, "graph_epochs": 9, "gate_masks": "rows"},
        {"recovery_steps": [3, 1, 10**6][1:]},
    ],
)
def test_what_does_not_matter_to_a_pruned_network(changes):
    assert keys(experiments_pruning.pruned_networks(parameters(**changes))) == keys(
        experiments_pruning.pruned_networks(parameters())
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"data_seed": 1},
        {"hidden_size": 5},
        {"base_epochs": 2},
        {"retrain_epochs": 2},
        {"learning_rate": 0.01},
        {"readout": "last_valid"},
        {"batch_size_pruning": 8},
        {"percentages": [51, 99]},
    ],
)
def test_what_matters_to_a_pruned_network(changes):
    assert not set(keys(experiments_pruning.pruned_networks(parameters(**changes)))) & set(
        keys(experiments_pruning.pruned_networks(parameters()))
    )


def test_mask_layout_matters_only_where_there_are_several_gates():
    blocks, rows = (
        experiments_structure.graph_networks(parameters(gate_masks=layout)) for layout in networks.GATE_MASKS
    )
    same = {a.variant: key(a) == key(b) for a, b in zip(blocks, rows, strict=True)}
    assert same == {"rnn_tanh": True, "gru": False}


def write_csv(path, words):
    path.write_text("string,valid\n" + "".join(f"{w},{i % 2}\n" for i, w in enumerate(words)))
    return str(path)


def test_a_csv_counts_by_its_content(tmp_path):
    words = [f"{a}{b}" for a in "ABCDE" for b in "FGHIJ"]
    one, moved = write_csv(tmp_path / "one.csv", words), write_csv(tmp_path / "moved.csv", words)
    other = write_csv(tmp_path / "other.csv", words[1:])

    def made(path, **changes):
        return keys(base_networks(parameters(task="csv", csv_path=path, **changes)))

    assert made(one) == made(moved) == made(one, valid_share=0.3, longest=20)
    assert not set(made(one)) & set(made(other))


def test_a_file_saved_again_fails_the_units_that_were_to_read_it(tmp_path):
    words = [f"{a}{b}" for a in "ABCDE" for b in "FGHIJ"]
    path = tmp_path / "mine.csv"
    p = parameters(task="csv", csv_path=write_csv(path, words))
    (unit, *_) = base_networks(p)
    assert unit.strings.make() is strings(p).make()
    write_csv(path, words[1:])
    with pytest.raises(samples.TaskError, match=r"mine.csv: the file has changed since the run began"):
        unit.strings.make()
    path.unlink()
    with pytest.raises(samples.TaskError, match="has changed"):
        unit.strings.make()
    edges = tmp_path / "mine.edges"
    edges.write_text("0 1\n1 2\n")
    (unit, *_) = experiments_structure.graph_networks(parameters(generators=[], graph_files=[edges]))
    edges.write_text("0 1\n1 2\n2 3\n")
    with pytest.raises(graphs.GraphError, match="has changed since the run began"):
        unit.drawn()


def test_a_file_that_changes_while_it_is_read_makes_no_task(tmp_path, monkeypatch):
    path = tmp_path / "mine.csv"
    write_csv(path, ["A", "B", "C", "D"])

    def meddled(split, *, csv_path):
        write_csv(path, ["A", "B", "C", "E"])
        return tasks.csv(split, csv_path=csv_path)

    monkeypatch.setitem(tasks.TASKS, "meddled", meddled)
    for _ in range(2):
        write_csv(path, ["A", "B", "C", "D"])
        with pytest.raises(samples.TaskError, match="has changed"):
            tasks.make("meddled", csv_path=str(path))


@pytest.mark.parametrize("text", ["0 1\n0 2\n", "# the same\n0 1\n0 2\n", "a,b\na,c\n", "0 2 0.5\n1 0 2\n"])
def test_the_same_graph_twice_is_refused(tmp_path, text):
    (tmp_path / "one.edges").write_text("0 1\n0 2\n")
    (tmp_path / "two.edges").write_text(text)
    files = [tmp_path / "one.edges", tmp_path / "two.edges"]
    with pytest.raises(graphs.GraphError, match=r"two.edges: holds the same graph as .*one.edges"):
        experiments_structure.graph_networks(parameters(generators=[], graph_files=files))


def test_a_graph_file_counts_by_its_content(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, graph in ((first, nx.path_graph(5)), (second, nx.star_graph(5))):
        folder.mkdir()
        nx.write_graphml(graph, folder / "mine.graphml")
    shutil.copy(first / "mine.graphml", tmp_path / "renamed.graphml")

    def made(*paths):
        files = [str(path) for path in paths]
        return experiments_structure.graph_networks(parameters(generators=[], graph_files=files, variants=["gru"]))

    a, b = made(first / "mine.graphml", second / "mine.graphml")
    assert key(made(tmp_path / "renamed.graphml")[0]) == key(a) != key(b)
    assert a.name != b.name
    assert a.name.startswith("mine (")
    table = experiments_structure.structure(parameters(generators=[], graph_files=[a.path, b.path], variants=["gru"]))
    assert table["graph"].tolist() == [a.name, b.name]
    assert table["edges"].tolist() == [4, 5]


def test_tables():
    p = parameters(graph_seeds=2)
    base, pruned, recovery = (getattr(experiments_pruning, n)(p) for n in ("base", "pruning", "recovery"))
    structure = experiments_structure.structure(p)
    for table, schema in (
        (base, tables.BASE),
        (pruned, (*tables.PRUNING, *tables.CONDITION, *tables.COST)),
        (recovery, (*tables.RECOVERY, *tables.CONDITION)),
        (experiments_pruning.survival(p), tables.SURVIVORS),
        (experiments_pruning.survival(p, "dead_units"), tables.DEAD_UNITS),
        (experiments_pruning.spectral_radii(p), tables.SPECTRAL_RADII),
        (structure, tables.GRAPHS),
    ):
        assert set(schema) <= set(table)
    assert len(base) == 2 * 2 * 1
    assert len(pruned) == 2 * 2 * 3 * 2
    assert recovery.groupby(["variant", "seed", "target", "percent"])["step"].apply(list).map(
        tuple
    ).unique().tolist() == [(0, 1, 4)]
    at_once = recovery[recovery["step"] == 0].reset_index(drop=True)
    assert at_once["accuracy"].equals(pruned["accuracy"])
    last = base.groupby(["variant", "seed"])["test_accuracy"].last()
    assert all(last[row.variant, row.seed] == row.base_accuracy for row in pruned.itertuples())
    both = pruned[pruned["target"] == "both"]
    assert np.allclose(both["sparsity"], both["percent"] / 100, atol=0.02)
    alone = pruned[(pruned["target"] != "both") & (pruned["percent"] == 50)]
    assert np.allclose(alone["sparsity"], 0.25, atol=0.02)
    assert len(structure) == 2 * 2 * 2
    assert set(NAMES) <= set(structure)
    drawn = {(u.variant, u.generator): u.drawn().number_of_edges() for u in experiments_structure.graph_networks(p)}
    assert all(drawn[row.variant, row.generator] == row.edges for row in structure.itertuples())


def test_a_resumed_population_has_the_same_bits(tmp_path):
    p = parameters(seeds=1, variants=["gru"])
    units = experiments_pruning.pruned_networks(p)
    whole, part = records.Store(tmp_path / "whole"), records.Store(tmp_path / "part")
    quiet = {"workers": 1, "report": lambda *_: None}
    run(units, whole, **quiet)
    run(units[:1], part, **quiet)  # alone
    run(units, part, **quiet)
    assert [whole.read(unit) for unit in units] == [part.read(unit) for unit in units]


def test_a_base_network_is_read_back_as_trained():
    p = parameters()
    network = studies.base_network(p, "gru")
    assert not torch.equal(network.embedding.weight, base_networks(p)[2].network().embedding.weight)


@pytest.fixture
def registered(monkeypatch):
    """One of everything that a user may add, by one function and one registration."""
    for registry in (scores.SCORES, families.GENERATORS, tasks.TASKS, SCHEDULES, PROTOCOLS):
        monkeypatch.setattr(registry, "register", lambda f, r=registry: monkeypatch.setitem(r, f.__name__, f))

    @scores.SCORES.register
    def by_row(network, names, evidence):
        return {n: torch.arange(network.get_parameter(n).numel()).view_as(network.get_parameter(n)) for n in names}

    @SCHEDULES.register
    def in_halves(sparsity, steps, rounds):
        return {0: sparsity / 2, steps // 2: sparsity}

    @PROTOCOLS.register
    def dense_again(start, mask):
        return start.trained(), Mask.of(start.trained())

    @families.GENERATORS.register
    def ring(nodes, seed):
        return nx.cycle_graph(nodes)

    @tasks.TASKS.register
    def parity(split, *, longest, **_):
        rng = np.random.default_rng(split.data_seed)
        words = ["".join(rng.choice(list("01"), longest)) for _ in range(split.train_size + split.test_size)]
        labels = np.array([word.count("1") % 2 for word in words])
        cut = slice(None, split.train_size), slice(split.train_size, None)
        return samples.Task("parity", *(samples.Strings(words[part], labels[part]) for part in cut))


def test_what_is_registered_is_known_by_its_name(registered):
    p = parameters(task="parity", generators=["ring"], score="by_row", variants=["gru"])
    assert experiments_pruning.pruning(p)["accuracy"].between(0, 1).all()
    assert (experiments_structure.structure(p)["edges"] == experiments_structure.structure(p)["nodes"]).all()
    assert not set(keys(experiments_pruning.pruned_networks(p))) & set(
        keys(experiments_pruning.pruned_networks(parameters(variants=["gru"])))
    )


def test_a_registered_schedule_and_protocol_are_compared_with_the_published_ones(registered):
    p = parameters(schedules=["in_halves"], protocols=["dense_again"], variants=["gru"], seeds=1, compare_at=[50])
    pruned, _ = experiments_pruning.schedules(p)
    assert pruned.set_index("schedule")["target_sparsity"].to_dict() == pytest.approx(
        {"one_shot": 0.5, "in_halves": 0.5}, abs=0.02
    )
    assert set(experiments_pruning.protocols(p)["recovery"]) == {"retrain", "dense_again"}


def test_what_a_task_asks_for_is_part_of_what_it_is(registered):
    assert tasks.options("parity") == ("longest",)
    assert tasks.options("reber") == ("valid_share", "shortest", "longest", "invalid")
    assert tasks.options("csv") == ("csv_path",)

    def made(**changes):
        return keys(base_networks(parameters(task="parity", **changes)))

    assert made() == made(shortest=6, valid_share=0.3)
    assert not set(made()) & set(made(longest=12))


@pytest.mark.parametrize("task", ["reber", "embedded_reber", "temporal_order", "digits"])
def test_steps_of_an_epoch_are_those_of_the_strings_made(task):
    given = strings(parameters(task=task))
    assert given.steps(16) == -(-len(given.make().train) // 16)


def test_listing_units_of_a_grammar_makes_no_strings(monkeypatch):
    monkeypatch.setattr(tasks, "make", lambda *_, **__: pytest.fail("strings were made"))
    for stem in ("01_pruning", "02_recovery", "03_graph_structured_rnns", "04_correlation_analysis"):
        assert studies.units(parameters(), stem)


@pytest.mark.parametrize("path", sorted(Path(studies.__file__).parent.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_no_module_only_re_exports(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert sum(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in body) >= 1
    assert "__all__" not in path.read_text(encoding="utf-8")


def test_every_task_that_can_be_made_has_baselines():
    def made(**changes):
        table = studies.task_baselines(parameters(**changes))
        return list(zip(table["task"], table["invalid"], strict=True)), table

    rows, table = made(invalid="edit")
    assert list(dict.fromkeys(rows)) == [
        ("reber", "automata"),
        ("reber", "edit"),
        ("embedded_reber", ""),
        ("temporal_order", ""),
        ("digits", ""),
    ]
    own = studies.baselines(parameters(invalid="edit"))
    assert table.query("invalid == 'edit'").set_index("classifier")["test_accuracy"].equals(own["test_accuracy"])
    many = made(train_size=3000, test_size=1000)[1].groupby("task")["samples"].unique()
    assert many["reber"].tolist() == [1000]
    assert many["digits"].tolist() == [449]  # of 1,797 samples, a quarter
    without, _ = made(test_size=8)
    assert ("digits", "") not in without
    assert ("embedded_reber", "") in without


def test_a_task_whose_baselines_are_recorded_is_not_made_to_be_listed(monkeypatch):
    p, made, real = parameters(), [], tasks.make
    monkeypatch.setattr(tasks, "make", lambda name, **given: made.append(name) or real(name, **given))
    first = studies.units(p, "00_task")
    assert {"reber", "embedded_reber"} <= {*made}
    for unit in first:
        if isinstance(unit, Baselines):
            records.default_store().write(unit, {"table": {}})
    made.clear()
    assert studies.units(p, "00_task") == first
    assert not made


def test_what_a_graph_network_costs_is_known_without_drawing_graphs_of_one_size(monkeypatch):
    p = parameters(graphs=2, nodes_min=11, nodes_max=11, null_models=["rewired"])
    units = [u for u in studies.units(p, "03_graph_structured_rnns") if u.kind == "graph_network"]
    drawn = [unit.drawn().number_of_nodes() for unit in units]
    monkeypatch.setattr(experiments_structure.designs, "draw", None)
    experiments_structure._drawn.cache_clear()
    assert {*drawn} == {11}
    assert all(unit.cost > 0 for unit in units)
