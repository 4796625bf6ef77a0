"""The first page of a report says what was found, what was not run, and nothing that was not asked; it runs nothing."""

import csv
import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbformat.v4 import new_code_cell, new_notebook, new_output

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import folder
from sparsekit.figures import answers as figures
from sparsekit.figures.style import RULE, contrast, on_dark, scheme
from sparsekit.reports import html, index, scorecard
from sparsekit.reports.answer import QUESTIONS, Answer
from sparsekit.reports.answers import rq1, rq2, rq3
from sparsekit.reports.explorable import Links

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
P = Parameters(train_size=400)


def networks(shift=0.0):
    """Three variants that fall at 70 to 90 %, and what an epoch of retraining brings back."""
    rng, rows = np.random.default_rng(0), []
    for variant, at in (("rnn_tanh", 70), ("gru", 80), ("lstm", 90)):
        for seed in range(5):
            for percent in (50.0, 70.0, 80.0, 90.0, 100.0):
                fallen = 0.95 if percent < at + shift + 4 * rng.normal() else 0.55
                own = {"variant": variant, "seed": seed, "target": "both", "percent": percent, "base_accuracy": 0.95}
                back = 0.95 if percent < 100 else fallen
                rows += [own | {"step": 32 * e, "epoch": float(e), "accuracy": a} for e, a in enumerate((fallen, back))]
    return pd.DataFrame(rows)


def report(shift=0.0, **options):
    table = networks(shift)
    pruned = table[table["step"] == 0]
    found = [rq1(pruned, P, 0.5), rq2(pruned, P, 0.5), rq3(table, P)]
    own = {
        "name": "quick", "parameters": P, "answers": {a.question: a for a in found},
        "card": scorecard.scorecard(P, pruning=pruned), "pages": [html.Page("01_pruning", "Pruning", 192.0)],
        "explorable": Links("Type a string.", (("GRU", "explorable_gru.html"),), Markup("<svg></svg>")),
        "missing": {"04_correlation_analysis": "Graphs"}, "cost": {"this run": "3 s"}, "provenance": {"code": "x"},
        "command": "sparsekit run quick", "version": "0.1.0",
    }  # fmt: skip
    return index.Report(**own | options)


def written(path, *arguments, **options):
    index.write(path, report(*arguments, **options))
    text = (path / "index.html").read_text(encoding="utf-8")
    return text, BeautifulSoup(text, "html.parser")


def test_its_first_lines_say_on_what_the_answers_rest():
    def said(*stems, **given):
        pages = [html.Page(stem, "Any") for stem in stems]
        return index.rests(report(pages=pages, parameters=P.model_copy(update=given)))

    assert said("01_pruning") == ["3 networks a variant"]
    assert said("00_task", "04_x") == ["3 networks a variant", "6 graphs of each of 2 kinds"]
    own = {"structure_table": "results.csv"}
    assert said("04_x", **own) == ["the networks of results.csv"], "nothing was trained"
    assert said("01_pruning", "03_x", "mine", **own) == ["3 networks a variant", "the networks of results.csv"]
    assert said("04_x", generators=[]) == []


def test_a_card_has_its_sentence_figure_and_data(tmp_path):
    (tmp_path / "01_pruning.html").write_text('<h2 id="rq2-how-much-can-go">RQ2: how much can go</h2>')
    text, soup = written(tmp_path)
    assert html.loads(text) == []
    assert not soup.select("script, link, iframe")
    assert len(text) < 1_000_000
    told = report().answers
    for question in ("RQ1", "RQ2", "RQ3"):
        card = soup.select_one(f"#{question.lower()}")
        assert card.select_one(".sentence").get_text().replace("\N{NO-BREAK SPACE}", " ") == told[question].sentence
        assert card.select_one(".sure .verdict").get_text() == told[question].verdict
        assert card.select_one("figure svg")["aria-label"]
        file = tmp_path / card.select_one("a[download]")["href"]
        assert len(list(csv.DictReader(file.open()))) == len(told[question].table)
    assert soup.select_one("#rq2 figure a")["href"] == "01_pruning.html#rq2-how-much-can-go"
    assert soup.select_one("#rq1 figure a")["href"] == "01_pruning.html"  # the page has no such heading
    assert not soup.select("#rq3 figure a:not([download])")  # nor the report that page
    ids = [tag["id"] for tag in soup.select("[id]")]
    assert len(set(ids)) == len(ids)
    for name in re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text):
        assert (name[0] or name[1]) in ids


def test_what_was_not_run_or_failed_is_said_in_few_words(tmp_path):
    error = new_output(
        "error", ename="ValueError", evalue="no", traceback=["\x1b[31mline 1\x1b[0m", "ValueError: <b>no</b>"]
    )
    nbformat.write(new_notebook(cells=[new_code_cell("x", outputs=[error])]), tmp_path / "02_recovery.failed.ipynb")
    pages = [html.Page("01_pruning", "Pruning", 1.0), html.Page("02_recovery", "Recovery", error="cell 3: no")]
    _, soup = written(tmp_path, answers={}, pages=pages)
    assert soup.select_one("#rq4 .sentence").get_text() == index.NOT_RUN
    assert len(index.NOT_RUN.split()) == 5
    assert soup.select_one("#rq3 .sentence").get_text() == "Its notebook failed: see below."
    assert soup.select_one(".books .failed pre").get_text() == "line 1\nValueError: <b>no</b>"
    assert "not run" in soup.select_one(".books .missing").get_text()
    kept = json.loads((tmp_path / "summary.json").read_text())
    assert [(b["stem"][:2], b["status"]) for b in kept["notebooks"]] == [
        ("01", "ok"),
        ("02", "failed"),
        ("04", "not run"),
    ]
    assert not list((tmp_path / "data").glob("rq*"))


