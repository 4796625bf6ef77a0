"""Records that came with a project, in one file: read as if they were there, and never believed when damaged."""

import json
import lzma
import platform
import shutil
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from sparsekit.cli import main
from sparsekit.experiments import execution, shipped, status, studies, verification
from sparsekit.experiments.identity import Unit, digest, key
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.provenance import made_by, told
from sparsekit.experiments.records import RecordError, Store, default_store
from sparsekit.experiments.shipped import MASKS, WEIGHTS, ShippedError
from tests.experiments.test_status import change

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Net(Unit):
    kind: ClassVar[str] = "net"
    seed: int
    base: "Net | None" = None

    @property
    def requires(self):
        return (self.base,) if self.base else ()

    def result(self, store, device):
        start = store.weights(self.base)["w"] if self.base else torch.zeros(30)
        drawn = torch.rand(30, generator=torch.Generator().manual_seed(self.seed))
        data = {"accuracy": float(drawn[0]), "never": float("nan"), "long": [1e-9, 0.1 + 0.2, 2**70], "name": "é\n"}
        return data, {"w": start + drawn, "x.mask_hh": (drawn > 0.9).reshape(5, 6)}


@dataclass(frozen=True)
class Timed(Unit):
    kind: ClassVar[str] = "timed"
    timed: ClassVar[bool] = True
    machine: str
    size: int

    def result(self, store, device):
        return {"seconds": 0.1, "machine": self.machine}, None


BASES = [Net(k) for k in range(3)]
UNITS = [*BASES, *(Net(10 + k, base) for k, base in enumerate(BASES)), Timed("a quick one", 3)]
READ = {BASES[0]: WEIGHTS, UNITS[3]: MASKS}


def quiet(state):
    pass


@pytest.fixture
def made(tmp_path):
    """A store with records, and a file of these."""
    store = Store(tmp_path / "made")
    execution.run(UNITS, store, workers=1, report=quiet)
    file = tmp_path / "params" / "mine.jsonl.xz"
    file.parent.mkdir()
    file.write_bytes(shipped.packed(UNITS, store, READ))
    return store, file


@pytest.fixture
def empty(made, tmp_path):
    return Store(tmp_path / "empty", files=[made[1]])


def test_what_came_is_there_bit_for_bit_and_nothing_is_written(made, empty):
    store, _ = made
    assert all(map(empty.has, UNITS))
    assert [repr(empty.read(unit)) for unit in UNITS] == [repr(store.read(unit)) for unit in UNITS]
    assert [empty.record(unit)["provenance"] for unit in UNITS] == [store.record(u)["provenance"] for u in UNITS]
    assert torch.equal(empty.weights(BASES[0])["w"], store.weights(BASES[0])["w"])
    assert empty.bytes_of(BASES[0])[1] == store.bytes_of(BASES[0])[1]
    (name, mask), *more = empty.masks(UNITS[3]).items()
    assert (name, more, mask.dtype) == ("x.mask_hh", [], torch.bool)
    assert torch.equal(mask, store.weights(UNITS[3])["x.mask_hh"])
    execution.run(UNITS, empty, workers=1, report=quiet)
    assert not empty.path.exists()
    other = Store(empty.path / "of a cluster's worker")
    for unit in (BASES[0], UNITS[-1]):  # with weights, and one that has none
        other.put(unit, *empty.bytes_of(unit))
        assert repr(other.read(unit)) == repr(store.read(unit))
    assert torch.equal(other.weights(BASES[0])["w"], store.weights(BASES[0])["w"])


def test_equal_records_make_equal_bytes_whatever_their_order(made):
    store, file = made
    assert shipped.packed(UNITS[::-1], store, READ) == file.read_bytes()
    lines = lzma.decompress(file.read_bytes()).splitlines()
    assert json.loads(lines[0])["machines"] == ["a quick one"]


def test_a_file_is_unpacked_as_far_as_it_is_asked_for(made, empty, monkeypatch):
    shipped._opened.cache_clear()
    unpacked = []
    inner = shipped.Archive._unpacked
    monkeypatch.setattr(
        shipped.Archive, "_unpacked", lambda self, packed, most: unpacked.append(most) or inner(self, packed, most)
    )
    assert not empty.has(Net(99))
    assert len(unpacked) == 1  # the line that says what is there
    assert empty.has(UNITS[-1])
    assert empty.has(UNITS[-1])
    assert len(unpacked) == 2


