"""A user's files of what they register: loaded, sent to workers and kernels, and named where they go wrong."""

from pathlib import Path

import pytest

from sparsekit import registry
from sparsekit.cli import main
from sparsekit.experiments import extensions, pruning, records, sparse, structure
from sparsekit.pruning.scores import SCORES
from sparsekit.registry import OwnError
from tests.tiny import smallest, tiny

pytestmark = pytest.mark.usefixtures("nothing_stays")


def test_what_cannot_be_sent_is_named_before_anything_runs(tmp_path):
    import threading

    lock = threading.Lock()
    SCORES.register(lambda n, names, e: lock and smallest(n, names, e), name="locked")
    with pytest.raises(OwnError, match=r"'locked' .*cannot be sent to worker processes.*workers=1"):
        pruning.pruning(tiny(score="locked", workers=2))
    assert not (tmp_path / "runs" / "base").exists()
    assert len(pruning.pruning(tiny(score="locked"))) == 1


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


SCORE = "from sparsekit.pruning.scores import SCORES\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file in"),
        ("def broken(:\n", "mine.py, line 1, is not Python"),
        (
            SCORE + "@SCORES.register\ndef half(n, m, e): return {}\n1 / 0\n",
            "module mine.py, line 4: ZeroDivisionError",
        ),
        (
            SCORE + "@SCORES.register\ndef magnitude(n, m, e): return {}\n",
            "line 2: pruning score 'magnitude' is the kit's",
        ),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("x = 1\n", "it registers nothing"),
    ],
)
def test_a_module_that_cannot_be_used_is_one_line(folder, capsys, text, said):
    if text is not None:
        (folder / "mine.py").write_text(text)
    before = dict(SCORES)
    assert main(["list", "--module", "mine.py"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sparsekit: --module mine.py")
    assert said in line
    assert before == SCORES


def test_two_modules_with_one_name_are_named(folder, capsys):
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(SCORE + "@SCORES.register\ndef mine(n, m, e): return {}\n")
    assert main(["list", "--module", "one.py", "--module", "two.py"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "two.py" in line
    assert "one.py has registered one of that name" in line


def test_a_module_and_the_users_package_beside_it(folder, capsys):
    (folder / "beside").mkdir()
    (folder / "beside" / "__init__.py").touch()
    helper = folder / "beside" / "signs.py"
    helper.write_text("def turned(x):\n    return -x.abs()\n")
    text = "from beside.signs import turned\n" + SCORE
    text += "@SCORES.register\ndef mine(n, names, e):\n    'The other way round.'\n"
    text += "    return {m: turned(n.get_parameter(m)) for m in names}\n"
    (folder / "mine.py").write_text(text)
    assert main(["list", "--module", "mine.py"]) == 0
    out = capsys.readouterr().out
    assert "The other way round." in out
    assert "mine.py" in out
    assert len(pruning.pruning(tiny(score="mine", workers=2))) == 1
    assert records.default_store().has(pruning.pruned_networks(tiny(score="mine"))[0])


def test_the_readmes_one_of_each_works_with_two_workers(folder):
    text = Path(registry.__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    (folder / "mine.py").write_text(text.partition("```python\n# mine.py\n")[2].partition("```")[0])
    extensions.load("mine.py")
    more = {"task": "parity", "alphabet": "ab", "scores": ["squared"], "schedules": ["halves"]}
    more |= {"protocols": ["from_early"], "generators": ["lollipop"], "null_models": ["path"], "workers": 2}
    p = tiny(**more)
    assert "squared" in set(pruning.scores(p)["score"])
    assert "halves" in set(pruning.schedules(p)[0]["schedule"])
    assert "from_early" in set(pruning.protocols(p)["recovery"])
    own = {"initial_masks": ["largest"], "dynamics": ["static", "anywhere"], "compressions": [4], "update_interval": 2}
    accuracies = sparse.accuracies(tiny(**more | own, sparse_variants=["gru"], training_multiplier=1))
    assert {"largest", "anywhere"} < set(accuracies["method"])
    assert structure.structure(p)[["null", "hubs"]].to_numpy().tolist() == [["none", 4], ["path", 0]]


def test_a_batch_run_hands_its_modules_to_its_kernels(folder, monkeypatch):
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    from sparsekit.reports import html

    (folder / "mine.py").write_text(SCORE + "@SCORES.register\ndef mine(n, m, e): return {}\n")
    extensions.load("mine.py")
    declared = new_code_cell("score = 'magnitude'", metadata={"tags": ["parameters"]})
    check = new_code_cell("from sparsekit.experiments import namespace\nprint(namespace.check(globals()).score)")
    nbformat.write(new_notebook(cells=[declared, check]), folder / "00_own.ipynb")
    html.execute(folder / "00_own.ipynb", folder / "out.ipynb", {"score": "mine"})
    assert "mine" in str(nbformat.read(folder / "out.ipynb", 4).cells[-1].outputs)
