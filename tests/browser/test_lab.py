"""JupyterLab as a student uses it: run a notebook, move a control, interrupt, save, and open it again."""

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell

from tests.browser.conftest import ROOT, free_port, serving

NOTEBOOK = "01_pruning"
KEPT = ("01-01", "01-03", "01-04", "01-11", "01-explore", "01-17", "01-20")  # an explorer, an answer, what they need
LONG = "import time\nfor _ in range(600):\n    time.sleep(0.1)"
PATIENCE = 180_000  # milliseconds for whatever computes


@pytest.fixture(scope="module")
def folder(smoke, tmp_path_factory) -> Path:
    """A short form of a notebook, with the parameters of the small report, so that every record is there."""
    folder = tmp_path_factory.mktemp("lab")
    given = yaml.safe_load((ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    notebook = nbformat.read(ROOT / "notebooks" / f"{NOTEBOOK}.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id in KEPT]
    assert [cell.id for cell in notebook.cells] == list(KEPT)
    notebook.cells.sort(key=lambda cell: cell.id == "01-explore")  # while it moves nothing else is to run but the last
    values = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    notebook.cells.insert(2, new_code_cell(values, id="given"))
    notebook.cells.append(new_code_cell(LONG, id="long"))
    nbformat.write(notebook, folder / "short.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder, smoke, tmp_path_factory):
    """The address of a running JupyterLab whose kernels find the small report's records."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARSEKIT_BATCH")}
    environment |= {"SPARSEKIT_RUNS": str(smoke / "runs"), "PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1"}
    environment |= {
        name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--port-retries=0"]
    command += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--ServerApp.password="]
    command += [f"--LabApp.user_settings_dir={home / 'settings'}", f"--LabApp.workspaces_dir={home / 'workspaces'}"]
    command += [
        "--LabApp.news_url=None",
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with serving(command, environment, folder, f"http://127.0.0.1:{port}", home / "log") as address:
        yield address


def opened(context, lab):
    """The notebook, in a window of its own."""
    page = context.new_page()
    page.goto(f"{lab}/lab/workspaces/w{time.monotonic_ns()}/tree/short.ipynb?reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=PATIENCE)
    return page


def chosen(page, menu: str, item: str) -> None:
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def test_a_student_s_session(browser, lab, folder, pictures):
    """One story, as starting JupyterLab is what takes the time."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = opened(context, lab)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    page.get_by_text("| Idle").wait_for(timeout=PATIENCE)  # before it has a kernel JupyterLab runs no cell
    cells.first.locator(".cm-content").click()
    chosen(page, "Run", "Run All Cells")

    figure = page.locator(".jp-OutputArea figure img[alt*='pruned by magnitude']")
    try:
        figure.wait_for(timeout=PATIENCE)
    finally:
        page.screenshot(path=pictures / "lab-run.png")
    slider = page.get_by_role("slider").first
    assert slider.is_visible()
    before = figure.get_attribute("alt"), figure.get_attribute("src")
    page.screenshot(path=pictures / "lab-explorer.png")

    # A moved control changes the figure, while nothing else runs.
    stopped = interrupt(page)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "([before]) => { const one = document.querySelector(\"figure img[alt*='pruned by magnitude']\");"
        " return one && one.alt !== before[0] && one.src !== before[1] && one.alt.includes('70'); }",
        arg=[before], timeout=PATIENCE,
    )  # fmt: skip
    assert page.locator("figure img[alt*='pruned by magnitude']").count() == 1, "the figure is replaced, not repeated"
    page.screenshot(path=pictures / "lab-explorer-moved.png")
    assert stopped < 20, "an interrupt is heard at once"

    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')", timeout=PATIENCE)
    saved = nbformat.read(folder / "short.ipynb", as_version=4)
    (cell,) = (cell for cell in saved.cells if cell.id == "01-explore")
    assert any("<figure" in output.get("data", {}).get("text/html", "") for output in cell.outputs)

    # An answer is one sentence, and the figure right under it.
    sentence = page.locator(".jp-OutputArea-output strong", has_text="networks")
    notebook = page.locator(".jp-Notebook .jp-WindowedPanel-outer").first  # JupyterLab draws what is in view
    notebook.evaluate("one => one.scrollTo(0, 0)")
    for _ in range(60):
        page.wait_for_timeout(200)
        if sentence.count():
            break
        notebook.evaluate("one => one.scrollBy(0, 400)")
    sentence.scroll_into_view_if_needed()
    drawn = page.locator(".jp-OutputArea-output:has(strong) figure img")
    assert drawn.evaluate("one => one.naturalWidth > 0")
    assert 0 < drawn.bounding_box()["y"] - sentence.bounding_box()["y"] < 150
    page.screenshot(path=pictures / "lab-answer.png")
    context.close()
    for session in json.load(urllib.request.urlopen(f"{lab}/api/sessions")):
        kernel = urllib.request.Request(f"{lab}/api/sessions/{session['id']}", method="DELETE")
        urllib.request.urlopen(kernel).close()

    # Without its kernel the figure is there, and in place of its controls a word on what to do.
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = opened(context, lab)
    again = page.locator("figure img[alt*='pruned by magnitude']")
    again.scroll_into_view_if_needed(timeout=PATIENCE)
    assert again.evaluate("one => one.naturalWidth > 0")
    controls = page.locator(".jp-OutputArea-output", has_text="model not found")
    controls.wait_for(state="attached", timeout=PATIENCE)  # JupyterLab's own words, which are not shown
    size, words = controls.evaluate("one => [getComputedStyle(one).fontSize, getComputedStyle(one, '::after').content]")
    assert size == "0px"
    assert "Run this cell" in words
    page.screenshot(path=pictures / "lab-reopened.png")
    context.close()


def interrupt(page) -> float:
    """Interrupt the cell that runs; the seconds until its kernel is idle."""
    page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt", has_text="[*]").last.wait_for(timeout=PATIENCE)
    since = time.monotonic()
    page.get_by_role("button", name="Interrupt the kernel").click()
    page.locator(".jp-OutputArea", has_text="KeyboardInterrupt").last.wait_for(timeout=PATIENCE)
    return time.monotonic() - since
