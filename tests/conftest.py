import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def records_of_their_own(tmp_path, monkeypatch):
    """No test reads or leaves records in the project's own folder."""
    monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session")
def published_folder():
    """A clone of the published study, whose path the environment names."""
    path = os.environ.get("SPARSEKIT_PUBLISHED")
    if not path:
        pytest.skip("SPARSEKIT_PUBLISHED names no clone of the published study")
    return Path(path)
