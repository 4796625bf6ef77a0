"""Records made before are found: the units of two parameter sets have the keys that they always had."""

import hashlib
import json
from pathlib import Path

import pytest

from sparsekit.experiments import studies
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import Parameters

KNOWN = json.loads(Path(__file__).with_name("identities.json").read_text())


def digests(name):
    """By notebook and kind: number of units, one hash over their sorted keys. What is timed names its machine."""
    found = {}
    for stem in studies.NOTEBOOKS:
        keys = {}
        for unit in studies.units(Parameters.load(name), stem):
            if not unit.timed:
                keys.setdefault(unit.kind, []).append(key(unit))
        found[stem] = {
            kind: [len(k), hashlib.sha256("".join(sorted(k)).encode()).hexdigest()] for kind, k in keys.items()
        }
    return found


@pytest.mark.parametrize("name", ["smoke", "quick"])
def test_units_keep_their_keys(name):
    assert digests(name) == KNOWN[name]
