"""The tables of chapter 6 of arXiv 2407.20601, from a clone of its repository, where there is one."""

import os
from pathlib import Path

import pandas as pd
import pytest

PUBLISHED = os.environ.get("SPARSEKIT_PUBLISHED")
needs_published = pytest.mark.skipif(not PUBLISHED, reason="SPARSEKIT_PUBLISHED names no clone of the repository")


def published(variant):
    path = Path(PUBLISHED, f"Implementations/experiments/results/structure/{variant}.csv")
    if not path.is_file():
        pytest.skip(f"this clone has no table of {variant}")
    return pd.read_csv(path)
