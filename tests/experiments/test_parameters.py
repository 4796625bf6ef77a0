"""Parameters: every bad value gives one clear line, and the files of params/ are fit for use."""

import importlib
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import yaml

from sparsekit.cli import main
from sparsekit.experiments import project as parameter_files
from sparsekit.experiments.namespace import check
from sparsekit.experiments.parameters import Parameters, describe, file_value
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.values import REGISTRIES
from sparsekit.tasks.definitions import TASKS
from sparsekit.variants import TARGETS, VARIANTS

ROOT = Path(__file__).parents[2]
SETS = ["beyond", "cliff", "controls", "memory", "quick", "smoke", "sparse", "thesis", "thesis5"]


def problems(**values):
    with pytest.raises(ParameterError) as caught:
        Parameters(**values)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all("\n" not in p for p in caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"learning_rate": "fast"}, "learning_rate: given 'fast', allowed is a number above 0"),
        ({"learning_rate": 0}, "learning_rate: given 0, allowed is a number above 0"),
        ({"learning_rate": "nan"}, "learning_rate: given 'nan', allowed is a number above 0"),
        ({"learning_rate": float("inf")}, "learning_rate: given inf, allowed is a number above 0"),
        ({"learning_rate": None}, "learning_rate: given None, allowed is a number above 0"),
        ({"seeds": True}, "seeds: given True, allowed is a whole number of at least 1"),
        ({"seeds": 1.5}, "seeds: given 1.5, allowed is a whole number of at least 1"),
        ({"seeds": "two"}, "seeds: given 'two', allowed is a whole number of at least 1"),
        ({"seeds": [1]}, "seeds: given [1], allowed is a whole number of at least 1"),
        ({"margin": 2}, "margin: given 2, allowed is a number above 0 and below 1"),
        ({"percentages": [10, 101]}, "percentages: given 101, allowed is a number of at least 0 and at most 100"),
        ({"percentages": [10, 10.0]}, "percentages: given 10.0 twice, allowed is each only once"),
        ({"percentages": []}, "percentages: given an empty list, allowed is a list of at least one"),
        (
            {"seeds": 10**8},
            "seeds: given 100000000, which makes 6,400,000,000 networks; allowed are 100,000; "
            "SPARSEKIT_LIMITS=64000 in the environment allows it",
        ),
        (
            {"graphs": 10**8},
            "graphs: given 100000000, which makes 1,600,000,000 networks; allowed are 100,000; "
            "SPARSEKIT_LIMITS=16000 in the environment allows it",
        ),
        (
            {"graph_seeds": 10**8},
            "graph_seeds: given 100000000, which makes 4,800,000,000 networks; allowed are 100,000; "
            "SPARSEKIT_LIMITS=48000 in the environment allows it",
        ),
        (
            {"hidden_size": 10**4},
            "hidden_size: given 10000, which makes 300,000,000 weights; allowed are 100,000,000; "
            "SPARSEKIT_LIMITS=3 in the environment allows it",
        ),
        ({"layers": 10**5}, "layers: given 100000, allowed is a whole number of at least 1 and at most 100"),
        ({"longest": 10**6}, "longest: given 1000000, allowed is a whole number of at least 5 and at most 10000"),
        (
            {"seed": 10**5000},
            "seed: given a number of more digits than Python writes, allowed is a whole number "
            "of at least 0 and at most 9223372036854775807",
        ),
        ({"margin": "x" * 99}, f"margin: given '{'x' * 76}…, allowed is a number above 0 and below 1"),
        (
            {"percentages": "10, 50"},
            "percentages: given '10, 50', allowed is a list of: number of at least 0 and at most 100; "
            "give a list, such as [10, 50]",
        ),
        (
            {"variants": "(gru, lstm)"},
            "variants: given '(gru, lstm)', allowed is a list of: rnn_tanh, rnn_relu, gru, lstm; "
            "give a list, such as [gru, lstm]",
        ),
        (
            {"percentages": "[50, 60"},
            "percentages: given '[50, 60', allowed is a list of: number of at least 0 and at most 100; "
            "give a list, such as [50, 60]",
        ),
        *(
            (
                {"percentages": v},
                f"percentages: given {v!r}, allowed is a list of: number of at least 0 and at most 100",
            )
            for v in ("50-90", "range(10)", None, "ten")
        ),
        (
            {"recovery_steps": 10**5000},
            "recovery_steps: given a number of more digits than Python writes, "
            "allowed is a list of: whole number of at least 1",
        ),
        (
            {"recovery_steps": 5},
            "recovery_steps: given 5, allowed is a list of: whole number of at least 1; give a list, such as [5]",
        ),
        ({"SEEDS": 2}, "unknown parameter 'SEEDS'; did you mean 'seeds'? `sparsekit list` shows all"),
        ({"recovery_steps": [0]}, "recovery_steps: given 0, allowed is a whole number of at least 1"),
        ({"csv_path": 3}, "csv_path: given 3, allowed is a file path"),
        ({"shortest": 30, "longest": 20}, "shortest: given 30, allowed is at most longest, which is 20"),
        ({"nodes_min": 30, "nodes_max": 20}, "nodes_min: given 30, allowed is at most nodes_max, which is 20"),
        ({"generators": []}, "generators: given an empty list, allowed only where graph_files names a graph"),
        ({"hiden_size": 3}, "unknown parameter 'hiden_size'; did you mean 'hidden_size'? `sparsekit list` shows all"),
        (
            {"variants": "lstm"},
            "variants: given 'lstm', allowed is a list of: rnn_tanh, rnn_relu, gru, lstm; "
            "give a list, such as ['lstm']",
        ),
        (
            {"variants": "[gru, lstm]"},
            "variants: given '[gru, lstm]', allowed is a list of: rnn_tanh, rnn_relu, gru, lstm; "
            "papermill takes lists by -y 'variants: [gru, lstm]'",
        ),
        (
            {"variants": ["gru", "lstn"]},
            "variants: unknown variant 'lstn': allowed are rnn_tanh, rnn_relu, gru, lstm; did you mean 'lstm'?",
        ),
        ({"targets": ["i2"]}, "targets: unknown target 'i2': allowed are both, i2h, h2h; did you mean 'i2h'?"),
        (
            {"readout": "last"},
            "readout: unknown readout 'last': allowed are last_padded, last_valid; did you mean 'last_valid'?",
        ),
        ({"device": "gpu"}, "device: unknown device 'gpu': allowed are auto, cpu, cuda; did you mean 'cpu'?"),
    ],
)
def test_one_line_says_what_was_given_and_what_is_allowed(values, line):
    assert problems(**values) == [line]


