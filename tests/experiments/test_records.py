"""Records: what names them, that they are whole, and what happens where they are not."""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparsekit import __version__
from sparsekit.experiments import execution, fingerprint, records
from sparsekit.experiments.identity import identity, key, title
from sparsekit.experiments.provenance import made_by
from sparsekit.experiments.records import RecordError, Store, default_store
from sparsekit.networks import processor
from tests.experiments.test_status import Clock


@dataclass(frozen=True)
class Recipe:
    epochs: int
    batch_size: int = 32


@dataclass(frozen=True)
class Base:
    kind: ClassVar[str] = "base"
    variant: str
    seed: int
    recipe: Recipe = Recipe(5)
    path: str = field(default="", compare=False)


@dataclass(frozen=True)
class Pruned:
    kind: ClassVar[str] = "pruned"
    base: Base
    percent: float
    recipe: Recipe
    steps: tuple[int, ...] = (1, 2)


UNIT = Pruned(Base("gru", 3), 50.0, Recipe(2))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_identity_holds_what_differs_from_defaults_and_nested_kinds():
    assert identity(UNIT) == {
        "base": {"kind": "base", "variant": "gru", "seed": 3},
        "percent": 50,
        "recipe": {"epochs": 2},
    }
    json.dumps(identity(UNIT))


def test_a_key_is_the_same_in_every_process_and_python():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; "
        "import test_records as t; from sparsekit.experiments.records import key; print(key(t.UNIT))"
    )
    here = Path(__file__).parent
    command = [sys.executable, "-c", code, str(here.parent), str(here)]
    for hash_seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": hash_seed}
        assert subprocess.run(
            command, env=env, capture_output=True, text=True, check=True, timeout=600
        ).stdout.strip() == key(UNIT)
    # a change of this name would orphan every result that anyone keeps
    assert key(UNIT) == "26ba0375d4c677f888ab13d645c1b64bcc3599a8c9704b6bbc8d826f52d474ec"


def test_equal_units_share_a_key_and_others_do_not():
    same = [
        Pruned(Base("gru", 3), 50, Recipe(2)),
        Pruned(Base("gru", 3), np.float64(50), Recipe(2, 32)),
        Pruned(Base("gru", np.int64(3), path="elsewhere"), 50, Recipe(2), [1, 2]),
    ]
    others = [
        Pruned(Base("gru", 4), 50, Recipe(2)),
        Pruned(Base("gru", 3), 50.5, Recipe(2)),
        Pruned(Base("gru", 3, Recipe(6)), 50, Recipe(2)),
        Pruned(Base("gru", 3), 50, Recipe(2), (1, 2, 3)),
        Base("gru", 3),
    ]
    assert {key(u) for u in same} == {key(UNIT)}
    assert len({key(u) for u in [UNIT, *others]}) == 6


def test_a_new_option_with_a_default_keeps_old_results():
    old = make_dataclass("Unit", [("seed", int)], namespace={"kind": "unit"}, frozen=True)
    new = make_dataclass("Unit", [("seed", int), ("score", str, "magnitude")], namespace={"kind": "unit"}, frozen=True)
    assert key(old(1)) == key(new(1))
    assert key(new(1, "random")) != key(new(1))


@given(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5) | st.booleans() | st.none())
def test_true_and_one_differ_and_everything_plain_has_a_key(value):
    unit = Base(value, 0)
    assert key(unit) == key(Base(value, 0))
    assert key(Base(True, 0)) != key(Base(1, 0))


def test_what_has_no_place_in_an_identity_is_refused():
    with pytest.raises(TypeError, match=r"given <object .*allowed are numbers"):
        key(Base(object(), 0))