def test_weights_that_did_not_come_are_computed_into_the_own_store_which_then_comes_first(made, empty):
    with pytest.raises(RecordError, match="came without its weights"):
        empty.weights(BASES[1])
    assert not empty.has(BASES[1], weights=True)
    new = Net(20, BASES[1])  # needs weights that did not come
    execution.run([new, Net(21, BASES[0])], empty, workers=1, report=quiet)
    assert {p.stem for p in empty.path.glob("net/*/*.json")} == {key(u) for u in (new, BASES[1], Net(21, BASES[0]))}
    assert not empty.found(BASES[1]).shipped
    execution.run([UNITS[4]], empty, workers=1, report=quiet, weights=MASKS)
    assert torch.equal(empty.masks(UNITS[4])["x.mask_hh"], made[0].masks(UNITS[4])["x.mask_hh"])


def test_another_python_processor_or_code_does_not_compute_all_anew(made, tmp_path):
    store, file = made
    python = {"python": "3.99.1", "processor": "another", "code": "0" * 32}
    for unit, told_of in zip(UNITS, [{"code": "0" * 32}, python, python | {"torch": "9.9"}], strict=False):
        change(store, unit, lambda record, told_of=told_of: record["provenance"].update(told_of))
    file.write_bytes(shipped.packed(UNITS, Store(store.path, "all"), READ))
    empty = Store(tmp_path / "empty", files=[file])
    assert all(map(empty.has, UNITS))
    counts = made_by(UNITS, empty).groupby("code")["records"].sum().to_dict()
    assert counts == {"other": 1, "this": 4, "unknown": 2}
    text = "\n".join(told(made_by(UNITS, empty)))
    assert f"{len(UNITS)} came in mine.jsonl.xz (0 s of one worker)" in text
    assert f"python 3.99.1 (here {platform.python_version()})" in text
    assert f"{len(UNITS)} done, 0 to compute" in status.status(UNITS, empty)
    assert sum(map(Store(empty.path, "current", [file]).has, UNITS)) == 4


def test_records_from_before_there_were_checksums_go_along_without_their_weights(made, empty):
    store, file = made
    for unit in (BASES[0], UNITS[-1]):
        record = json.loads(store.file(unit).read_text())
        record = {name: value for name, value in record.items() if not name.endswith("sha256")}
        if record["weights_bytes"]:
            store.weights_file(unit).rename(store.file(unit).with_suffix(".pt"))
        store.file(unit).write_text(json.dumps(record))
    file.write_bytes(shipped.packed(UNITS, store, {}))
    assert [empty.has(unit) for unit in UNITS] == [True] * len(UNITS)
    assert [empty.has(unit, weights=True) for unit in (BASES[0], UNITS[-1])] == [False, True]


def test_a_record_of_ones_own_comes_first_unless_it_does_not_count(made, empty):
    empty.write(BASES[0], {"accuracy": 0.25})
    assert empty.read(BASES[0]) == {"accuracy": 0.25}
    change(empty, BASES[0], lambda record: record["provenance"].update(code="0" * 32))
    assert empty.read(BASES[0])["accuracy"] == made[0].read(BASES[0])["accuracy"]
    empty.file(BASES[0]).write_text("{")
    with pytest.warns(UserWarning, match="truncated"):
        assert empty.has(BASES[0])


def test_what_is_timed_is_read_as_timed_where_all_of_it_was(made, empty):
    mine = [Timed("mine", 3)]
    assert empty.anywhere(mine) == UNITS[-1:]
    both = [*mine, Timed("mine", 4)]  # of which one did not come, and is measured here
    assert empty.anywhere(both) == both
    empty.write(mine[0], {"seconds": 0.2})
    assert empty.anywhere(mine) == mine
    change(made[0], UNITS[-1], lambda record: record["provenance"].update(code="0" * 32))
    made[1].write_bytes(shipped.packed(UNITS, Store(made[0].path, "all"), READ))
    strict = Store(empty.path.parent / "strict", "current", [made[1]])
    assert strict.anywhere(mine) == mine  # or what is computed anew here would have another machine's name