def test_tasks_and_generators_are_those_registered():
    assert problems(task="rebr")[0].endswith(f"allowed are {', '.join(sorted(TASKS))}; did you mean 'reber'?")
    assert "did you mean 'watts_strogatz'?" in problems(generators=["wats_strogatz"])[0]


CHOICES = {
    "variant": "variants",
    "target": "targets",
    "task": "task",
    "kind of invalid strings": "invalid",
    "graph generator": "generators",
    "design": "design",
    "orientation": "orientation",
    "null model": "null_models",
    "claim": "claims",
    "structure": "structure",
    "layout of gate masks": "gate_masks",
    "readout": "readout",
    "pruning score": "scores",
    "unit score": "unit_scores",
    "scope": "scopes",
    "schedule": "schedules",
    "recovery protocol": "protocols",
    "initial mask": "initial_masks",
    "dynamic update": "dynamics",
    "initial scale": "initial_scale",
    "device": "device",
    "source of variation": "vary",
}


@pytest.mark.parametrize("kind", REGISTRIES)
def test_whatever_is_registered_is_accepted_by_name_and_shown(kind, monkeypatch, capsys):
    name, (module, registry) = CHOICES[kind], REGISTRIES[kind]
    module = importlib.import_module(f"sparsekit.{module}")
    there = getattr(module, registry)
    if isinstance(there, tuple):
        monkeypatch.setattr(module, registry, (*there, "homemade"))
    else:
        monkeypatch.setitem(there, "homemade", next(iter(there.values())))
    given = ["homemade"] if isinstance(Parameters.model_fields[name].default, list) else "homemade"
    needed = {"ensemble": 1} if kind == "claim" else {}
    assert getattr(Parameters(**{name: given}, **needed), name) == given
    assert "homemade" in {n: words for n, words, *_ in describe()}[name]
    assert main(["list"]) == 0
    assert "homemade" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("name", "always"), [("schedules", "one_shot"), ("protocols", "retrain"), ("initial_masks", "dense")]
)
def test_what_is_always_compared_is_no_choice(name, always):
    assert f"{always!r}: allowed are" in problems(**{name: [always]})[0]


