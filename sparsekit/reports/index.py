"""The first page of a report, and ``summary.json``, which holds the same for programs."""

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import nbformat
import pandas as pd
from PIL import Image

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.progress import duration
from sparsekit.figures import answers as figures
from sparsekit.figures.picture import harmless
from sparsekit.figures.scorecard import scorecard as draw_scorecard
from sparsekit.figures.words import counted, label, written
from sparsekit.reports import explorable, html, scorecard, thesis
from sparsekit.reports.answer import QUESTIONS, Answer
from sparsekit.reports.document import slug
from sparsekit.reports.html import CSS, TEMPLATES, Page, whole

SUMMARY, DATA = "summary.json", "data"
NOT_RUN = "Not run in this report."
SECTIONS = {
    "RQ1": ("01_pruning", "RQ1: accuracy at once after pruning"),
    "RQ2": ("01_pruning", "RQ2: how much can go"),
    "RQ3": ("02_recovery", "When is it back?"),
    "RQ4": ("04_correlation_analysis", "RQ4 under control"),
    "RQ5": ("04_correlation_analysis", "RQ5 under control"),
}
"""The notebook, and its heading, that has how each answer was measured."""

THUMB = 320  # pixels
LIGHT = 90_000  # characters of a drawing that is small enough to stand for its notebook
LAST = 12  # lines of a failed notebook that are shown


@dataclass(frozen=True)
class Report:
    """All that the index says of a run."""

    name: str  # of the parameter set
    parameters: Parameters
    answers: Mapping[str, Answer]  # by question, of those that were answered
    card: pd.DataFrame  # `scorecard.scorecard`
    pages: Sequence[Page]  # the notebooks with a page, or a failure
    explorable: explorable.Links  # to the pages on which a network computes
    missing: Mapping[str, str]  # titles of the kit's notebooks that were not run, by stem
    cost: Mapping[str, str]  # texts by label, as is provenance
    provenance: Mapping[str, str]
    command: str  # what makes the report again
    version: str
    glossary: Sequence[Page] = ()  # the page of the field's words, where the report has one


def write(folder: Path, report: Report) -> None:
    """Write ``index.html``, ``summary.json`` and the CSV behind every figure of the index.

    Raises
    ------
    ReportError
        Where the page would load something over the network.
    """
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    for question in QUESTIONS:
        (folder / DATA / f"{question.lower()}.csv").unlink(missing_ok=True)
    for question, answer in report.answers.items():
        _csv(folder / DATA / f"{question.lower()}.csv", answer.table)
    if not report.card.empty:
        _csv(folder / DATA / "scorecard.csv", report.card)
    with whole(folder / SUMMARY) as unfinished:
        text = json.dumps(_plain(summary(folder, report)), ensure_ascii=False, allow_nan=False, indent=1)
        unfinished.write_text(text + "\n", encoding="utf-8")
    environment = html.environment()
    environment.filters.update(show=written, took=duration, figure=scorecard.figure, label=label)
    table, counts = scorecard.in_tolerances(report.card), scorecard.summary(report.card)
    text = environment.get_template("index.html.j2").render(
        report=report,
        around=[*report.pages, *report.glossary],
        rests=rests(report),
        cards=[_card(folder, question, report) for question in QUESTIONS],
        changed=changed(report.parameters),
        parameters=report.parameters.model_dump(),
        scale=thesis.scale(report.parameters),
        note=thesis.scale_note(report.parameters),
        scorecard=scorecard,
        counts=counts,
        totals=counts.sum(),
        apart=(report.card["verdict"] == scorecard.APART).sum(),
        forest=_scorecard(table, counts) if len(table) else "",
        differing=report.card[report.card["verdict"] == "differs"].to_dict("records"),
        groups=[(group, rows.to_dict("records")) for group, rows in report.card.groupby("group", sort=False)],
        books=[book(folder, page) for page in report.pages],
        citation=thesis.reported()["citation"],
        bibtex=bibtex(report.version),
        css=CSS + (TEMPLATES / "index.css").read_text(encoding="utf-8"),
    )
    html.write(folder / "index.html", text)


def summary(folder: Path, report: Report) -> dict:
    """What ``summary.json`` holds: the same as the page, for programs and for ``sparsekit compare``."""
    answers = {}
    for question, asked in QUESTIONS.items():
        answers[question] = {"asked": asked, "sentence": NOT_RUN, "verdict": "not run"}
        if answer := report.answers.get(question):
            told = {"sentence": answer.sentence, "verdict": answer.verdict, "sure": answer.sure, "notes": answer.notes}
            answers[question] |= told | {"table": answer.table.to_dict("records")}
    books = [{"stem": page.stem, "title": page.title} | _status(folder, page) for page in report.pages]
    books += [{"stem": stem, "title": title, "status": "not run"} for stem, title in report.missing.items()]
    return {
        "name": report.name,
        "version": report.version,
        "command": report.command,
        "parameters": report.parameters.model_dump(),
        "changed": {name: {"default": default, "this run": own} for name, default, own in changed(report.parameters)},
        "answers": answers,
        "scorecard": {
            "counts": scorecard.summary(report.card).to_dict("index"),
            "rows": report.card.to_dict("records"),
        },
        "notebooks": sorted(books, key=lambda one: one["stem"]),
        "cost": report.cost,
        "provenance": report.provenance,
        "citation": thesis.reported()["citation"],
    }


