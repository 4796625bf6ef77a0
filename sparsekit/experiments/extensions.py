"""A user's own modules: run once, undone where they fail, and sent to worker processes with all that they register."""

import json
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import cloudpickle

from sparsekit.registry import REGISTRIES, Own, OwnError, everything_own
from sparsekit.sources import own_modules

MODULES = "SPARSEKIT_MODULES"
"""The environment variable that names a user's modules to a notebook's kernel: a JSON list of absolute paths."""

_arrived: bytes = b""


def packed() -> bytes:
    """All that a user has registered, for worker processes.

    Raises
    ------
    OwnError
        Where something cannot be sent there.
    """
    if not (own := everything_own()):
        return b""
    modules = own_modules()
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        parts = [(REGISTRIES[one.kind], one.name, _dumped(one)) for one in own]
        return pickle.dumps(([os.path.abspath(folder) for folder in sys.path], parts))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _dumped(own: Own) -> bytes:
    try:
        return cloudpickle.dumps(own)
    except Exception as error:
        remedy = "make what it needs inside the function, or give workers=1"
        raise own.error(f"cannot be sent to worker processes: {type(error).__name__}: {error}; {remedy}") from error


def arrive(sent: bytes) -> None:
    """Register, in a worker process, what was `packed` elsewhere, in place of what came before from there or others."""
    global _arrived
    if sent == _arrived:
        return
    _forget({})
    if sent:
        folders, parts = pickle.loads(sent)
        sys.path += [folder for folder in folders if folder not in sys.path]
        for registry, name, own in parts:
            dict.__setitem__(registry, name, pickle.loads(own))
    _arrived = sent


def _forget(kept: dict[str, dict]) -> None:
    """Leave of a user's only what is to be kept, by registry."""
    for kind, registry in REGISTRIES.items():
        for name in [own.name for own in registry.own()]:
            del registry[name]
        dict.update(registry, kept.get(kind, {}))


@contextmanager
def _all_or_nothing() -> Iterator[None]:
    """What is registered inside stays, unless something is raised."""
    before = {kind: dict(registry) for kind, registry in REGISTRIES.items()}
    try:
        yield
    except BaseException:
        _forget(before)
        raise


_LOADED: list[str] = []


def loaded() -> str:
    """The modules that were loaded here, as `MODULES` holds them."""
    return json.dumps(_LOADED)


def load(path: str | os.PathLike) -> None:
    """Run a user's module, which registers what it has; a path is from the working folder.

    Modules beside it are found by it, as by a script. Each is run once.

    Raises
    ------
    OwnError
        Where there is no such file, it does not run, or it registers nothing; nothing of it is then registered.
    """
    file = Path(os.path.expanduser(path)).resolve()
    said, given = f"module {path}", os.fspath(path)
    there = [m for m in own_modules() if m.__file__ == str(file)]
    if str(file) in _LOADED or there:
        return
    if file.is_dir() or not file.exists():
        why = "is a folder" if file.is_dir() else f"there is no such file in {Path.cwd()}"
        raise OwnError(f"{said}: {why}; give the path of a Python file, such as mine.py")
    if file.suffix != ".py":
        raise OwnError(f"{said}: not a Python file; give one that ends in .py")
    before = everything_own()
    with _all_or_nothing():
        try:
            _run(file)
        except SyntaxError as error:
            where = Path(error.filename or given).name
            raise OwnError(f"{said}: {where}, line {error.lineno}, is not Python: {error.msg}") from None
        except (Exception, SystemExit) as error:
            line = _line(error, file)
            told = " ".join(str(error).split())
            named = told if isinstance(error, OwnError) else f"{type(error).__name__}: {told}"
            raise OwnError(f"{said}{line}: {named}") from error
        if not [own for own in everything_own() if own not in before]:
            raise OwnError(f"{said}: it registers nothing; decorate a function, such as with @SCORES.register")
    _LOADED.append(str(file))


def _run(file: Path) -> None:
    folder = str(file.parent)
    name = file.stem if file.stem not in sys.modules else f"{file.stem}_of_{file.parent.name}"
    while name in sys.modules:
        name += "_"
    spec = spec_from_file_location(name, file)
    module = sys.modules[name] = module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)  # last: what it imports later does not stand before the libraries


def _line(error: BaseException, file: Path) -> str:
    """Where in a file an error was raised."""
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(file):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {lines[-1]}" if lines else ""


def load_named() -> None:
    """Run the modules that the environment names, as `sparsekit run --module` does for its kernels."""
    for path in json.loads(os.environ.get(MODULES) or "[]"):
        load(path)