def test_verify_computes_what_came_again_with_what_it_requires_and_writes_nothing(made, empty):
    assert {*verification.sample(UNITS, empty, 99)} == {*UNITS[:-1]}
    verdicts = verification.verify(UNITS[:-1], empty, workers=1)
    assert all(v.holds and v.exact and "the same bits" in str(v) for v in verdicts)
    (alone,) = verification.verify([UNITS[5]], empty, workers=1)
    assert alone.holds
    assert not empty.path.exists()
    store, file = made
    change(store, UNITS[5], lambda record: record["data"].update(accuracy=record["data"]["accuracy"] / 2))
    file.write_bytes(shipped.packed(UNITS, Store(store.path, "all"), {}))
    rewritten(file, other_weights)
    verdicts = verification.verify(UNITS[3:6], empty, workers=1)
    assert [v.holds for v in verdicts] == [True, False, False]
    assert "accuracy" in str(verdicts[2])


def other_weights(text):
    lines = list(map(json.loads, text.splitlines()))
    for record in lines:
        if record["identity"]["seed"] == UNITS[4].seed:
            record |= {"weights_sha256": "0" * 64}
            record["sha256"] = digest({name: value for name, value in record.items() if name != "sha256"})
    return "".join(json.dumps(record) + "\n" for record in lines).encode()


def unpacked(content):
    """The streams of a file."""
    streams = []
    while content:
        reader = lzma.LZMADecompressor()
        streams.append(reader.decompress(content))
        content = reader.unused_data
    return streams


def repacked(streams):
    """A file of streams whose first one tells the sizes of the others, as whoever edits it by hand would make it."""
    head, packed = json.loads(streams[0]), [lzma.compress(stream, preset=1) for stream in streams]
    for told_of, stream, one in zip(head["streams"], streams[1:], packed[1:], strict=True):
        told_of |= {"size": len(stream), "packed": len(one)}
    return lzma.compress(json.dumps(head).encode(), preset=1) + b"".join(packed[1:])


def rewritten(file, how, number=1):
    streams = unpacked(file.read_bytes())
    streams[number] = how(streams[number])
    file.write_bytes(repacked(streams))


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (lambda text: text.replace(b'"accuracy":0.', b'"accuracy":0.0', 1), "was changed after it was written"),
        (lambda text: text.replace(b'"sha256":"', b'"other":"', 1), "was changed|no checksum"),
        (lambda text: b"".join(text.splitlines(keepends=True)[::-1]), "holds the record of another unit"),
        (lambda text: text + b"{}\n", "was changed after it was made"),
        (lambda text: b"[" * 10**5 + text[10**5 :], "truncated or no JSON|was changed"),
        (lambda text: b'{"a":1e999}' + text[text.index(b"\n") :], "is no record"),
        (lambda text: b"9" * 10**5 + text[text.index(b"\n") :], "no JSON"),
    ],
)
def test_a_record_that_was_edited_is_refused_in_one_line(made, empty, how, problem):
    rewritten(made[1], how)
    with pytest.raises(ShippedError, match=problem) as caught:
        [empty.found(unit) for unit in UNITS]
    assert len(str(caught.value).splitlines()) == 1
    assert str(made[1]) in str(caught.value)


def test_weights_and_masks_that_were_edited_are_refused(made, empty):
    store, file = made
    for number, read, unit in ((3, empty.masks, UNITS[3]), (4, empty.weights, BASES[0])):
        file.write_bytes(shipped.packed(UNITS, store, READ))
        rewritten(file, lambda text: text.replace(b"A", b"B", 1), number)
        with pytest.raises(ShippedError, match="were changed after they were written"):
            read(unit)