def rests(report: Report) -> list[str]:
    """On what a run's answers rest, in words; of a table of the user's own it has trained nothing."""
    p, ran = report.parameters, {page.stem[:2] for page in report.pages if not page.error}
    graphs = f"{counted(p.graphs, 'graph')} of each of {counted(len(p.generators), 'kind')}" if p.generators else ""
    graphs = f"the networks of {p.structure_table}" if p.structure_table else graphs
    told = {f"{counted(p.seeds, 'network')} a variant": ran - {"03", "04"}}
    told |= {graphs: graphs and ran - {"00", "01", "02", "05", "06"}}
    return [words for words, shown in told.items() if shown]


def changed(parameters: Parameters) -> list[tuple[str, object, object]]:
    """The parameters that differ from their defaults: name, default, value."""
    default = {name: field.get_default(call_default_factory=True) for name, field in Parameters.model_fields.items()}
    return [(name, default[name], own) for name, own in parameters.model_dump().items() if own != default[name]]


def bibtex(version: str) -> str:
    """The thesis and this kit, as LaTeX cites them."""
    return (
        "@mastersthesis{darji2021sparsity,\n  author = {Darji, Harshil},\n"
        "  title  = {Investigating Sparsity in Recurrent Neural Networks},\n"
        "  school = {University of Passau},\n  year   = {2021},\n  note   = {arXiv:2407.20601}\n}\n"
        f"@software{{sparsekit,\n  title   = {{sparsekit: sparsity in recurrent neural networks}},\n"
        f"  version = {{{version}}}\n}}"
    )


def book(folder: Path, page: Page) -> dict:
    """A notebook as the index shows it: its page, its status, and a small picture of it."""
    return {"page": page, "thumb": thumbnail(folder / f"{page.stem}.ipynb")} | _status(folder, page)


def _status(folder: Path, page: Page) -> dict:
    if not page.error:
        return {"status": "ok", "seconds": page.seconds, "earlier": page.earlier}
    return {"status": "failed", "error": page.error, "last": last_lines(folder / f"{page.stem}.failed.ipynb")}


def last_lines(notebook: Path) -> list[str]:
    """The end of what a failed notebook said; nothing where it has left nothing."""
    if not notebook.exists():
        return []
    outputs = [o for cell in nbformat.read(notebook, as_version=4).cells for o in cell.get("outputs", [])]
    said = ["\n".join(o["traceback"]) for o in outputs if o.output_type == "error"]
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said[-1] if said else "")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-LAST:]


def thumbnail(notebook: Path) -> str:
    """The first picture of an executed notebook, small, as the address of an image; nothing where it has none."""
    if not notebook.exists():
        return ""
    for cell in nbformat.read(notebook, as_version=4).cells:
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            shown = re.findall(
                r'src="(data:image/(?:png|svg\+xml);base64,([^"]+))"', "".join(data.get("text/html", ""))
            )
            if png := data.get("image/png"):
                shown.append((f"data:image/png;base64,{png}", png))
            for address, content in shown:
                if address.startswith("data:image/png"):
                    return _small(base64.b64decode(content))
                if len(address) <= LIGHT:
                    return address
    return ""


def _small(content: bytes) -> str:
    """The upper part of an image, as the address of a small one in few colours."""
    image = Image.open(BytesIO(content)).convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image.thumbnail((THUMB, THUMB))
    image = image.crop((0, 0, image.width, min(image.height, image.width * 5 // 8 + 1)))
    buffer = BytesIO()
    image.quantize(64).save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _card(folder: Path, question: str, report: Report) -> dict:
    """One question as the index shows it."""
    answer, (stem, heading) = report.answers.get(question), SECTIONS[question]
    own = {"key": question, "asked": QUESTIONS[question], "answer": answer, "not_run": NOT_RUN}
    failed = {page.stem: page.error for page in report.pages if page.error}
    if answer is None:
        return own | {"failed": stem if stem in failed else ""}
    picture, link = "", f"{stem}.html"
    page = folder / link
    if page.exists():
        anchor = slug(heading)
        link += f"#{anchor}" * (f'id="{anchor}"' in page.read_text(encoding="utf-8"))
    if drawn := figures.figure(question, answer.table):
        picture = drawn.inline(question.lower(), figures.CAPTIONS[question])
    return own | {"figure": picture, "caption": figures.CAPTIONS[question], "link": link, "page": page.exists()}


def _scorecard(table: pd.DataFrame, counts: pd.DataFrame) -> str:
    labels = {}
    for group in dict.fromkeys(table["group"]):
        told = ", ".join(scorecard.told_counts(counts.loc[group]))
        labels[group] = f"{scorecard.GROUPS[group].quantity}\n{told}"
    picture = draw_scorecard(table, labels)
    return picture.inline("scorecard")


def _csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table; no text in it begins as a formula does, so that a spreadsheet computes nothing."""
    table.map(harmless).to_csv(path, index=False, float_format="%.6g")


def _plain(value: object) -> object:
    """Values that JSON has: what is not finite becomes its name, nan nothing, numbers of numpy those of Python."""
    if isinstance(value, Mapping):
        return {str(name): _plain(own) for name, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
