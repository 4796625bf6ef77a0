"""Tables: what the room loads, and what is remembered."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

from sparsekit import analysis
from sparsekit.analysis import tables

ROOM = sorted(path.stem for path in Path(analysis.__file__).parent.glob("[a-z]*.py"))


def test_the_room_is_light_to_import():
    unwanted = ["torch", "matplotlib", "sklearn", "statsmodels", "sparsekit.networks", "sparsekit.pruning"]
    code = f"""import importlib, sys
for name in {ROOM}: importlib.import_module("sparsekit.analysis." + name)
print([name for name in {unwanted} if name in sys.modules])"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_remembered_results_are_equal_and_ones_own():
    calls = []

    @tables.remembered
    def slow(table, factor=2):
        calls.append(factor)
        return pd.DataFrame({"x": table["x"] * factor})

    table = pd.DataFrame({"x": [1.0, 2.0]})
    first = slow(table)
    first.loc[0, "x"] = 99
    assert slow(table.copy(), factor=2)["x"].tolist() == [2, 4]
    assert calls == [2]
    assert slow(table, 3)["x"].tolist() == [3, 6]
    assert slow(table.assign(x=[1.0, 3.0]))["x"].tolist() == [2, 6]
    assert calls == [2, 3, 2]
