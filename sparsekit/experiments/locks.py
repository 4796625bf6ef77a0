"""Who is at work on what, as long as they live: locks that end with their process, however that ends."""

import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def _held(path: Path, seconds: float = 0.0) -> Iterator[bool]:
    """Whether a lock file could be had; it is gone afterwards. `OSError` where a file system knows no locks."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held: whoever has opened it meanwhile sees that it is gone, and tries again
        lock.release()


def _free(path: Path) -> Iterator[Path]:
    """The path itself where its lock can be had, which is held meanwhile; nothing where somebody has it."""
    with suppress(OSError), _held(path) as held:
        if held:
            yield path


@contextmanager
def claimed(folder: Path, names: Iterable[str]) -> Iterator[list[str]]:
    """Claim units of work by name, all that no other process has; nobody else gets them meanwhile.

    Where the folder's file system knows no locks all are claimed, and two runs may compute a unit twice: once too
    often, but the same.
    """
    with ExitStack() as stack:
        mine = []
        for name in names:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                held = stack.enter_context(_held(folder / name))
            except OSError:
                held = True
            mine += [name] * held
        yield mine


def claimed_elsewhere(folder: Path, name: str) -> bool:
    """Whether another process has claimed a unit of work."""
    return (folder / name).exists() and not list(_free(folder / name))


def abandoned(folder: Path) -> Iterator[str]:
    """Names that processes had claimed which are gone; each is claimed while it is looked at, and free afterwards."""
    for path in list(folder.glob("*")):
        yield from (free.name for free in _free(path))


@contextmanager
def scratch(parent: Path, prefix: str = ".unfinished-") -> Iterator[Path]:
    """A new folder for files that nobody shall see yet, gone afterwards; first, those of dead processes are removed."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in {path.with_suffix("") for path in parent.glob(f"{prefix}*")}:
        for lock in _free(left.with_suffix(".lock")):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    folder = parent / f"{prefix}{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(_held(folder.with_suffix(".lock"), seconds=10))
        folder.mkdir(mode=0o700)  # sockets of kernels lie in such folders, and nobody else shall reach them
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def end_with(parent: int) -> None:
    """End this process within a second of its parent's end, whose process id is given, however that came."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="ends with its parent").start()
