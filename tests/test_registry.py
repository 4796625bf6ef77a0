"""What a user registers: found by name, sent to workers, part of what it computes, and named where it goes wrong."""

import functools
import subprocess
import sys
import textwrap
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch

from sparsekit import registry
from sparsekit.experiments import execution, namespace, pruning, structure, studies
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import ParameterError
from sparsekit.graphs.families import GENERATORS
from sparsekit.graphs.nulls import NULLS
from sparsekit.graphs.properties import PROPERTIES
from sparsekit.pruning.recovery import PROTOCOLS
from sparsekit.pruning.schedules import SCHEDULES
from sparsekit.pruning.scores import SCORES
from sparsekit.registry import OwnError
from sparsekit.sources import source
from sparsekit.tasks.definitions import TASKS
from sparsekit.tasks.samples import Task
from tests.tiny import TINY, smallest, tiny

pytestmark = pytest.mark.usefixtures("nothing_stays")


def cell(text, **names):
    """What a cell of a notebook defines, by its last name."""
    namespace = {"__name__": "__main__", "torch": torch, "np": np, **names}
    exec(compile(textwrap.dedent(text), "cell", "exec"), namespace)
    return namespace["f"]


def of(text, **names):
    return source(cell(text, **names)).digest


def test_comments_docstrings_and_layout_are_no_part_of_a_source():
    plain = "def f(x, y=1):\n    return (x or y and x) + 2"
    spread = """
        # a comment
        def f(
            x,  # another
            y=1,
        ):
            '''What it does.'''

            return (
                x
                or y
                and x
            ) + 2
    """
    assert of(plain) == of(spread)
    assert of(plain) != of(plain.replace("2", "3"))
    assert of(plain) != of(plain.replace("y=1", "y=2"))
    assert of(plain) != of(plain.replace("+", "-"))


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("C = {}\ndef f(x): return x + C", "1", "2"),  # a constant
        ("C = np.array([1, {}])\ndef f(x): return x + C", "1", "2"),
        ("def g(x): return {}\ndef f(x): return g(x)", "x", "-x"),  # a helper
        ("def h(x): return {}\ndef g(x): return [h(y) for y in x]\ndef f(x): return g(x)", "x", "-x"),
        ("def make(a):\n  def g(x): return x + a\n  return g\nf = make({})", "1", "2"),  # a closure
        ("class K:\n  def __init__(self): self.a = {}\n  def __call__(self, x): return self.a\nf = K()", "1", "2"),
        ("class K:\n  def __call__(self, x): return {}\nf = K()", "1", "2"),
        ("import functools\ndef g(x, a): return x\nf = functools.partial(g, a={})", "1", "2"),
        ("import functools\n@functools.lru_cache\ndef f(x): return {}", "1", "2"),
        ("f = lambda x: {}", "x", "-x"),
        ("def f(x):\n  try: return {}\n  except ValueError: return 0", "x", "-x"),
    ],
)
def test_whatever_a_function_reaches_is_part_of_its_source(text, one, other):
    def digest(value):
        return of(text.replace("{}", value))

    assert digest(one) == digest(one)
    assert digest(one) != digest(other)


def test_a_source_is_the_same_in_every_process():
    text = "S = {'one', 'two', 'three', 'four'}\ndef f(x): return x in S or x in {'five', 'six', 'seven'}"
    code = f"from sparsekit.sources import own_modules, source\nexec({text!r})\nprint(source(f).digest)"
    env, seen = {"PYTHONPATH": str(Path(registry.__file__).parents[1])}, set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=env | {"PYTHONHASHSEED": seed}, capture_output=True, timeout=600
        )
        assert len(done.stdout.strip()) == 32, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


def test_a_corrected_function_computes_anew_and_nothing_else_does():
    before = [key(unit) for unit in pruning.pruned_networks(tiny())]
    SCORES.register(cell("def f(n, names, e): return {m: -n.get_parameter(m) for m in names}"), name="mine")
    (first,) = pruning.pruned_networks(tiny(score="mine"))
    SCORES.register(
        cell("def f(n, names, e):\n  'It.'\n  return {m: -n.get_parameter(m)\n  for m in names}"), name="mine"
    )
    assert pruning.pruned_networks(tiny(score="mine")) == [first]
    SCORES.register(cell("def f(n, names, e): return {m: n.get_parameter(m) for m in names}"), name="mine")
    (second,) = pruning.pruned_networks(tiny(score="mine"))
    assert key(second) != key(first)
    assert [key(unit) for unit in pruning.pruned_networks(tiny())] == before


def test_a_corrected_family_draws_other_graphs_in_the_same_process():
    GENERATORS.register(lambda nodes, seed: nx.path_graph(nodes), name="mine")
    p = tiny(generators=["mine"])
    assert structure.graph_networks(p)[0].drawn().number_of_edges() == 7
    GENERATORS.register(lambda nodes, seed: nx.cycle_graph(nodes), name="mine")
    assert structure.graph_networks(p)[0].drawn().number_of_edges() == 8