def test_an_unknown_name_with_nothing_near_lists_what_is_allowed():
    (line,) = problems(zzz=1)
    assert line.startswith("unknown parameter 'zzz': allowed are task, csv_path")


def test_every_problem_has_its_line():
    assert len(problems(seeds=0, margin=0, variants=["a", 3], hidden=1)) == 5


def test_numbers_may_be_text_or_numpy():
    p = Parameters(
        learning_rate="1e-3", train_size="1e3", seeds=np.int64(3), margin=np.float32(0.5), percentages=[np.int8(5)]
    )
    assert (p.learning_rate, p.train_size, p.seeds, p.margin, p.percentages) == (1e-3, 1000, 3, 0.5, [5])
    assert type(p.train_size) is int
    assert type(p.percentages[0]) is float


def test_a_whole_number_in_quotes_keeps_its_last_digit():
    assert Parameters(seed="9007199254740993").seed == 2**53 + 1


def test_vocabulary_comes_from_one_table():
    assert Parameters().variants == list(VARIANTS)
    assert Parameters().targets == list(TARGETS)


def test_frozen_and_independent_of_each_other():
    p = Parameters()
    with pytest.raises(ValueError, match="frozen"):
        p.seeds = 3
    p.variants.append("more")
    assert Parameters().variants == list(VARIANTS)
    assert pickle.loads(pickle.dumps(Parameters(seeds=4))) == Parameters(seeds=4)


def test_files_are_found_from_the_notebooks_folder_and_the_one_above(tmp_path, monkeypatch):
    for name in ("notebooks", "params"):
        (tmp_path / name).mkdir()
    (tmp_path / "notebooks" / "00_task.ipynb").touch()
    (tmp_path / "mine.csv").touch()
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert Parameters(task="csv", csv_path="mine.csv").csv_path == str((tmp_path / "mine.csv").resolve())
    assert Parameters(graph_files=[tmp_path / "mine.csv"]).graph_files == [str((tmp_path / "mine.csv").resolve())]
    assert "no such file" in problems(csv_path="other.csv")[0]
    assert "csv_path: given nothing, but task csv needs" in problems(task="csv")[0]


def test_defaults_pass_their_own_check():
    defaults = {name: default for name, _, default, _ in describe()}
    assert Parameters(**defaults) == Parameters()


def test_describe_tells_type_default_and_meaning_of_each():
    rows = {name: rest for name, *rest in describe()}
    assert list(rows) == list(Parameters.model_fields)
    assert all(kind and meaning for kind, _, meaning in rows.values())
    assert rows["margin"][0] == "number above 0 and below 1"
    assert rows["percentages"][0] == "list of: number of at least 0 and at most 100"
    assert rows["device"][:2] == ["one of auto, cpu, cuda", "auto"]


