"""Records computed again and compared."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from sparsekit.experiments import execution, locks, verification
from tests.experiments.test_status import UNITS, Clock, Drawn, change, store

__all__ = ["store"]  # a fixture


def verdicts(store, units=UNITS):
    return {verdict.unit: verdict for verdict in verification.verify(units, store, workers=1)}


def test_records_computed_again_are_the_same_bits(store):
    files = {p: p.read_bytes() for p in store.path.rglob("*") if p.is_file()}
    found = verdicts(store)
    assert all(v.holds and v.exact and "the same bits" in str(v) for v in found.values())
    assert list(found) == UNITS
    assert {p: p.read_bytes() for p in store.path.rglob("*") if p.is_file()} == files


def test_verify_finds_a_number_that_was_edited_whatever_its_checksum_says(store):
    change(store, UNITS[1], lambda record: record["data"].update(accuracy=record["data"]["accuracy"] + 1e-9))
    found = verdicts(store, UNITS[:4])
    assert [v.holds for v in found.values()] == [True, False, True, True]
    assert "differs: accuracy" in str(found[UNITS[1]])


def test_verify_finds_weights_that_were_changed(store):
    file = store.weights_file(UNITS[2])
    torch.save({"w": torch.ones(3)}, file)
    found = verdicts(store, [UNITS[2]])[UNITS[2]]
    assert not found.holds
    assert "weights" in str(found)
    assert file.exists()


def test_verify_names_a_record_that_cannot_be_read_and_leaves_it(store):
    file = store.file(UNITS[1])
    file.write_text("{")
    found = verdicts(store, [UNITS[1], UNITS[4]])
    assert "truncated" in str(found[UNITS[1]])
    assert "the record of drawn" in str(found[UNITS[4]])
    assert file.exists()


def test_elsewhere_numbers_may_be_as_far_apart_as_the_tolerance(store):
    def elsewhere(by):
        def how(record):
            record["provenance"]["processor"] = "another"
            record["data"]["accuracy"] = min(record["data"]["accuracy"] + by, 1)

        return how

    change(store, UNITS[0], elsewhere(0.005))
    change(store, UNITS[1], elsewhere(0.2))
    near, far = verdicts(store, UNITS[:2]).values()
    assert near.holds
    assert "close" in str(near)
    assert "tolerance 0.02" in str(near)
    assert not far.holds


@dataclass(frozen=True)
class Beside(Drawn):
    """While it is computed another run begins, which removes what dead ones have left."""

    kind: ClassVar[str] = "beside"

    def result(self, store, device):
        with locks.scratch(Path(tempfile.gettempdir()), "sparsekit-"):
            return super().result(store, device)


def test_a_run_that_begins_beside_does_no_harm(store):
    units = [Beside(1), Drawn(2), Beside(3)]
    execution.run(units, store, workers=1, report=lambda state: None)
    assert [str(v).rpartition(": ")[2] for v in verdicts(store, units).values()] == ["the same bits"] * 3


def test_a_sample_is_drawn_by_its_seed_from_what_is_recorded_and_not_timed(store):
    units = [*UNITS, Clock(1), Drawn(77)]
    execution.run([Clock(1)], store, workers=1, report=lambda state: None)
    assert verification.sample(units, store, 3) == verification.sample(units[::-1], store, 3)
    assert {*verification.sample(units, store, 100)} == {*UNITS}
