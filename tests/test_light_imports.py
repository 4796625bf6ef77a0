import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOMS = ("sparsekit.tasks", "sparsekit.graphs")
MODULES = [
    f"{room}.{file.stem}"
    for room in ROOMS
    for file in sorted(Path(find_spec(room).origin).parent.glob("*.py"))
    if file.stem != "__init__"
]
HEAVY = {"torch", "matplotlib", "numba", "statsmodels", "sklearn"}


def loaded(*modules):
    """What a fresh interpreter has loaded after it imported these."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
        ).stdout.split()
    )


@pytest.mark.parametrize("room", ROOMS)
def test_tasks_and_graphs_load_no_heavy_library_and_not_each_other(room):
    own = [module for module in MODULES if module.startswith(room)]
    found = loaded(*own)
    assert set(own) <= found
    assert not HEAVY & found
    assert {name.split(".")[1] for name in found if name.startswith("sparsekit.")} <= {
        room.split(".")[1],
        "registry",
        "sources",
        "seeds",
        "variants",
    }
