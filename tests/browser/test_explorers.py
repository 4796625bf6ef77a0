"""`make explore`: the explorers as one page, served on this machine."""

import os
import sys

from tests.browser.conftest import ROOT, free_port, serving

PATIENCE = 180_000  # milliseconds for whatever computes


def test_a_moved_control_changes_its_figure(browser, smoke, pictures, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARSEKIT_BATCH")}
    environment |= {"SPARSEKIT_RUNS": str(smoke / "runs"), "SPARSEKIT_SET": "smoke", "PYTHONPATH": str(ROOT)}
    environment |= {name: str(tmp_path) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    port = free_port()
    command = [sys.executable, "-m", "voila", str(ROOT / "docs" / "explorers.ipynb"), "--no-browser", f"--port={port}"]
    with serving(command, environment, ROOT, f"http://127.0.0.1:{port}", tmp_path / "log") as address:
        page = browser.new_page(viewport={"width": 1100, "height": 1000})
        page.goto(address, timeout=PATIENCE)
        figures = page.locator("figure img")
        figures.nth(5).wait_for(timeout=PATIENCE)
        assert figures.count() == 6
        assert not page.get_by_text("Traceback").count()
        before = figures.first.get_attribute("alt")
        page.get_by_role("slider").first.focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(
            "before => document.querySelector('figure img').alt !== before", arg=before, timeout=PATIENCE
        )
        page.screenshot(path=pictures / "explorers.png", full_page=True)
        page.close()
