"""The pictures of README and of the documentation, made from a run that is there: ``make pictures``.

``pruning.png`` and ``bought.png`` are drawn of the records of the set; ``report.png`` and ``explorer.png`` are what
Chromium shows of its report. Nothing is trained: run the set first.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from sparsekit.analysis import inference as analysis
from sparsekit.experiments import inference, pruning, studies
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import pruning as figures
from sparsekit.figures import race as race_figures
from sparsekit.tasks import baselines

DOCS = Path(__file__).parent
SHOWN = {"report": ("index.html", 1280, 860), "explorer": ("explorable_gru.html#p=70", 1280, 860)}
COLOURS = 256  # enough for letters and lines, at a third of the bytes


def kept(name: str, png: bytes) -> None:
    """Write a picture in few colours."""
    image = Image.open(BytesIO(png)).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / f"{name}.png", optimize=True)


def main(name: str = "quick") -> None:
    report = DOCS.parent / "reports" / name
    p = Parameters.load(name)
    lines = baselines.lines(studies.baselines(p))
    falls = figures.accuracy_by_percentage(pruning.pruning(p), lines, margin=p.margin, confidence=p.confidence)
    kept("pruning", falls.png())
    race = inference.race(p)
    kept("bought", race_figures.accuracy_by_time(analysis.race_points(race, p.confidence), race, p.margin).png())
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=next(iter(sys.argv[2:]), shutil.which("chromium")))
        for picture, (address, width, height) in SHOWN.items():
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            page.goto(f"{report.as_uri()}/{address}")
            if picture == "explorer":
                page.wait_for_selector("body[data-ready=yes]")  # it has computed what it shows
            kept(picture, page.screenshot())
        chromium.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
