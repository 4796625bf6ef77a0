"""Two reports side by side: what differs in their parameters and in their answers, from the two ``summary.json``."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparsekit.analysis.tables import EVERY
from sparsekit.experiments.project import home
from sparsekit.figures import answers
from sparsekit.figures.words import counted, label, number, percent, span, written
from sparsekit.registry import brief
from sparsekit.reports import html
from sparsekit.reports.html import CSS, TEMPLATES
from sparsekit.reports.index import SUMMARY

PARTS = {"name", "parameters", "answers", "scorecard", "provenance"}
ESTIMATES = {
    "RQ1": (("variant", "target", "percent"), "test accuracy", percent),
    "RQ2": (("variant", "target"), "% pruned when half have dropped", "{:.0f}".format),
    "RQ3": (("variant", "target", "percent"), "share back in one epoch", lambda v: percent(v, 0)),
    "RQ4": (("variant", "property"), "r under control", number),
    "RQ5": (("variant", "features"), "R² on unseen graphs", number),
}
"""Of each question's table: what tells its rows apart, the estimate's name, and how it is written."""

APART, OVERLAP = "apart", "overlap"
SAID = ("sentence", "verdict", "sure")  # of an answer, beside its table


class CompareError(ValueError):
    """A folder that holds no report which can be compared; its text is one line."""


@dataclass(frozen=True)
class Difference:
    """One condition of an answer in both reports: which, and both estimates with their intervals, in words.

    The verdict is "apart" where the two intervals have nothing in common, "overlap" where they have; "" without
    intervals.
    """

    condition: str
    one: str
    other: str
    verdict: str


def read(folder: str | Path) -> dict:
    """What a report says of itself.

    Raises
    ------
    CompareError
        Where there is no such folder, no ``summary.json`` in it, or one that is no report's.
    """
    path = _folder(folder)
    if not path.is_dir():
        raise CompareError(f"{folder}: there is no such folder; give two reports, such as reports/quick reports/thesis")
    file = path / SUMMARY
    if not file.is_file():
        raise CompareError(f"{folder}: no {SUMMARY} in it; `sparsekit run` writes one into each report")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        raise CompareError(f"{file}: cannot be read as JSON; run the report again") from None
    if not isinstance(found, dict) or (lacking := sorted(PARTS - {*found})):
        lacks = f"it lacks {', '.join(lacking)}" if isinstance(found, dict) else "it is no mapping"
        raise CompareError(f"{file}: not the summary of a report: {lacks}; run the report again")
    if not isinstance(found["name"], str):
        raise CompareError(f"{file}: was changed by hand: its name is no text; run the report again")
    return found


def _folder(given: str | Path) -> Path:
    path = home(given).absolute()
    return path.parent if path.name in (SUMMARY, "index.html") else path


def parameters(one: Mapping, other: Mapping) -> list[tuple[str, str, str]]:
    """The parameters that differ: name, and both values in words."""
    names = dict.fromkeys([*one["parameters"], *other["parameters"]])
    found = [(name, one["parameters"].get(name), other["parameters"].get(name)) for name in names]
    return [(name, written(a), written(b)) for name, a, b in found if a != b]


def answer(question: str, one: Mapping, other: Mapping) -> list[Difference]:
    """The conditions of an answer that both reports have, those whose intervals lie apart first."""
    (keys, _, form), name = ESTIMATES[question], answers.ESTIMATES[question]
    both = [report["answers"][question].get("table", []) for report in (one, other)]
    rows = [{tuple(row.get(key) for key in keys): row for row in table} for table in both]
    found = []
    for at in rows[0].keys() & rows[1].keys():
        a, b = rows[0][at], rows[1][at]
        if a.get(name) is None or b.get(name) is None:
            continue
        ends = [a.get("low"), a.get("high"), b.get("low"), b.get("high")]
        known = all(isinstance(end, int | float) and math.isfinite(end) for end in ends)
        verdict = (APART if ends[1] < ends[2] or ends[3] < ends[0] else OVERLAP) if known else ""
        told = Difference(_words(keys, at), *(_told(row, name, form) for row in (a, b)), verdict)
        found.append((verdict != APART, tuple(map(str, at)), told))
    return [difference for *_, difference in sorted(found, key=lambda each: each[:2])]


def _words(keys: tuple, at: tuple) -> str:
    said = {"percent": "{:g} %".format, "variant": lambda v: "all variants" if v == EVERY else label(v)}
    return ", ".join(said.get(key, label)(value) for key, value in zip(keys, at, strict=True))


def _told(row: Mapping, name: str, form) -> str:
    ends = [np.nan if row.get(end) is None else row[end] for end in ("low", "high")]
    return span(row[name], *ends, form)


def text(one: Mapping, other: Mapping) -> Iterator[str]:
    """Both reports in a few lines for a terminal."""
    differing = parameters(one, other)
    told = f"{counted(len(differing), 'parameter')} not the same" if differing else "the same parameters"
    yield f"{one['name']} and {other['name']}: {told}"
    for name, a, b in differing:
        yield f"  {name}: {a} → {b}"
    for question in ESTIMATES:
        a, b = (report["answers"][question] for report in (one, other))
        rows = answer(question, one, other)
        apart = [row for row in rows if row.verdict == APART]
        same = a["sentence"] == b["sentence"]
        yield f"{question}  {a['verdict']}{'' if a['verdict'] == b['verdict'] else ' → ' + b['verdict']}"
        yield f"     {a['sentence']}" if same else f"     {one['name']}: {a['sentence']}"
        if not same:
            yield f"     {other['name']}: {b['sentence']}"
        if rows:
            yield f"     {len(apart)} of {len(rows)} conditions lie apart"
        for row in apart[:3]:
            yield f"       {row.condition}: {row.one} → {row.other}"


def write(page: Path, one: Mapping, other: Mapping, folders: Sequence[Path]) -> None:
    """Write both reports, from these folders, side by side as one page that loads nothing."""
    ways = [f"{Path(os.path.relpath(folder, page.parent)).as_posix()}/" for folder in folders]
    questions = [
        {
            "key": question,
            "asked": one["answers"][question].get("asked", ""),
            "sides": [(report["name"], report["answers"][question]) for report in (one, other)],
            "same": len({tuple(report["answers"][question].get(n) for n in SAID) for report in (one, other)}) == 1,
            "estimate": ESTIMATES[question][1],
            "rows": (rows := answer(question, one, other)),
            "apart": [row for row in rows if row.verdict == APART],
        }
        for question in ESTIMATES
    ]
    names = dict.fromkeys([*one["provenance"], *other["provenance"]])
    provenance = [(name, one["provenance"].get(name, "–"), other["provenance"].get(name, "–")) for name in names]
    text = html.environment().get_template("compare.html.j2").render(
        one=one, other=other, parameters=parameters(one, other), questions=questions, provenance=provenance,
        here=page.name, folder=ways[1], glossary=[html.GLOSSARY] * (folders[1] / "glossary.html").exists(),
        firsts=[(f"{way}index.html", report["name"]) for way, report in zip(ways, (one, other), strict=True)],
        css=CSS + (TEMPLATES / "index.css").read_text(encoding="utf-8"),
    )  # fmt: skip
    html.write(page, text)


def compare(one: str | Path, other: str | Path, out: Path | None = None) -> tuple[Path, list[str]]:
    """Read two reports, write the page that sets them side by side, and return its path and a short text.

    The page goes beside the second report, as ``compare-ONE-OTHER.html``, unless `out` says where.
    """
    first, second = read(one), read(other)
    folders = [_folder(folder) for folder in (one, other)]
    if first["name"] == second["name"]:  # of one set: told apart by the last folder that is not the same
        ends = zip(*(reversed(folder.parts) for folder in folders), strict=False)
        for report, end in zip((first, second), next((pair for pair in ends if len({*pair}) > 1), ()), strict=False):
            report["name"] += f" ({end})"
    page = out or folders[1].parent / f"compare-{'-'.join(folder.name for folder in folders)}.html"
    try:
        told = list(text(first, second))
        write(page, first, second, folders)
    except OSError as error:
        raise CompareError(f"{page}: cannot be written to ({error.strerror})") from error
    except Exception as error:  # whatever a value of another kind than `sparsekit run` writes leads to
        why = brief(f"{one}, {other}: a {SUMMARY} was changed by hand ({type(error).__name__}: {error})")
        raise CompareError(f"{why}; run its report again") from error
    return page, told
