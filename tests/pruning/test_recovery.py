"""Names of scores, schedules and protocols are looked up without torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["variants", "pruning.scores", "pruning.schedules", "pruning.recovery"])
def test_names_are_known_before_torch_is_loaded(module):
    code = f"import sys, sparsekit.{module}; assert not {{'torch', 'numba'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
