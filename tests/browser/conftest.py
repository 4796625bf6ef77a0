"""A real browser, a small report to read in it, and a folder for pictures of what it showed.

Environment
-----------
SPARSEKIT_BROWSER : a Chromium to use; else chromium, chromium-browser or google-chrome of the path.
SPARSEKIT_PICTURES : where pictures go; else reports/pictures.
SPARSEKIT_SMOKE : a folder for the small report and its records, so that a second run of the tests finds them.
SPARSEKIT_REPORT : a report that is there, to be read instead of a small one made for the tests.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from filelock import FileLock

from sparsekit.reports import compare

ROOT = Path(__file__).parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
HOW = "no Chromium found: `apt-get install chromium`, or name one in SPARSEKIT_BROWSER"
NOTEBOOKS = ("00", "01")  # of the small report: between them, every kind of cell, table and figure that a page has
SILENT = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(command: list[str], environment: dict[str, str], folder: Path, address: str, log: Path) -> Iterator[str]:
    """A server of Jupyter's as a process, and its address once it answers there."""
    with log.open("w") as written:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=written, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=2).close()
                break
            except urllib.error.HTTPError:  # an answer all the same
                break
            except OSError:
                assert server.poll() is None, log.read_text()[-2000:]
                time.sleep(0.25)
        else:
            raise AssertionError(log.read_text()[-2000:])
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Playwright; without one, these tests are skipped and say how to get one."""
    asked = os.environ.get("SPARSEKIT_BROWSER")
    path = shutil.which(asked) if asked else next(filter(None, map(shutil.which, CHROMIUM)), None)
    if asked and not path:
        pytest.fail(f"SPARSEKIT_BROWSER names no program: {asked}")
    if not path:
        pytest.skip(HOW)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(SILENT), chromium_sandbox=False)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, as a script to run in a page."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def pictures() -> Path:
    folder = Path(os.environ.get("SPARSEKIT_PICTURES") or ROOT / "reports" / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """One folder for all workers of a test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def smoke(browser, shared_folder) -> Path:
    """A folder with records and the report of the set `smoke`, made once, whichever worker comes first."""
    given = os.environ.get("SPARSEKIT_SMOKE")
    folder = Path(given).resolve() if given else shared_folder / "smoke"
    with FileLock(shared_folder / "smoke.lock"):
        if not (folder / "report" / "index.html").exists():
            environment = os.environ | {"SPARSEKIT_RUNS": str(folder / "runs")}
            command = [
                sys.executable,
                "-m",
                "sparsekit",
                "run",
                "smoke",
                "--only",
                *NOTEBOOKS,
                "--out",
                str(folder / "report"),
            ]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr[-3000:]
            compare.compare(folder / "report", folder / "report", folder / "report" / "compare.html")
    return folder


@pytest.fixture(scope="session")
def report(browser, request) -> Path:
    """The folder of the report that is read."""
    given = os.environ.get("SPARSEKIT_REPORT")
    return Path(given).resolve() if given else request.getfixturevalue("smoke") / "report"
