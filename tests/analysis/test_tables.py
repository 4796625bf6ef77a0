"""Tables: what the room loads."""

import subprocess
import sys
from pathlib import Path

from sparsekit import analysis

ROOM = sorted(path.stem for path in Path(analysis.__file__).parent.glob("[a-z]*.py"))


def test_the_room_is_light_to_import():
    unwanted = ["torch", "matplotlib", "sklearn", "statsmodels", "sparsekit.networks", "sparsekit.pruning"]
    code = f"""import importlib, sys
for name in {ROOM}: importlib.import_module("sparsekit.analysis." + name)
print([name for name in {unwanted} if name in sys.modules])"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