# --- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_sets_are_flat_short_and_say_what_they_are_for(name):
    text = (ROOT / "params" / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    assert len(text.splitlines()) <= 45
    assert max(map(len, text.splitlines())) <= 120
    values = yaml.safe_load(text)
    assert values == parameter_files.read(ROOT / "params" / f"{name}.yaml")
    assert values.keys() <= Parameters.model_fields.keys()
    assert Parameters.load(name) == Parameters(**values)


def test_thesis_is_the_published_protocol():
    p = Parameters.load("thesis")
    published = {
        "task": "reber",
        "train_size": 18750,
        "test_size": 6250,
        "valid_share": 0.5,
        "shortest": 11,
        "longest": 53,
        "readout": "last_padded",
        "variants": list(VARIANTS),
        "seeds": 1,
        "hidden_size": 50,
        "layers": 3,
        "embedding_size": 50,
        "learning_rate": 0.001,
        "gradient_clip": 5,
        "base_epochs": 50,
        "batch_size_pruning": 32,
        "targets": list(TARGETS),
        "percentages": list(range(10, 101, 10)),
        "retrain_epochs": 10,
        "generators": ["barabasi_albert", "watts_strogatz"],
        "graphs": 100,
        "nodes_min": 10,
        "nodes_max": 50,
        "graph_files": [],
        "design": "published",
        "structure": "layered",
        "orientation": "by_node",
        "interface": 0,
        "graph_seeds": 1,
        "graph_epochs": 15,
        "batch_size_structure": 128,
        "gate_masks": "rows",
    }
    assert {name: getattr(p, name) for name in published} == published


def test_beyond_and_quick_have_what_they_promise():
    assert Parameters.load("beyond").seeds >= 5
    assert Parameters.load("beyond").gate_masks == "blocks"
    assert Parameters.load("quick").seeds >= 2


def test_overrides_go_on_top():
    assert Parameters.load("smoke", {"seeds": 7}).seeds == 7
    with pytest.raises(ParameterError, match="did you mean 'seeds'"):
        Parameters.load("smoke", {"sedes": 7})


def test_unknown_sets_and_missing_files(tmp_path):
    with pytest.raises(ParameterError, match=r"unknown parameter set 'quik': allowed are .*did you mean 'quick'"):
        Parameters.load("quik")
    with pytest.raises(ParameterError, match=r"nowhere.yaml: there is no such file"):
        Parameters.load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: [1", r"set.yaml: not YAML \(line 1"),
        ('seeds: 2\ncsv_path: "a.csv\nlayers: 2\nrounds: 3\n', r"set.yaml: not YAML \(line 2: .*quote"),
        ("seeds: 2\ncsv_path: 'a.csv\nlayers: 2\nrounds: 3\n", r"set.yaml: not YAML \(line 2: "),
        ("seeds: 2\npercentages: [10, 20\nlayers: 2\n", r"set.yaml: not YAML \(line 2: .*expected ',' or ']'"),
        ("seeds: 2\nlayers: a: b\n", r"set.yaml: not YAML \(line 2: mapping values"),
        ("seeds: 2\n# \0\n", r"set.yaml: not YAML \(line 2: special characters are not allowed"),
        ("<<: {seeds: 3}", "set.yaml: << in line 1: write the values out"),
        ("device: !!bool maybe", "set.yaml: a value is none"),
        ("learning_rate: 1:30.5", "given 1:30.5 in line 1, which YAML reads as 90.5; write it as 90.5"),
        ("- seeds", "set.yaml: not a flat mapping"),
        ("just text", "set.yaml: not a flat mapping"),
        ("1: 2", "set.yaml: not a flat mapping"),
        ("seeds: {first: 1}", "set.yaml: not a flat mapping: seeds holds names of its own"),
        ("seeds: 2\nseed: 1\nseeds: 3", r"set.yaml: seeds: given twice \(again in line 3\)"),
        ("seeds: 010", "set.yaml: given 010 in line 1, which YAML reads as 8; write it as 8, or in quotes as text"),
        ("seeds: 1:30", "which YAML reads as 90"),
        ("seeds: 1\n---\nseeds: 2", r"set.yaml: not YAML \(line 2: but found another document\)"),
        ("csv_path: 2024-13-45", "csv_path: given '2024-13-45', but there is no such file"),
        ("csv_path: 2024-01-05", "csv_path: given '2024-01-05', but there is no such file"),
        ("seeds: 2024-01-05T10:00:00", "seeds: given '2024-01-05T10:00:00', allowed is a whole number"),
        pytest.param(
            f"seed: {'7' * 5000}", "^seed: given '777.*…, allowed is a whole number of at least 0", id="digits"
        ),
        ("seeds: !!python/object/apply:os.getpid []", "set.yaml: not YAML"),
        ("device: no", "device: given False, allowed is one of auto, cpu, cuda"),
        ("? [1, 2]\n: 3", "set.yaml: not"),
    ],
)
def test_bad_files(tmp_path, text, message):
    (tmp_path / "set.yaml").write_text(text)
    with pytest.raises(ParameterError, match=message):
        Parameters.load(tmp_path / "set.yaml")


def test_more_files(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("# ä\nseeds: 1".encode("latin-1"))
    with pytest.raises(ParameterError, match=r"latin.yaml: not YAML"):
        Parameters.load(tmp_path / "latin.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing")
    assert Parameters.load(tmp_path / "empty.yaml") == Parameters()
    (tmp_path / "text.yaml").write_text("learning_rate: 1e-2\n")
    assert Parameters.load(str(tmp_path / "text.yaml")).learning_rate == 0.01


def test_sets_are_those_of_the_project_around_the_working_folder(tmp_path, monkeypatch):
    for name in ("notebooks/deeper", "params"):
        (tmp_path / name).mkdir(parents=True)
    for name, seeds in (("mine", 9), ("quick", 8)):
        (tmp_path / "params" / f"{name}.yaml").write_text(f"seeds: {seeds}")
    monkeypatch.chdir(tmp_path / "notebooks" / "deeper")
    (tmp_path / "notebooks" / "1_eda.ipynb").touch()
    assert parameter_files.project_root() != tmp_path  # someone's own folder of notebooks
    assert list(parameter_files.sets()) == SETS
    (tmp_path / "notebooks" / "03_graph_structured_rnns.ipynb").touch()
    assert parameter_files.project_root() == tmp_path
    assert (Parameters.load("mine").seeds, Parameters.load("quick").seeds) == (9, 8)
    assert set(parameter_files.sets()) == {"mine", *SETS}
    monkeypatch.chdir("/")
    assert list(parameter_files.sets()) == SETS


def test_what_is_no_file_of_parameters(tmp_path):
    (tmp_path / "mine.ipynb").write_text("{}")
    with pytest.raises(ParameterError, match=r"mine.ipynb: a notebook; .*--only"):
        Parameters.load(tmp_path / "mine.ipynb")
    with pytest.raises(ParameterError, match="a folder or a pipe, not a file"):
        Parameters.load(f"{tmp_path}/")
    for source in ("x" * 5000, "a\0b.yaml", f"{tmp_path}/{'x' * 5000}.yaml"):
        with pytest.raises(ParameterError, match=r"no such file|unknown parameter set"):
            Parameters.load(source)
        assert "no such file" in problems(csv_path=source)[0]
    assert "no such file" in problems(csv_path=tmp_path)[0]


def test_values_of_a_command_line():
    assert parameter_files.value("[10, 50]") == [10, 50]
    assert parameter_files.value("gru") == "gru"
    with pytest.raises(ParameterError, match="no YAML value"):
        parameter_files.value("[1")
    for text in ("7" * 5000, "2024-13-45", "2024-01-05"):
        assert parameter_files.value(text) == text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("csv_path", "my data #2.csv", "my data #2.csv"),
        ("csv_path", "a: b [1].csv", "a: b [1].csv"),
        ("csv_path", "'it''s.csv'", "it''s.csv"),
        ("csv_path", "007", "007"),
        ("csv_path", "null", "null"),
        ("graph_files", "[]", []),
        ("graph_files", "[a #1.edges, 'b c.csv', \"d,e.csv\"]", ["a #1.edges", "b c.csv", "d,e.csv"]),
        ("graph_files", "a.csv", "a.csv"),
        ("percentages", "[10, 50]", [10, 50]),
    ],
)
def test_paths_of_a_command_line_are_taken_as_they_stand(name, text, value):
    assert file_value(name, text) == value


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"inner_length": 9}, "inner_length: task reber does not use it; of use with embedded_reber"),
        ({"task": "digits", "longest": 19}, "longest: task digits does not use it; of use with embedded_reber, reber"),
        (
            {"task": "embedded_reber", "invalid": "edit"},
            "invalid: task embedded_reber does not use it; of use with reber",
        ),
    ],
)
def test_what_a_task_does_not_use_is_no_override(overrides, said):
    with pytest.raises(ParameterError) as caught:
        Parameters.load("smoke", overrides)
    assert str(caught.value).startswith(said)


