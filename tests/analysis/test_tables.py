"""Tables: what the room loads."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sparsekit import analysis
from sparsekit.analysis.tables import one_per_graph

ROOM = sorted(path.stem for path in Path(analysis.__file__).parent.glob("[a-z]*.py"))


def test_the_room_is_light_to_import():
    unwanted = ["torch", "matplotlib", "sklearn", "statsmodels", "sparsekit.networks", "sparsekit.pruning"]
    code = f"""import importlib, sys
for name in {ROOM}: importlib.import_module("sparsekit.analysis." + name)
print([name for name in {unwanted} if name in sys.modules])"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert found.stdout.strip() == "[]"


def test_one_per_graph_averages_over_seeds():
    rows = [{"variant": "gru", "generator": "g", "graph": g, "seed": s} for g in range(3) for s in range(2)]
    table = pd.DataFrame(rows).assign(test_accuracy=[0.5, 0.5, 0.6, 0.6, 0.7, 0.7])
    table["test_accuracy"] += 0.1 * table["seed"]
    rows = one_per_graph(table, "gru")
    assert list(rows["graph"]) == [0, 1, 2]
    first = table.loc[table["seed"] == 0, "test_accuracy"]
    assert rows["test_accuracy"].tolist() == pytest.approx((first + 0.05).tolist())