@pytest.mark.parametrize(
    "held", [["object", [1], "AAAA"], ["float32", [2], "AAAA"], ["float32", [10**9], "AAAAAA=="], ["bool", [9], "AA=="]]
)
def test_weights_of_another_form_or_size_are_refused_whatever_their_checksum(made, empty, held):
    told = {"key": key(BASES[0]), "tensors": {"w": held}}
    rewritten(made[1], lambda text: json.dumps(told | {"sha256": digest(told)}).encode() + b"\n", 4)
    with pytest.raises(ShippedError, match="weights in it"):
        empty.weights(BASES[0])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda whole: b"", "truncated"),
        (lambda whole: whole[:-20], "truncated"),
        (lambda whole: whole + b"more", "something behind its end"),
        (lambda whole: b"PK\3\4" + whole, "no file of xz"),
        (lambda whole: lzma.compress(b"[1]"), "no file of results"),
        (lambda whole: lzma.compress(b'{"format": 2}'), "another format"),
        (
            lambda whole: lzma.compress(b'{"format": 1, "machines": [], "streams": [{"size": -1}]}'),
            "no file of results",
        ),
        (
            lambda whole: lzma.compress(b" " * 15_000_000, preset=0),
            "bytes; allowed are 10,000,000; SPARSEKIT_LIMITS=2",
        ),
    ],
)
def test_what_is_no_whole_file_of_results_is_refused_in_one_line(made, empty, content, problem):
    made[1].write_bytes(content(made[1].read_bytes()))
    with pytest.raises(ShippedError, match=problem) as caught:
        empty.has(UNITS[0])
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("limit", ["SHIPPED", "READ", "UNPACKED", "LINE"])
def test_a_file_has_limits_that_can_be_raised(made, empty, monkeypatch, limit):
    monkeypatch.setattr(shipped, limit, 300)
    shipped._opened.cache_clear()
    with pytest.raises(ShippedError, match=r"bytes; allowed are 300; SPARSEKIT_LIMITS=\d+ in the environment"):
        shipped.packed(UNITS, made[0], READ) if limit == "SHIPPED" else empty.read(UNITS[0])
    monkeypatch.setenv("SPARSEKIT_LIMITS", "100")
    shipped._opened.cache_clear()
    assert empty.read(UNITS[0])["accuracy"] == made[0].read(UNITS[0])["accuracy"]
    assert shipped.packed(UNITS, made[0], READ) == made[1].read_bytes()


GIVEN = ["variants=[gru]", "train_size=120", "test_size=40", "protocols=[random_mask]"]


def test_a_clone_with_the_file_renders_the_same_report_and_computes_nothing(tmp_path, monkeypatch, capsys):
    """01 draws weights of base and pruned networks, and a page of the report computes with them."""
    asked = ["smoke", "--only", "01", *chain(*(("-p", one) for one in GIVEN))]
    summaries = []
    for name in ("here", "there"):
        for folder in ("notebooks", "params"):
            shutil.copytree(ROOT / folder, tmp_path / name / folder, ignore=shutil.ignore_patterns("*.xz"))
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path / name / "runs"))
        monkeypatch.delenv("SPARSEKIT_RECORDS", raising=False)
        if name == "there":
            shutil.copy(tmp_path / "here" / "params" / "smoke.jsonl.xz", tmp_path / name / "params")
        assert main(["run", *asked]) == 0
        summaries.append(json.loads((tmp_path / name / "reports" / "smoke" / "summary.json").read_text()))
        said = capsys.readouterr().out
        assert main(["ship", *asked]) == 0
    here, there = summaries
    assert here["answers"] == there["answers"]
    assert there["cost"]["records"].startswith("0 computed now")
    assert not list((tmp_path / "there" / "runs").rglob("*.json"))
    assert "came in smoke.jsonl.xz" in said
    assert "came in smoke.jsonl.xz" in there["provenance"]["made by"]
    files = [tmp_path / name / "params" / "smoke.jsonl.xz" for name in ("here", "there")]
    assert files[0].read_bytes() == files[1].read_bytes()  # what came can be handed on
    assert main(["verify", *asked, "--sample", "2"]) == 0
    assert "2 records computed again: 2 hold" in capsys.readouterr().out
    files[1].write_bytes(files[1].read_bytes()[:-9])
    assert main(["run", *asked]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sparsekit: {files[1]}: is truncated")


def test_ship_says_what_is_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SPARSEKIT_RECORDS")
    monkeypatch.chdir(tmp_path)
    asked = ["ship", "smoke", "--only", "00", "-p", "seeds=1", "--out", "mine.xz"]
    assert main(asked) == 2
    assert "no record in" in capsys.readouterr().err
    store, p = default_store(), Parameters.load("smoke", {"seeds": 1})
    first, second, *others = (unit for unit in studies.units(p, "00_task") if unit.kind == "memoryless")
    for unit in (first, second):
        store.write(unit, {})
    change(store, second, lambda record: record["provenance"].update(code="0" * 32))
    store.fail(others[0], "boom")
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "mine.xz: 1 of 9 records" in said
    assert "1 done, 8 to compute" in said
    assert "1 of them have a record of other code (--keep-old uses it)" in said
    assert "boom" in said
    assert main([*asked, "--keep-old"]) == 0
    assert "mine.xz: 2 of 9 records" in capsys.readouterr().out
