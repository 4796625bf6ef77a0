"""The store under all that can befall it, in any order: what is read back is what was written last, or nothing."""

import errno
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sparsekit.experiments.integrity import owned
from sparsekit.experiments.records import RecordError, Store


@dataclass(frozen=True)
class Item:
    kind: ClassVar[str] = "item"
    number: int


ITEMS = st.sampled_from([Item(k) for k in range(3)])
VALUES = st.integers(0, 99)
# Where a writer dies: before or after the weights or the record are on the disk, or have got their names.
MOMENTS = st.sampled_from([(call, count, when) for call in ("fsync", "replace") for count in (1, 2) for when in "ab"])


def content(item, value):
    """Results, and weights that differ in every second of them, so that stale ones are known and equal ones tried."""
    return {"value": value, "rest": list(range(value))}, {"w": torch.full((50,), float(value // 2))}


class Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store(self.folder / "runs")
        self.raced = False
        self.held = {}  # by item, the values that may be read back; None: none is there

    def teardown(self):
        shutil.rmtree(self.folder)

    def child(self, work):
        pid = os.fork()
        if pid:
            return pid
        try:
            work()
        finally:
            os._exit(1)  # as killed: nothing is put in order

    @rule(item=ITEMS, value=VALUES)
    def write(self, item, value):
        self.store.write(item, *content(item, value), seconds=1)
        self.held[item] = {value}

    @rule(item=ITEMS)
    def read(self, item):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged files
            if self.store.has(item):
                data = self.store.read(item)
                assert data["value"] in self.held[item]
                assert self.store.weights(item)["w"].tolist() == [data["value"] // 2] * 50
                assert data == content(item, data["value"])[0]
            else:
                assert None in self.held.get(item, {None})

    @rule(item=ITEMS, value=VALUES, moment=MOMENTS)
    def killed_while_it_writes(self, item, value, moment):
        call, count, when = moment

        def work():
            real, calls = getattr(os, call), []

            def deadly(*arguments):
                calls.append(call)
                if len(calls) == count and when == "b":
                    os._exit(1)
                real(*arguments)
                if len(calls) == count:
                    os._exit(1)

            setattr(os, call, deadly)
            self.store.write(item, *content(item, value), seconds=1)

        os.waitpid(self.child(work), 0)
        self.held[item] = self.held.get(item, {None}) | {value}  # what was there is there still, or the new one is

    @rule(item=ITEMS, one=VALUES, other=VALUES)
    def two_writers(self, item, one, other):
        for pid in [
            self.child(lambda v=value: self.store.write(item, *content(item, v), seconds=1)) for value in (one, other)
        ]:
            os.waitpid(pid, 0)
        self.held[item], self.raced = {one, other}, True

    @rule(item=ITEMS, suffix=st.sampled_from([".json", ".pt"]), share=st.floats(0, 0.99))
    def damaged(self, item, suffix, share):
        file = self.store.file(item) if suffix == ".json" else self.store.weights_file(item)
        if file.exists():
            file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
            self.held[item] = {None}

    @rule(item=ITEMS, value=VALUES, count=st.sampled_from([1, 2]))
    def full_disk(self, item, value, count):
        real, calls = os.fsync, []

        def full(descriptor):
            calls.append(descriptor)
            if len(calls) == count:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(descriptor)

        os.fsync = full
        try:
            with pytest.raises(RecordError, match="No space left"):
                self.store.write(item, *content(item, value), seconds=1)
        finally:
            os.fsync = real
        # what was there is there still

    @rule()
    def next_start(self):
        self.store.tidy()
        assert not [path for path in self.store.path.rglob("*") if path.suffix == ".tmp"]
        # of two that write other weights at once, the first one's stay, for `sparsekit clean`
        assert self.raced or not [path for path in self.store.path.glob("item/*/*.pt") if not owned(path)]
        assert not list((self.store.path / ".claims").glob("*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a writer is killed in a child process")
class TestStore(Machine.TestCase):
    settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
