"""How a run meets published standards of reporting: item by item, generated from its parameters."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import yaml

from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.words import counted, listed, words_of
from sparsekit.reports import html
from sparsekit.reports.html import CSS, TEMPLATES, Page
from sparsekit.variants import VARIANTS

PAGE = "standards.html"
MET, PART, NOT = "met", "in part", "not met"
COMPRESSIONS = (2, 4, 8, 16, 32)
"""Ratios that Blalock et al. (2020) ask for."""
ENOUGH_PAIRS = 29
"""Paired runs that tell P(A > B) = 0.75 from 0.5 (Bouthillier et al., 2021)."""

GRADIENT = {"sensitivity", "fisher"}
"""Scores made of gradients."""

Check = Callable[[Parameters], tuple[str, str]]


def networks(p: Parameters) -> tuple[str, str]:
    what = counted(len(p.variants), "variant")
    return PART, f"{what} on one task, {p.task}, of small networks; another task is a parameter away (-p task=…)."


def compressions(p: Parameters) -> tuple[str, str]:
    reached = sorted({1 / (1 - percent / 100) for percent in p.percentages if percent < 100})
    there = [f"{ratio}" for ratio in COMPRESSIONS if any(abs(own / ratio - 1) <= 0.05 for own in reached)]
    points = f"{counted(len(reached), 'point')}, compression {', '.join(f'{ratio:.3g}' for ratio in reached)}"
    of = f"; of the five asked for {listed(there) if there else 'none'}"
    return MET if len(there) == len(COMPRESSIONS) else PART if len(reached) >= 3 else NOT, f"{points}{of}."


def runs(p: Parameters) -> tuple[str, str]:
    seeds = f"{counted(p.seeds, 'network')} a variant, {counted(p.graph_seeds, 'network')} a graph"
    fewest = min(p.seeds, p.graph_seeds)
    verdict = MET if p.seeds >= 3 and fewest > 1 else PART if p.seeds > 1 else NOT
    return verdict, f"{seeds}, with {100 * p.confidence:g} % intervals of the means."


def baselines(p: Parameters) -> tuple[str, str]:
    scores, scopes = {p.score, "random", *p.scores}, set(p.scopes)
    lacking = [] if "magnitude" in scores else ["magnitude"]
    lacking += [] if scores & GRADIENT else ["a score of gradients"]
    lacking += [f"scope {name}" for name in ("global", "layer") if name not in scopes]
    have = f"Compared are {listed(map(words_of, sorted(scores)))}, within scope {listed(sorted(scopes))}"
    return PART if lacking else MET, have + (f"; not {listed(lacking)}." if lacking else ".")


def sources(p: Parameters) -> tuple[str, str]:
    lacking = [name for name in ("weights", "order", "strings") if name not in p.vary]
    told = f"Between networks of a variant vary {listed(p.vary)}"
    if lacking:
        return PART, f"{told}, not {listed(lacking)} (-p 'vary=[weights, order, strings]')."
    return MET, f"{told}."


def splits(p: Parameters) -> tuple[str, str]:
    if "strings" in p.vary:
        return MET, "Each seed draws and splits strings of its own."
    return NOT, f"One split, from data seed {p.data_seed}; intervals are of training, not of the strings drawn."


def matters(p: Parameters) -> tuple[str, str]:
    return MET, f"Kept and regained are told by a margin of {100 * p.margin:g} points, chosen before the run."


def pairs(p: Parameters) -> tuple[str, str]:
    told = f"{counted(p.seeds, 'pair')} of networks a variant (-p seeds={ENOUGH_PAIRS})."
    return MET if p.seeds >= ENOUGH_PAIRS else NOT, told


def data(p: Parameters) -> tuple[str, str]:
    if p.task == "csv":
        return (
            PART,
            f"{p.csv_path}, as given; records know its content's digest. Where it comes from, its author must say.",
        )
    return (
        MET,
        f"Task {p.task} is made by the kit from data seed {p.data_seed}, labels by its rules; nothing is downloaded.",
    )


def frame(p: Parameters) -> tuple[str, str]:
    if p.task == "csv":
        return NOT, "A file of strings does not say how they were drawn."
    return MET, f"Strings are drawn by the rules of task {p.task}, as 00 shows."


def beyond(p: Parameters) -> tuple[str, str]:
    return (
        PART,
        f"One task here, {p.task}; the sets memory and beyond ask the same of others. No data of the world outside.",
    )


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (networks, compressions, runs, baselines, sources, splits, matters, pairs, data, frame, beyond)
}


def standards(p: Parameters) -> pd.DataFrame:
    """Each item of each standard: standard, title, link, asks, verdict ("met", "in part", "not met") and why."""
    told = p.model_dump() | {"variants": listed([VARIANTS[variant] for variant in p.variants])}
    rows = []
    for standard in yaml.safe_load(Path(__file__).with_name("standards.yaml").read_text(encoding="utf-8")):
        for item in standard["items"]:
            verdict, why = (
                CHECKS[item["check"]](p) if "check" in item else (item["verdict"], item["why"].format(**told))
            )
            of = {"standard": standard["name"], "title": standard["title"], "link": standard["link"]}
            rows.append(of | {"asks": item["asks"], "verdict": verdict, "why": why})
    return pd.DataFrame(rows)


def write(p: Parameters, folder: Path, pages: Sequence[Page]) -> None:
    """Write ``standards.html``; a `ReportError` where it would load something over the network."""
    found = standards(p)
    text = html.environment().get_template("standards.html.j2").render(
        groups=[(rows.iloc[0], rows.to_dict("records")) for _, rows in found.groupby("standard", sort=False)],
        counts=found["verdict"].value_counts(),
        pages=[page for page in pages if not page.error],
        explorable=html.explorable(folder),
        here=PAGE,
        css=CSS + (TEMPLATES / "index.css").read_text(encoding="utf-8"),
    )  # fmt: skip
    html.write(folder / PAGE, text)