def test_hostile_strings_run_nothing(tmp_path):
    parameters = P.model_copy(update={"csv_path": HOSTILE, "graph_files": [HOSTILE]})
    answer = Answer("RQ4", HOSTILE, "shown", HOSTILE, pd.DataFrame(), [HOSTILE])
    told = {"name": HOSTILE, "parameters": parameters, "answers": {"RQ4": answer}, "command": HOSTILE}
    told |= {"pages": [html.Page("01_x", HOSTILE, error=HOSTILE)], "missing": {HOSTILE: HOSTILE}}
    told |= {"cost": {HOSTILE: HOSTILE}, "provenance": {HOSTILE: HOSTILE}, "card": scorecard.scorecard(P)}
    text, soup = written(tmp_path, **told)
    assert "<script" not in text
    assert not soup.select("img[onerror], [onclick], script")
    assert HOSTILE in soup.get_text()
    rows = pd.DataFrame({"graph": ["=cmd()", "@x", "fine"]})
    index._csv(tmp_path / "x.csv", rows)
    assert (tmp_path / "x.csv").read_text().splitlines()[1:] == ["'=cmd()", "'@x", "fine"]


def test_a_figure_takes_the_pages_colours_and_says_what_it_shows():
    answer = report().answers["RQ2"]
    drawn = figures.figure("RQ2", answer.table)
    svg = drawn.inline("rq2", 'a "quoted" <alt>')
    assert 'aria-label="a &quot;quoted&quot; &lt;alt&gt;"' in svg
    assert not re.search(r"#[0-9a-f]{6}\b(?!-)", re.sub(r"(id=\"|href=\"#|url\(#)[^\")]*", "", svg))
    used = {f"#{name}" for name in re.findall(r"var\(--c([0-9a-f]{6})\)", svg)}
    light, dark = scheme(svg).split("@media screen and (prefers-color-scheme:dark)")
    assert used == set(re.findall(r":(#[0-9a-f]{6});", light))
    shown = re.findall(r"--c([0-9a-f]{6}):(#[0-9a-f]{6});", dark)
    assert {f"#{name}" for name, _ in shown} == used - {"#ffffff"}
    marks = {f"#{name}": shade for name, shade in shown if f"#{name}" != RULE}
    assert min(contrast(colour) for colour in marks) >= 3
    assert min(contrast(shade, on_dark("#ffffff")) for shade in marks.values()) >= 3
    assert "Half of all networks are halfway to chance at" in figures.figure("RQ1", report().answers["RQ1"].table).alt


def test_the_scorecard_is_drawn_in_tolerances(tmp_path):
    card = report().card
    rows = scorecard.in_tolerances(card)
    assert set(rows["verdict"]) <= set(scorecard.COUNTED)
    one = rows[rows["group"] == "safe_pruning_percent"].iloc[0]
    assert one["difference"] == pytest.approx(card.loc[one.name, "difference"] / 10)
    _, soup = written(tmp_path)
    assert "Thesis less this run" in soup.select_one("figure.wide svg")["aria-label"]


def test_every_answer_leads_to_a_heading_of_its_notebook():
    assert set(index.SECTIONS) == set(QUESTIONS)
    for stem, heading in index.SECTIONS.values():
        cells = nbformat.read(folder() / f"{stem}.ipynb", as_version=4).cells
        assert any(f"## {heading}" in cell.source.splitlines() for cell in cells), heading


def test_only_what_differs_from_the_defaults_is_listed():
    assert index.changed(Parameters()) == []
    assert [name for name, *_ in index.changed(Parameters(seeds=7))] == ["seeds"]
    assert "0.1.0" in index.bibtex("0.1.0")


def test_a_notebook_is_shown_by_its_first_small_picture(tmp_path):
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    large, small = (f'<img src="data:image/svg+xml;base64,{"A" * n}">' for n in (index.LIGHT, 8))
    for outputs, begins in (
        ([{"image/png": pixel}], "data:image/png;base64,"),
        ([{"text/html": large}, {"text/html": small}], "data:image/svg+xml;base64,AAAAAAAA"),
        ([{"text/plain": "no picture"}], ""),
    ):
        cell = new_code_cell("x", outputs=[new_output("display_data", data) for data in outputs])
        nbformat.write(new_notebook(cells=[cell]), tmp_path / "x.ipynb")
        assert index.thumbnail(tmp_path / "x.ipynb").startswith(begins)
        assert bool(index.thumbnail(tmp_path / "x.ipynb")) == bool(begins)
    assert index.thumbnail(tmp_path / "none.ipynb") == ""