def test_a_corrected_property_is_measured_anew_in_every_row():
    p = tiny(generators=["erdos_renyi"])
    PROPERTIES.register(lambda view: 1, name="mine")
    structure.structure(p)
    PROPERTIES.register(lambda view: 2.5, name="mine")
    assert structure.structure(tiny(generators=["erdos_renyi"], graphs=2))["mine"].tolist() == [2.5, 2.5]
    del PROPERTIES["mine"]
    assert "mine" not in structure.structure(p)


def words(split, *, longest, alphabet: str = "01"):
    """Whether the alphabet's last character comes an even number of times."""
    from sparsekit.tasks.samples import Strings

    stream, drawn = np.random.default_rng(split.data_seed), {}
    while len(drawn) < split.train_size + split.test_size:
        drawn["".join(stream.choice(list(alphabet), longest))] = None
    drawn = list(drawn)
    labels = np.array([word.count(alphabet[-1]) % 2 for word in drawn])
    cut = slice(None, split.train_size), slice(split.train_size, None)
    return Task("words", *(Strings(drawn[part], labels[part]) for part in cut))


class Ring:
    """A family as an instance of a class."""

    def __init__(self, chords):
        self.chords = chords

    def __call__(self, nodes, seed):
        graph = nx.cycle_graph(nodes)
        graph.add_edges_from((0, k) for k in range(2, 2 + self.chords))
        return graph


def noisy(function):
    @functools.wraps(function)
    def inner(*arguments):
        return function(*arguments)

    return inner


def test_one_of_each_works_with_two_workers():
    TASKS.register(words)
    SCORES.register(functools.partial(smallest), name="partial")
    SCHEDULES.register(lambda sparsity, steps, rounds: {0: sparsity / 2, steps - 1: sparsity}, name="twice")
    PROTOCOLS.register(noisy(lambda start, mask: (start.early(), mask)), name="young")
    GENERATORS.register(Ring(2), name="ring")
    NULLS.register(lambda graph, seed: nx.path_graph(sorted(graph)), name="path")
    PROPERTIES.define("twice_nodes", "Two a node.", lambda view: 2 * view.n)
    more = {"task": "words", "alphabet": "AB", "score": "partial", "schedules": ["twice"], "protocols": ["young"]}
    p = tiny(workers=2, generators=["ring"], null_models=["path"], **more)
    assert set(pruning.strings(p).make().train.strings[0]) <= {*"AB"}
    assert set(pruning.schedules(p)[0]["schedule"]) == {"one_shot", "twice"}
    assert set(pruning.protocols(p)["recovery"]) == {"retrain", "young"}
    assert structure.structure(p)[["edges", "twice_nodes"]].to_numpy().tolist() == [[10, 16], [7, 16]]


def test_options_of_an_own_task_are_parameters_of_it():
    TASKS.register(words)
    assert tiny(task="words", alphabet="AB").alphabet == "AB"
    assert pruning.strings(tiny(task="words")) != pruning.strings(tiny(task="words", alphabet="AB"))
    assert pruning.strings(tiny(task="words", longest=9)) != pruning.strings(tiny(task="words"))
    with pytest.raises(ParameterError, match="'alphabett'; did you mean 'alphabet'"):
        tiny(task="words", alphabett="AB")
    with pytest.raises(ParameterError, match="alphabet: task reber does not use it; of use with words"):
        tiny(alphabet="AB")
    with pytest.raises(
        ParameterError,
        match="alphabet: given 5, but task words takes it as str; as text it stands in quotes: -p \"alphabet='5'\"",
    ):
        tiny(task="words", alphabet=5)
    with pytest.raises(ParameterError, match=r"unknown task 'wordz'.*did you mean 'words'"):
        tiny(task="wordz")
    assert namespace.check(TINY | {"task": "words", "alphabet": "AB", "SCORES": SCORES}).alphabet == "AB"


def test_a_constant_of_a_registered_function_is_no_parameter():
    cells = TINY | {"__name__": "__main__", "SCORES": SCORES}
    exec(
        "POWER = 2\n@SCORES.register\ndef mine(n, names, e): return {m: n.get_parameter(m) ** POWER for m in names}",
        cells,
    )
    assert namespace.check(cells | {"score": "mine"}).score == "mine"
    with pytest.raises(ParameterError, match="unknown parameter 'POWERS'"):
        namespace.check(cells | {"POWERS": 2})


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (lambda: SCORES.register(smallest, name="magnitude"), "pruning score 'magnitude' is the kit's own"),
        (lambda: SCORES.register(lambda n, m, e: {}), "given the name '<lambda>'.*register.function, name='mine'"),
        (lambda: SCORES.register(functools.partial(smallest)), "given the name ''"),
        (lambda: SCORES.register(5, name="five"), "pruning score 'five': given a int; give a function"),
    ],
)
def test_what_cannot_be_registered_is_named(add, said):
    before = dict(SCORES)
    with pytest.raises(OwnError, match=said):
        add()
    assert before == SCORES


