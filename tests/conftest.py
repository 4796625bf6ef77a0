import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from sparsekit.experiments import extensions
from sparsekit.sources import own_modules

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def records_of_their_own(tmp_path, monkeypatch):
    """No test reads or leaves records in the project's own folders."""
    monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SPARSEKIT_RECORDS", "own")


@pytest.fixture(scope="session")
def published_folder():
    """A clone of the published study, whose path the environment names."""
    path = os.environ.get("SPARSEKIT_PUBLISHED")
    if not path:
        pytest.skip("SPARSEKIT_PUBLISHED names no clone of the published study")
    return Path(path)


@pytest.fixture
def nothing_stays(tmp_path):
    """What a test registers or loads is gone after it."""
    loaded, path = list(extensions._LOADED), list(sys.path)
    with suppress(ZeroDivisionError), extensions._all_or_nothing():
        yield
        raise ZeroDivisionError
    extensions._LOADED[:], sys.path[:] = loaded, path
    for module in own_modules():
        if tmp_path in Path(module.__file__).parents:
            del sys.modules[module.__name__]