def test_a_file_of_strings_without_its_task_is_refused(tmp_path):
    (tmp_path / "mine.csv").touch()
    assert problems(csv_path=tmp_path / "mine.csv") == [
        f"csv_path: given '{tmp_path}/mine.csv', but task reber reads no file; give task=csv too"
    ]


# --- notebooks --------------------------------------------------------------------------------------------------


def test_check_takes_the_plain_values_of_a_namespace():
    namespace = {
        "__name__": "__main__",
        "_i1": "seeds = 3",
        "In": ["", "seeds = 3"],
        "Out": {},
        "seeds": 3,
        "percentages": (10, 20),
        "graphs": types.ModuleType("graphs"),
        "np": np,
        "Path": Path,
        "table": np.zeros(3),
        "PAPERMILL_OUTPUT_PATH": "out.ipynb",
        "helper": lambda: None,
    }
    assert check(namespace) == Parameters(seeds=3, percentages=[10, 20])


def test_check_refuses_unknown_plain_values():
    for value in ("text", 1, 0.5, True, [1], (1,), {}, None):
        with pytest.raises(ParameterError, match="did you mean 'base_epochs'"):
            check({"base_epoch": value})


def test_check_again_after_later_cells_have_run():
    namespace = {"__name__": "__main__", "In": ["", "seeds = 2"], "Out": {}, "seeds": 2}
    namespace["p"] = check(namespace)
    namespace.update(best=0.9, variant="lstm", found=[1], seeds=3)  # of later cells, and of the first one, run again
    before = dict(namespace)
    assert check(namespace).seeds == 3
    assert namespace == before
    namespace["base_epoch"] = 4
    with pytest.raises(ParameterError, match="did you mean 'base_epochs'"):
        check(namespace)