def test_written_and_read_back(store):
    assert not store.has(UNIT)
    data = {
        "accuracy": np.float32(0.5),
        "count": np.int64(3),
        "never": math.nan,
        "far": -math.inf,
        "curve": [0.1, math.nan],
        "array": np.arange(3),
        "tensor": torch.ones(2),
        "name": "ä",
        "none": None,
        "flag": np.bool_(True),
        "nested": {"a": (1, 2)},
    }
    weights = {"w": torch.randn(3, 2, requires_grad=True), "m": torch.tensor([True, False])}
    store.write(UNIT, data, weights, seconds=1.5)
    assert store.has(UNIT)
    back = store.read(UNIT)
    assert math.isnan(back["never"])
    assert math.isnan(back["curve"][1])
    assert back["far"] == -math.inf
    assert (back["accuracy"], back["count"], back["name"], back["flag"]) == (0.5, 3, "ä", True)
    assert (back["array"], back["tensor"], back["nested"]) == ([0, 1, 2], [1.0, 1.0], {"a": [1, 2]})
    kept = store.weights(UNIT)
    assert torch.equal(kept["w"], weights["w"])
    assert torch.equal(kept["m"], weights["m"])
    assert not kept["w"].requires_grad


def test_a_record_is_json_with_provenance_where_its_key_says(store):
    store.write(UNIT, {"x": math.nan}, seconds=2)
    name = key(UNIT)
    text = (store.path / "pruned" / name[:2] / f"{name}.json").read_text()
    record = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    assert record["identity"] == identity(UNIT)
    assert record["provenance"]["sparsekit"] == __version__
    assert record["provenance"]["torch"] == torch.__version__.split("+")[0] or record["provenance"]["torch"]
    assert record["provenance"]["seconds"] == 2
    assert record["provenance"]["processor"] == processor.kind()
    assert record["provenance"]["code"] == fingerprint.code(UNIT)
    assert {"python", "numpy", "numba", "platform", "device", "utc"} <= set(record["provenance"])
    assert [p.name for p in store.path.rglob("*") if p.is_file()] == [f"{name}.json"]


def test_what_took_long_is_forced_onto_the_disk(store, monkeypatch):
    forced = []
    monkeypatch.setattr(os, "fsync", forced.append)
    store.write(UNIT, {"x": 1}, {"w": torch.ones(1)}, seconds=0.2)
    assert not forced
    store.write(UNIT, {"x": 2}, {"w": torch.ones(1)}, seconds=1)
    assert len(forced) == 2  # its weights, and itself
    text, _ = store.bytes_of(UNIT)
    Store(store.path / "another").put(UNIT, text, store.bytes_of(UNIT)[1])
    assert len(forced) == 4


def test_the_last_writer_wins_and_no_half_file_stays(store, monkeypatch):
    store.write(UNIT, {"x": 1})
    store.write(UNIT, {"x": 2}, {"w": torch.ones(1)})
    assert store.read(UNIT)["x"] == 2
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(RecordError, match="No space left on device"):
        store.write(UNIT, {"x": 3}, seconds=2)
    assert store.read(UNIT)["x"] == 2
    assert not list(store.path.rglob("*.tmp"))


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_record_is_missing_with_a_warning_that_names_it(store, share):
    store.write(UNIT, {"x": list(range(50))})
    file = store.file(UNIT)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.warns(UserWarning, match=f"broken record.*{file.name}"):
        assert not store.has(UNIT)
    store.write(UNIT, {"x": 1})
    assert store.read(UNIT) == {"x": 1}


@pytest.mark.parametrize("text", ["[]", "3", '{"data": {}}', "\x00\x00", "null"])
def test_other_content_is_missing_too(store, text):
    store.write(UNIT, {"x": 1})
    store.file(UNIT).write_text(text)
    with pytest.warns(UserWarning, match="broken record"):
        assert not store.has(UNIT)


def test_lost_or_truncated_weights_make_a_record_missing(store):
    store.write(UNIT, {"x": 1}, {"w": torch.ones(100)})
    weights = store.weights_file(UNIT)
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.warns(UserWarning, match="broken record"):
        assert not store.has(UNIT)
    store.write(UNIT, {"x": 1}, {"w": torch.ones(100)})
    weights.unlink()
    with pytest.warns(UserWarning, match="lost its weights"):
        assert not store.has(UNIT)


