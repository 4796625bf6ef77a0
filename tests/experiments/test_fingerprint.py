"""What changes the digest of a unit's code, and what does not."""

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import sparsekit
from sparsekit import sources
from sparsekit.experiments import fingerprint
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.pruned import PrunedNetwork
from sparsekit.experiments.units import BaseNetwork, Strings
from sparsekit.networks.training import Recipe
from sparsekit.pruning.scores import SCORES

BASE = BaseNetwork(Strings("reber", 100, 50), "gru", 0, Recipe(1))
PRUNED = PrunedNetwork(BASE, "both", 80.0, Recipe(1))
PRINT = (
    "import sys; sys.path[:0] = sys.argv[1:]; "
    "import test_fingerprint as t; print(*map(t.fingerprint.code, (t.BASE, t.PRUNED)))"
)

SILENT = {
    "networks/training.py": [
        ('"""A fresh optimizer of all the population\'s weights."""', '"""Another docstring."""\n    # and a comment'),
        ("import time\n", "# a comment at the top\nimport time\n"),
    ],
    "tasks/baselines.py": [("_majority", "_most")],
    "pruning/latency.py": [("SHORTEST", "BRIEFEST")],
    "pruning/scores.py": [("def random(", "def random(  # any\n    ")],
}


def codes(folder, hash_seed="0", changes=(), moves=()):
    """The digests as another process finds them, in a copy of the kit where texts are replaced and files renamed."""
    package = folder / "sparsekit"
    shutil.copytree(Path(sparsekit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in changes:
        text = (package / name).read_text()
        assert old in text, f"{name} holds no {old!r}"
        (package / name).write_text(text.replace(old, new))
    for name, new in moves:
        (package / name).rename((package / name).with_name(new))
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", PRINT, str(folder), str(Path(__file__).parent)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=600).stdout.split()


def test_comments_docstrings_and_other_rooms_do_not_count(tmp_path):
    changes = [(name, old, new) for name, pairs in SILENT.items() for old, new in pairs]
    assert codes(tmp_path, "17", changes) == [fingerprint.code(BASE), fingerprint.code(PRUNED)]


def test_a_constant_in_a_function_that_is_reached_counts_for_what_builds_on_it_too(tmp_path):
    found = codes(tmp_path, changes=[("networks/training.py", "norms + 1e-6", "norms + 1e-5")])
    assert found[0] != fingerprint.code(BASE)
    assert found[1] != fingerprint.code(PRUNED)


def test_in_which_of_the_kits_modules_a_function_stands_does_not_count(tmp_path):
    """Masks and the networks' core move, with what imports them at the top or on the way."""
    names = ("sparsekit.pruning.masks", "sparsekit.networks.core")
    here = Path(sparsekit.__file__).parent
    changes = [
        (str(path.relative_to(here)), name, f"{name}_moved")
        for path in here.rglob("*.py")
        for name in names
        if name in path.read_text()
    ]
    moves = [
        (f"{name.removeprefix('sparsekit.').replace('.', '/')}.py", f"{name.split('.')[-1]}_moved.py") for name in names
    ]
    assert codes(tmp_path, changes=changes, moves=moves) == [fingerprint.code(BASE), fingerprint.code(PRUNED)]


def test_only_the_choice_that_a_unit_names_counts():
    reached = fingerprint.parts(PRUNED)
    assert "sparsekit.pruning.scores.magnitude" in reached
    others = {SCORES[name].__qualname__ for name in SCORES} - {"magnitude"}
    assert not {f"sparsekit.pruning.scores.{name}" for name in others} & reached.keys()
    assert "sparsekit.networks.training.train" in reached
    assert "sparsekit.networks.kernels.backward" in reached
    assert not [name for name in reached if name.startswith(("sparsekit.reports", "sparsekit.figures"))]


def test_what_is_remembered_in_one_process_changes_nothing():
    before = fingerprint.code(PRUNED)
    fingerprint._MEMORY.clear()
    fingerprint._PARTS.clear()
    assert fingerprint.code(PRUNED) == before


SOURCE = '''
FACTOR = 2
UNREAD = 1
def helper(x):
    """Says this."""
    return FACTOR * x + 1
def other(x):
    return x
TABLE = {"one": helper, "two": other}
def by_name(x, name):
    return TABLE[name](x)
'''


@pytest.fixture
def made(monkeypatch):
    """The digest of a unit whose user's functions come from a text."""

    def make(text, choice="one", call="helper"):
        namespace = {"__name__": "__main__"}
        exec(text, namespace)

        @dataclass(frozen=True)
        class Mine(Unit):
            kind: ClassVar[str] = "mine"
            choice: str

            def result(self, store, device):
                return {"x": function(1)}, None

        function = namespace[call]
        return fingerprint.code(Mine(choice))

    return make


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("Says this", "Says that", False),
        ("    return FACTOR", "    # why\n\n    return FACTOR", False),
        ("UNREAD = 1", "UNREAD = 2", False),
        ("FACTOR = 2", "FACTOR = 3", True),
        ("x + 1", "x + 2", True),
        ("return x\n", "return -x\n", False),
    ],
)
@pytest.mark.parametrize("call", ["helper", "by_name"])
def test_of_a_users_functions_what_is_reached_counts(made, old, new, counts, call):
    assert (made(SOURCE, call=call) != made(SOURCE.replace(old, new), call=call)) == counts


def test_a_fields_default_counts_for_it_is_no_part_of_the_identity():
    def unit(given):
        @dataclass(frozen=True)
        class Mine(Unit):
            kind: ClassVar[str] = "mine"
            seed: int
            share: float = given

            def result(self, store, device):
                return {"x": self.share}, None

        return Mine(1)

    assert fingerprint.code(unit(0.5)) == fingerprint.code(unit(0.5))
    assert fingerprint.code(unit(0.5)) != fingerprint.code(unit(0.6))


def test_what_leads_too_deep_counts_by_its_type():
    nested = ()
    for _ in range(5000):
        nested = (nested,)
    assert fingerprint._data(nested) == "builtins.tuple"
    assert fingerprint._data((1, 2)) == fingerprint._data((1, 2)) != fingerprint._data((1, 3))


@pytest.mark.parametrize(("folder", "own"), [("site-packages", False), ("dist-packages", False), ("mine", True)])
def test_a_library_of_another_environment_is_not_the_users_own(tmp_path, monkeypatch, folder, own):
    """As of the system, where an environment lets it in: torch was read through and through."""
    (tmp_path / folder).mkdir()
    (tmp_path / folder / f"lib_{own}_{folder[:4]}.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path / folder)
    module = importlib.import_module(f"lib_{own}_{folder[:4]}")
    assert sources.of_user(module.__name__) == own