def test_what_stands_before_the_first_parameters_is_judged_strictly_every_time():
    namespace = {"seeds": 2, "wrong": 1}
    with pytest.raises(ParameterError, match="unknown parameter 'wrong'"):
        check(namespace)
    namespace["p"] = Parameters()
    with pytest.raises(ParameterError, match="unknown parameter 'wrong'"):
        check(namespace)


def test_names_of_ipython_and_papermill_are_no_parameters():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("from sparsekit.experiments.namespace import check")
    shell.run_cell("seeds = 3\nPAPERMILL_INPUT_PATH = 'in.ipynb'", store_history=True)
    for _ in range(2):
        assert shell.run_cell("p = check(globals())\nbest = 0.5", store_history=True).success
    assert shell.user_ns["p"].seeds == 3


def kernel(*cells):
    """What each cell of a notebook ends with, run one after the other."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.showtraceback = lambda *_, **__: None
    found = []
    for cell in ("from sparsekit.experiments import namespace", *cells):
        error = shell.run_cell(cell, store_history=True).error_in_exec
        found.append(str(error) if error else shell.user_ns.get("p"))
    return found[1:]


CHECK = "p = namespace.check(globals())"


def test_a_corrected_slip_is_forgotten():
    *_, failed, _, p = kernel("seedz = 2", CHECK, "seeds = 3", CHECK)
    assert "unknown parameter 'seedz'" in failed
    assert p.seeds == 3
    cells = ("seeds = 3\nzzz = 2", CHECK, "%matplotlib --list\nseeds = 3", CHECK)
    assert [type(found) for found in kernel(*cells)[1::2]] == [str, Parameters]


@pytest.mark.parametrize(
    "cells",
    [
        ("seedz = 2", CHECK, CHECK),  # nothing was corrected
        ("seedz = 2", "layers = 2", CHECK),  # two cells of parameters
        ("seedz = 2", "layers = 2", CHECK, "layers = 2", CHECK),
        ("seeds = 2", CHECK, "hiden_size = 9", "print()", CHECK),
        ("seeds = 2", CHECK, "hiden_size = 9", CHECK, CHECK),
        ("seeds = 2", CHECK, "hiden_size = 9", "seeds = 3", CHECK),
    ],
)
def test_a_slip_that_was_not_corrected_stays_an_error(cells):
    assert "unknown parameter" in kernel(*cells)[-1]


def test_a_loop_variable_is_no_parameter():
    loop = "for seed in range(7): pass"
    assert kernel("seeds = 2", CHECK, loop, "seeds = 3", CHECK)[-1] == Parameters(seeds=3)
    assert kernel("seeds = 2", CHECK, loop, CHECK)[-1] == Parameters(seeds=2)
    said = "seed: a later cell has left 6 in it; rename that variable, and run the cell tagged 'parameters' again"
    assert kernel("seed = 1", CHECK, loop, CHECK)[-1] == said
    assert kernel("seed = 1", CHECK, "layers = [1]\nseed += 1", CHECK)[-1].startswith("seed: a later cell has left 2")
    assert kernel("seed = 1", CHECK, loop, "seed = 1", CHECK)[-1] == Parameters(seed=1)
    fast = "if True: seeds = 1"
    assert kernel("seeds = 2", fast, CHECK, "seeds = 2", fast, CHECK)[-1] == Parameters(seeds=1)
    inside = "def f():\n    for seed in [3]: pass\nfound = [seed for seed in [4]]"
    assert kernel("seed = 1", CHECK, inside, CHECK)[-1] == Parameters(seed=1)


def test_a_line_deleted_from_the_cell_is_not_silently_kept():
    said = "hidden_size: 9 is left from a cell that has been changed since; assign it again, or run `del hidden_size`"
    cells = ("seeds = 2\nhidden_size = 9\nlayers = 3", CHECK, "seeds = 2", CHECK)  # layers has its default
    assert kernel(*cells)[-1] == said
    assert kernel(*cells, "del hidden_size", CHECK)[-1] == Parameters(seeds=2)
    assert kernel("seeds = 2", "hidden_size = 9", CHECK, "seeds = 3", CHECK)[-1] == Parameters(seeds=3, hidden_size=9)
    assert kernel("seeds = 2\nhidden_size = 9", "seeds = 1", CHECK)[-1] == Parameters(seeds=1, hidden_size=9)


def test_what_was_handed_over_must_be_what_is_found(monkeypatch):
    injected = "# Parameters\nseeds = 3\npercentages = [10, 20.0]\nplot = True\n"
    assert kernel("seeds = 1", injected, "del plot", CHECK)[-1].seeds == 3
    said = "seeds: 3 was handed over, but a cell assigns 1; assign parameters in the cell tagged 'parameters' only"
    assert kernel(injected, "del plot", "seeds = 1", CHECK)[-1] == said
    monkeypatch.setenv("SPARSEKIT_PARAMETERS", '{"seeds": 2, "layers": 3}')
    assert kernel("seeds = 2", CHECK)[-1] == Parameters(seeds=2)
    assert "layers: 3 was handed over, but a cell assigns 1" in kernel("layers = 1", CHECK)[-1]
    assert check({"layers": 1}).layers == 1  # no notebook's names


def test_ipython_shows_the_lines_and_no_traceback():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell()
    with capture_output() as shown:
        result = shell.run_cell(
            "from sparsekit.experiments.namespace import check\nbase_epoch = 3\nmargin = 5\ncheck(globals())"
        )
    assert isinstance(result.error_in_exec, ParameterError)
    assert "Traceback" not in shown.stdout + shown.stderr
    assert shown.stdout.splitlines()[:2] == [
        "ParameterError: margin: given 5, allowed is a number above 0 and below 1",
        "ParameterError: unknown parameter 'base_epoch'; did you mean 'base_epochs'? `sparsekit list` shows all",
    ]


def loaded_by_a_slip(name):
    code = "import sys; from sparsekit.cli import main; assert main(sys.argv[1:]) == 2; print(*sys.modules)"
    command = [sys.executable, "-c", code, "run", name, "-p", "sedes=3"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    assert process.stderr.count("\n") == 1
    assert "did you mean 'seeds'" in process.stderr
    return set(process.stdout.split())


@pytest.mark.parametrize("name", SETS)
def test_a_slip_is_answered_before_anything_heavy_is_loaded(name):
    assert not loaded_by_a_slip(name) & {"pandas", "sklearn", "matplotlib", "statsmodels", "nbformat", "IPython"}


@pytest.mark.parametrize("name", SETS)
def test_a_slip_is_answered_before_torch_is_loaded(name):
    assert not loaded_by_a_slip(name) & {"torch", "numba"}