def test_damaged_weights_of_the_right_size_are_an_error(store):
    store.write(UNIT, {"x": 1}, {"w": torch.ones(100)})
    weights = store.weights_file(UNIT)
    weights.write_bytes(b"x" * weights.stat().st_size)
    assert store.has(UNIT)  # a look at the record costs no look at its weights
    with pytest.warns(UserWarning, match="other weights"), pytest.raises(RecordError, match=store.file(UNIT).name):
        store.weights(UNIT)
    assert not store.has(UNIT)


def test_missing_records_and_weights_say_so(store):
    with pytest.raises(RecordError, match="no record of pruned: GRU, seed 3, 50 %"):
        store.read(UNIT)
    store.write(UNIT, {"x": 1})
    with pytest.raises(RecordError, match="recorded without weights"):
        store.weights(UNIT)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file")
    for attempt in (store.check_writable, lambda: store.write(UNIT, {})):
        with pytest.raises(RecordError, match=r"cannot write records to .*SPARSEKIT_RUNS"):
            attempt()


def test_names_in_data_must_be_text(store):
    with pytest.raises(TypeError, match="given the name 3"):
        store.write(UNIT, {"curve": {3: 0.5}})
    assert not store.has(UNIT)


def test_title_is_short():
    assert title(UNIT) == "pruned: GRU, seed 3, 50 %"
    assert len(title(Base("x" * 500, 1))) < 50


def test_default_store(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path / "kept"))
    assert default_store().path == tmp_path / "kept"
    monkeypatch.delenv("SPARSEKIT_RUNS")
    for name in ("project/notebooks", "project/params", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "project" / "notebooks" / "00_task.ipynb").touch()  # by which a project is known
    monkeypatch.chdir(tmp_path / "project" / "notebooks")
    assert default_store().path == tmp_path / "project" / "runs"
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert default_store().path == tmp_path / "elsewhere" / "runs"


def spoil(store, unit, change):
    """Change a record's JSON by hand."""
    file = store.file(unit)
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


def edit(record):
    record["data"]["x"] = 2


def older(record):
    """As records were before they had checksums and said which code made them."""
    for name in ("sha256", "weights_sha256"):
        record.pop(name, None)
    del record["provenance"]["code"]


FAULTS = {
    "changed after it was written": edit,
    "another unit": lambda record: record["identity"].update(percent=51),
    "no record": lambda record: record.pop("provenance"),
    "was changed": lambda record: record["provenance"].update(code="0" * 32),
}


@pytest.mark.parametrize("problem", FAULTS)
def test_a_record_changed_by_hand_is_set_aside_and_never_read(store, problem):
    store.write(UNIT, {"x": 1}, {"w": torch.ones(2)})
    name, weights = store.file(UNIT).stem, store.weights_file(UNIT).name
    spoil(store, UNIT, FAULTS[problem])
    with pytest.warns(UserWarning, match=problem):
        assert not store.has(UNIT)
    with pytest.raises(RecordError, match="no record"):
        store.read(UNIT)
    kept = store.path / "set-aside" / "pruned"
    assert sorted(p.name for p in kept.iterdir()) == [weights, f"{name}.json", f"{name}.txt"]
    assert problem in (kept / f"{name}.txt").read_text()
    assert not store.file(UNIT).exists()


def test_what_is_set_aside_twice_is_kept_twice(store):
    for _ in range(2):
        store.write(UNIT, {"x": 1})
        spoil(store, UNIT, edit)
        with pytest.warns(UserWarning, match="changed"):
            assert not store.has(UNIT)
    assert len(list((store.path / "set-aside" / "pruned").glob("*.json"))) == 2


def test_swapped_records_are_both_set_aside(store):
    units = [UNIT, Pruned(Base("gru", 4), 50.0, Recipe(2))]
    for k, unit in enumerate(units):
        store.write(unit, {"x": k})
    one, other = map(store.file, units)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.warns(UserWarning, match="2 broken records.*2 holds the record of another unit"), store.surveyed():
        assert not any(store.has(unit) for unit in units)


def test_swapped_weights_are_found_where_weights_count(store):
    units = [UNIT, Pruned(Base("gru", 4), 50.0, Recipe(2))]
    for k, unit in enumerate(units):
        store.write(unit, {"x": k}, {"w": torch.full((100,), float(k))})
    one, other = (store.weights_file(unit) for unit in units)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.warns(UserWarning, match="2 has other weights"), store.surveyed():
        assert not any(store.has(unit, weights=True) for unit in units)


