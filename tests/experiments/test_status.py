"""What a store says of itself, and what is cleaned."""

import json
import os
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from sparsekit.experiments import execution, records, status
from sparsekit.experiments.identity import Unit, digest
from sparsekit.experiments.provenance import made_by
from sparsekit.experiments.records import Store


@dataclass(frozen=True)
class Drawn(Unit):
    kind: ClassVar[str] = "drawn"
    seed: int
    parts: tuple = ()
    fault: str = ""

    @property
    def requires(self):
        return self.parts

    def result(self, store, device):
        if self.fault:
            raise ValueError(self.fault)
        drawn = torch.rand(3, generator=torch.Generator().manual_seed(self.seed))
        further = [store.read(part)["accuracy"] for part in self.parts]
        return {"accuracy": float(drawn[0]), "never": float("nan"), "further": further}, {"w": drawn}


@dataclass(frozen=True)
class Clock(Drawn):
    kind: ClassVar[str] = "clock"
    timed: ClassVar[bool] = True


UNITS = [Drawn(k) for k in range(4)] + [Drawn(9, (Drawn(0), Drawn(1)))]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "runs")
    execution.run(UNITS, store, workers=1, report=lambda state: None)
    return store


def change(store, unit, how):
    """Change a record in such a way that its checksum is right."""
    file = store.file(unit)
    record = json.loads(file.read_text())
    how(record)
    del record["sha256"]
    file.write_text(json.dumps(record | {"sha256": digest(record)}))


def test_status_counts_what_is_done_missing_and_failed_with_its_reason(store):
    bad = Drawn(5, fault="boom")
    with pytest.raises(execution.ExecutionError):
        execution.run([bad, Drawn(6, (bad,))], store, workers=1, report=lambda state: None)
    text = status.status([*UNITS, bad, Drawn(6, (bad,)), Drawn(7)], store)
    assert "8 units" in text
    assert "5 done, 3 to compute" in text
    assert "ValueError: boom" in text
    assert "not run, since drawn: seed 5, boom failed" in text
    assert "\n5 records made by this code, sparsekit" in text


def test_status_looks_at_each_file_once(store, monkeypatch):
    looked, stamp = [], records.stamp
    monkeypatch.setattr(records, "stamp", lambda file: looked.append(file) or stamp(file))
    status.status(UNITS, store)
    assert sorted(looked) == sorted(str(store.file(unit)) for unit in UNITS)


def test_status_and_the_table_tell_records_of_other_and_unknown_code(store):
    change(store, UNITS[0], lambda record: record["provenance"].update(code="0" * 32, torch="1.0"))
    change(store, UNITS[1], lambda record: record["provenance"].pop("code"))
    assert made_by(UNITS, store).groupby("code")["records"].sum().to_dict() == {"other": 1, "this": 3, "unknown": 1}
    text = status.status(UNITS, store)
    assert "4 done, 1 to compute" in text
    assert "1 of them have a record of other code" in text
    assert "torch 1.0 (here " in text


def test_a_folder_tells_what_is_in_it(store):
    store.file(UNITS[0]).write_text("[]")
    text = status.folder_status(store)
    assert "4 records" in text
    assert "4 drawn" in text
    assert "1 broken" in text


def test_clean_finds_leftovers_and_no_record(store):
    old, lonely = store.path / "drawn" / ".x.tmp", store.path / "drawn" / "ab" / "c.pt"
    lonely.parent.mkdir(exist_ok=True)
    old.touch()
    lonely.touch()
    assert not any(status.leftovers(store).values())  # somebody may be writing them
    os.utime(old, (0, 0))
    os.utime(lonely, (0, 0))
    store.file(UNITS[0]).write_text("[]")
    with pytest.warns(UserWarning, match="no record"):
        assert not store.has(UNITS[0])
    store.fail(Drawn(5), "boom")
    found = status.leftovers(store)
    assert [len(files) for files in found.values()] == [3, 1, 1, 1]
    status.remove(file for files in found.values() for file in files)
    assert not any(status.leftovers(store).values())
    assert all(store.has(unit) for unit in UNITS[1:])
