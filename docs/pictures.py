"""The pictures of README and of the documentation, made from a run that is there: ``make pictures``.

``bought.png`` is drawn of the records of the set; ``report.png`` and ``explorer.png`` are what Chromium shows of its
report; those in ``gallery/`` are drawn of the records that come with the project. Each has a form for dark pages,
``…-dark.png``. Nothing is trained: run the set first.
"""

import shutil
import sys
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from PIL import Image
from playwright.sync_api import sync_playwright

from sparsekit.analysis import inference as analysis
from sparsekit.analysis import ladder as rungs
from sparsekit.analysis import verdicts
from sparsekit.experiments import inference, ladder, pruning, sparse, studies
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import ladder as ladder_figures
from sparsekit.figures import pruning as figures
from sparsekit.figures import race as race_figures
from sparsekit.figures import recovery as recovery_figures
from sparsekit.figures import sparse as sparse_figures
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import on_dark
from sparsekit.tasks import baselines

DOCS = Path(__file__).parent
SHOWN = {"report": ("index.html", 1280, 860), "explorer": ("explorable_gru.html#p=70", 1280, 860)}
COLOURS = 256  # enough for letters and lines, at a third of the bytes


def kept(name: str, png: bytes) -> Image.Image:
    """Write a picture in few colours."""
    image = Image.open(BytesIO(png)).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image = image.quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(DOCS / f"{name}.png", optimize=True)
    return image


def darkened(name: str, image: Image.Image) -> None:
    """Write a figure's form for dark pages: its few colours as the report turns them over, and white is the page."""
    colours = np.array(image.getpalette()).reshape(-1, 3) / 255
    dark = [to_rgb(on_dark(to_hex(colour))) for colour in colours]
    image.putpalette((np.array(dark) * 255).round().astype(int).ravel().tolist())
    page = int(colours.sum(axis=1).argmax())
    image.save(DOCS / f"{name}-dark.png", optimize=True, transparency=page)


def gallery() -> dict[str, Picture]:
    """Six figures of the studies whose records come with the project."""
    found = {}
    p = Parameters.load("cliff")
    lines, options = baselines.lines(studies.baselines(p)), {"margin": p.margin, "confidence": p.confidence}
    networks = pruning.pruning(p)
    found["at-once"] = figures.accuracy_by_percentage(networks, lines, **options)
    within = verdicts.tolerance(networks, p.margin, p.confidence)
    found["within"] = figures.tolerances(within, p.margin, "both", p.confidence)
    p = Parameters.load("thesis")
    lines = baselines.lines(studies.baselines(p))
    found["random"] = figures.accuracy_by_compression(pruning.scores(p), lines, "both", p.score, "global", **options)
    found["recovery"] = recovery_figures.recovery_curves(pruning.recovery(p), lines, "both", **options)
    p = Parameters.load("controls")
    found["ladder"] = ladder_figures.ladder(rungs.places(ladder.ladder(p)), p.confidence)
    p = Parameters.load("sparse")
    lines = baselines.lines(studies.baselines(p))
    found["sparse"] = sparse_figures.accuracy_by_method(sparse.accuracies(p), lines, "steps", p.confidence)
    return found


def main(name: str = "quick") -> None:
    report = DOCS.parent / "reports" / name
    p = Parameters.load(name)
    race = inference.race(p)
    bought = race_figures.accuracy_by_time(analysis.race_points(race, p.confidence), race, p.margin)
    darkened("bought", kept("bought", bought.png()))
    (DOCS / "gallery").mkdir(exist_ok=True)
    for one, picture in gallery().items():
        darkened(f"gallery/{one}", kept(f"gallery/{one}", picture.png()))
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=next(iter(sys.argv[2:]), shutil.which("chromium")))
        for (picture, (address, width, height)), dark in product(SHOWN.items(), (False, True)):
            size, scheme = {"width": width, "height": height}, "dark" if dark else "light"
            page = chromium.new_page(viewport=size, color_scheme=scheme)
            page.goto(f"{report.as_uri()}/{address}")
            if picture == "explorer":
                page.wait_for_selector("body[data-ready=yes]")  # it has computed what it shows
            kept(f"{picture}-dark" if dark else picture, page.screenshot())
        chromium.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