def test_forty_broken_records_are_surveyed(store):
    units = [Base("gru", k) for k in range(40)]
    for unit in units:
        store.write(unit, {"x": 1})
        spoil(store, unit, edit)
    with pytest.warns(UserWarning, match="broken") as caught, store.surveyed():
        assert not any(store.has(unit) for unit in units)
    assert len(caught) == 1
    assert "40 broken records" in str(caught[0].message)


def test_values_that_cannot_be_are_refused(store):
    for data in ({"accuracy": 17}, {"history": [{"test_accuracy": 0.5}, {"test_accuracy": -0.1}]}, {"test_loss": -1.0}):
        with pytest.raises(ValueError, match=r"accuracy|loss"):
            store.write(UNIT, data)
    assert not store.file(UNIT).exists()
    store.write(UNIT, {"accuracy": 1.0, "test_accuracy": math.nan, "loss": 17, "flag_accuracy": True})
    assert store.has(UNIT)


def test_an_older_record_is_read_as_of_unknown_code_unless_its_values_cannot_be(store):
    store.write(UNIT, {"accuracy": 0.5}, {"w": torch.ones(2)})
    store.weights_file(UNIT).rename(store.file(UNIT).with_suffix(".pt"))
    spoil(store, UNIT, older)
    assert store.has(UNIT)
    assert store.weights(UNIT)["w"].tolist() == [1, 1]
    assert made_by([UNIT], store)["code"].tolist() == ["unknown"]
    assert not Store(store.path, "current").has(UNIT)
    spoil(store, UNIT, lambda record: record["data"].update(accuracy=17))
    with pytest.warns(UserWarning, match="accuracy 17, which lies between 0 and 1"):
        assert not store.has(UNIT)


def test_a_record_of_other_code_is_used_only_where_asked_for(store, monkeypatch):
    monkeypatch.setattr(records, "code", lambda unit, memory: "a" * 32)
    store.write(UNIT, {"x": 1})
    assert store.has(UNIT)
    monkeypatch.setattr(records, "code", lambda unit, memory: "b" * 32)
    assert not store.has(UNIT)
    assert store.file(UNIT).exists()
    with pytest.raises(RecordError, match="by this code"):
        store.read(UNIT)
    old = Store(store.path, "all")
    assert old.read(UNIT) == {"x": 1}
    table = made_by([UNIT], store)
    assert table[["code", "records"]].to_numpy().tolist() == [["other", 1]]
    monkeypatch.setenv("SPARSEKIT_RUNS", str(store.path))
    monkeypatch.setenv("SPARSEKIT_RECORDS", "all")
    assert default_store().has(UNIT)
    monkeypatch.setenv("SPARSEKIT_RECORDS", "some")
    with pytest.raises(RecordError, match="allowed are known, all, current"):
        default_store()


def test_times_by_other_code_are_not_measured_again_where_they_are_used(store, monkeypatch):
    monkeypatch.setattr(records, "code", lambda unit, memory: "a" * 32)
    store.write(Clock(1), {"x": 1})
    monkeypatch.setattr(records, "code", lambda unit, memory: "b" * 32)
    seen = []
    execution.run([Clock(1)], Store(store.path, "all"), workers=1, report=seen.append)
    assert (seen[-1].reused, seen[-1].computed) == (1, 0)
    execution.run([Clock(1)], store, workers=1, report=seen.append)
    assert (seen[-1].reused, seen[-1].computed) == (0, 1)


def test_another_minor_python_is_unknown_code(store):
    def elsewhere(record):
        record["provenance"] |= {"python": "3.4.1", "code": "b" * 32}
        del record["sha256"]

    store.write(UNIT, {"x": 1})
    spoil(store, UNIT, elsewhere)
    assert store.has(UNIT)
    assert made_by([UNIT], store)["code"].tolist() == ["unknown"]