WRONG = [
    (GENERATORS, lambda nodes, seed: None, "generators", "graph generator 'mine' .*gave None; give a networkx.Graph"),
    (GENERATORS, lambda nodes, seed: nx.path_graph(3), "generators", "gave a graph of 3 nodes; asked for are 8"),
    (GENERATORS, lambda nodes, seed: nx.empty_graph(nodes), "generators", "gave no edges"),
    (GENERATORS, lambda nodes, seed: 1 / 0, "generators", "'mine' .*ZeroDivisionError"),
    (GENERATORS, lambda nodes: nx.path_graph(nodes), "generators", "'mine' .*TypeError"),
    (NULLS, lambda graph, seed: nx.path_graph(3), "null_models", "null model 'mine' .*3 nodes; asked for are 8"),
    (PROPERTIES, lambda view: "many", "", "graph property 'mine' .*gave a str; give a number"),
]


@pytest.mark.parametrize(("registry", "function", "asked", "said"), WRONG)
def test_a_wrong_graph_or_property_is_named(registry, function, asked, said):
    registry.register(function, name="mine")
    p = tiny(**{"generators": ["erdos_renyi"]} | ({asked: ["mine"]} if asked else {}))
    with pytest.raises((OwnError, execution.ExecutionError), match=said):
        structure.structure(p)


SCORED = [
    (lambda n, names, e: None, "pruning score 'mine' .*gave None; give {name: scores}"),
    (lambda n, names, e: {}, "gave no scores of stages.0.weight_hh"),
    (lambda n, names, e: {m: torch.ones(1) for m in names}, r"gave scores of shape \(1,\) for stages.0.weight_hh"),
    (lambda n, names, e: {m: n.get_parameter(m).tolist() for m in names}, "gave a list for stages.0.weight_hh"),
    (lambda n, names, e: {m: n.get_parameter(m) * torch.nan for m in names}, "mine gives scores that are not finite"),
]


@pytest.mark.parametrize(("function", "said"), SCORED)
def test_a_wrong_score_is_named(function, said):
    SCORES.register(function, name="mine")
    with pytest.raises(execution.ExecutionError, match=said):
        pruning.pruning(tiny(score="mine"))


@pytest.mark.parametrize(
    ("kind", "function", "said"),
    [
        (SCHEDULES, lambda sparsity, steps, rounds: [sparsity], "pruning schedule 'mine' .*gave a list"),
        (SCHEDULES, lambda sparsity, steps, rounds: {0: 0.1}, "at last 0.5"),
        (SCHEDULES, lambda sparsity, steps, rounds: {-1: sparsity}, "steps from 0"),
        (
            PROTOCOLS,
            lambda start, mask: start.fresh(),
            "recovery protocol 'mine' .*gave a Classifier; give the network",
        ),
        (PROTOCOLS, lambda start, mask: (getattr(start, "ear" + "ly")(), mask), "'mine' .*let it say start.early"),
    ],
)
def test_a_wrong_schedule_or_protocol_is_named(kind, function, said):
    kind.register(function, name="mine")
    table, asked = (pruning.schedules, "schedules") if kind is SCHEDULES else (pruning.protocols, "protocols")
    with pytest.raises((OwnError, execution.ExecutionError), match=said):
        table(tiny(**{asked: ["mine"]}))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda split: None, "task mine: its function made a NoneType; give a samples.Task"),
        (lambda split: undefined, "task 'mine' .*NameError"),  # noqa: F821
        (lambda split, *, size: None, "task mine: its function asks for size"),
    ],
)
def test_a_wrong_task_is_named(function, said):
    TASKS.register(function, name="mine")
    with pytest.raises(ValueError, match=said):
        pruning.strings(tiny(task="mine")).make()


def test_where_a_file_lies_is_no_part_of_a_source():
    text = "def f(x): return (x, __file__)"
    assert of(text, __file__="/here/mine.py") == of(text, __file__="/there/mine.py")


def test_a_task_that_fails_leaves_the_others_their_baselines(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path / "runs"))

    @TASKS.register
    def broken(split):
        raise ValueError("boom")

    small = {"train_size": 60, "test_size": 20, "longest": 53, "shortest": 11}
    with pytest.warns(UserWarning, match=r"left out: task 'broken' .*ValueError: boom"):
        found = studies._task_baselines(tiny(**small))
    assert {"reber", "temporal_order"} <= {task for task, _ in found.values()}
    with pytest.raises(OwnError, match="boom"):
        studies._task_baselines(tiny(**small, task="broken"))