def test_a_record_is_read_once_until_its_files_change(store, monkeypatch):
    store.write(UNIT, {"x": 1})
    assert store.has(UNIT)
    with monkeypatch.context() as patched:
        patched.setattr(records, "opened", lambda *_: pytest.fail("read again"))
        assert store.has(UNIT)
        assert Store(store.path).has(UNIT)
    spoil(store, UNIT, edit)
    with pytest.warns(UserWarning, match="changed"):
        assert not store.has(UNIT)


def test_a_failure_is_noted_until_there_is_a_record(store):
    assert store.failure(UNIT) == ""
    store.fail(UNIT, "ValueError: boom")
    assert store.failure(UNIT).startswith("ValueError: boom (20")
    store.write(UNIT, {"x": 1})
    assert store.failure(UNIT) == ""


def test_weights_of_before_are_read_and_replaced(store):
    store.write(UNIT, {"x": 1}, {"w": torch.ones(2)})
    before = store.file(UNIT).with_suffix(".pt")
    store.weights_file(UNIT).rename(before)  # as they were called
    assert store.weights(UNIT)["w"].tolist() == [1, 1]
    store.write(UNIT, {"x": 1}, {"w": torch.ones(2)})
    assert not before.exists()
    assert store.weights(UNIT)["w"].tolist() == [1, 1]
    assert len(list(store.path.rglob("*.pt"))) == 1


def many(store):
    """As many records as are worth an index."""
    units = [Base("gru", k) for k in range(records.MANY)]
    for unit in units:
        store.write(unit, {"x": 1}, {"w": torch.ones(1)} if unit.seed < 3 else None)
    with store.surveyed():
        assert all(store.has(unit, weights=True) for unit in units)
    return units


@pytest.fixture
def forgotten(monkeypatch):
    """As in another process, which has looked at nothing yet."""

    def forget():
        monkeypatch.setattr(records, "_CHECKED", {})
        monkeypatch.setattr(records, "_RECALLED", set())

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return forget


def test_another_process_knows_by_the_index_what_was_found(store, monkeypatch, forgotten):
    units = many(store)
    found = {unit: store.found(unit) for unit in units}
    forgotten()
    with monkeypatch.context() as patched:
        patched.setattr(records, "opened", lambda *_: pytest.fail("read again"))
        with store.surveyed():
            assert {unit: store.found(unit) for unit in units} == found
    assert made_by(units, store)["records"].tolist() == [len(units)]
    assert [store.read(unit) for unit in units] == [{"x": 1}] * len(units)
    assert store.weights(units[0])["w"].tolist() == [1]


def test_what_was_changed_is_found_whatever_the_index_says(store, forgotten):
    units = many(store)
    file, weights, times = store.file(units[5]), store.weights_file(units[0]), {}
    for path, content in ((file, file.read_bytes().replace(b'"x": 1', b'"x": 2')), (weights, b"x" * 1000)):
        times[path] = path.stat()
        path.write_bytes(content.ljust(times[path].st_size, b"0")[: times[path].st_size])
        os.utime(path, ns=(times[path].st_atime_ns, times[path].st_mtime_ns))  # behind its date
    spoil(store, units[7], edit)  # and in the open
    forgotten()
    with pytest.warns(UserWarning, match="changed after it was written"), store.surveyed():
        assert [store.has(units[k]) for k in (5, 7)] == [True, False]
    with pytest.warns(UserWarning, match="changed"), pytest.raises(RecordError, match="no record"):
        store.read(units[5])  # it is read, and not believed
    with pytest.warns(UserWarning, match="damaged weights"), pytest.raises(RecordError, match="damaged weights"):
        store.weights(units[0])
    store.file(units[9]).unlink()
    assert not store.has(units[9])


@pytest.mark.parametrize("spoilt", [b"", b"no database" * 100, None])
def test_an_index_that_cannot_be_read_is_made_anew(store, forgotten, spoilt):
    units = many(store)
    index = store.path / ".index.sqlite"
    index.write_bytes(index.read_bytes()[:5000] if spoilt is None else spoilt)
    for _ in range(2):
        forgotten()
        with store.surveyed():
            assert all(store.has(unit) for unit in units)
    assert index.stat().st_size > 5000
