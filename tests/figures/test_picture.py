"""A picture shows itself as a figure: the drawing, its caption, and the data drawn."""

import csv
import io
from base64 import b64decode
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from sparsekit.figures import automata, axis, marks, picture, style
from sparsekit.figures.axis import Axis
from sparsekit.figures.card import nothing
from sparsekit.figures.words import number, percent

LOOKS = [style.VARIANTS, style.TARGETS, style.SCORES, style.SCOPES, style.SCHEDULES, style.NULLS, style.PROTOCOLS]
HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>'


def forest(reading="GRU `keeps` 90 %.", names=("gru", "lstm")):
    table = pd.DataFrame({"panel": [*names], "row": [HOSTILE, "−5"], "mean": [0.9, 0.25], "low": 0.1, "high": np.nan})
    return marks.forest(table, 'What is "left" & <lost>', Axis("accuracy", "{:.0%}".format), reading=reading)


def shown(picture):
    return BeautifulSoup(picture._repr_mimebundle_()["text/html"], "html.parser")


def test_a_notebook_shows_picture_caption_and_data_as_one():
    picture = forest()
    soup = shown(picture)
    assert picture._repr_mimebundle_()["text/plain"] == picture.alt
    assert soup.img["alt"] == 'Points with intervals of accuracy: what is "left" & <lost>.'
    assert soup.figcaption.get_text() == 'What is "left" & <lost>. GRU keeps 90 %.'
    assert soup.figcaption.code.string == "keeps"
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.select("details tr")]
    assert rows == [
        ["variant", "row", "accuracy", "low"],
        ["GRU", HOSTILE, "90%", "10%"],
        ["LSTM", "−5", "25%", "10%"],
    ]
    assert not soup.find("script")


def test_the_file_of_its_data_holds_no_formula():
    link = shown(forest()).find("a", download=True)
    assert link["download"] == "what-is-left-lost.csv"
    rows = list(csv.reader(io.StringIO(unquote(link["href"].removeprefix("data:text/csv;charset=utf-8,")))))
    assert rows[0] == ["variant", "row", "accuracy (fraction)", "low (fraction)"]  # which the page writes in per cent
    assert rows[1] == ["GRU", f"'{HOSTILE}", "0.9", "0.1"]


def test_the_file_of_its_data_asks_a_form_of_drawn_values_alone():
    words = {1.0: "first letter", 2.0: "later"}
    table = pd.DataFrame({"place": [1.0, 2.0], "points": [-0.02, 0.0], "r": [0.5, np.nan], "none": np.nan})
    forms = {"place": words.__getitem__, "points": axis.POINTS.form, "r": number, "none": percent}
    own = picture.Picture(forest().figure, "A.", "", table=table, forms=forms)
    assert own.csv().splitlines()[0] == '"place","points (fraction)","r","none"'


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_every_text_that_a_spreadsheet_would_compute_is_kept_from_it(text):
    own = picture.Picture(forest().figure, "A.", "", table=pd.DataFrame({text: [text, "plain"], "n": [-1.5, 2]}))
    rows = list(csv.reader(io.StringIO(own.csv(), newline="")))
    assert [row[0] for row in rows] == [f"'{text}", f"'{text}", "plain"]
    assert [row[1] for row in rows] == ["n", "-1.5", "2"]  # a number stays one


def test_single_seeds_are_in_the_data():
    means = pd.DataFrame({"panel": "gru", "series": "both", "x": [10, 20], "mean": [0.9, 0.8]})
    seeds = pd.DataFrame({"panel": "gru", "series": "both", "x": 10, "seed": [0, 1], "value": [0.85, 0.95]})
    table = marks.lines(means, "Accuracy", Axis("pruned (%)"), looks=style.TARGETS, seeds=seeds).table
    assert table["seed"].tolist() == ["all", "all", "0", "1"]
    assert table["test accuracy"].tolist() == [0.9, 0.8, 0.85, 0.95]


def test_a_gap_in_a_line_is_no_row_and_a_mark_without_a_number_keeps_its_word():
    lines = pd.DataFrame({"panel": "gru", "series": "both", "x": [10, 20, 30], "mean": [0.9, np.nan, 0.8]})
    assert marks.lines(lines, "T", Axis("pruned"), looks=style.TARGETS).table["pruned"].tolist() == [10, 30]
    never = pd.DataFrame({"panel": "gru", "row": ["a", "b"], "mean": [0.5, np.nan], "text": ["", "never"], "value": 1})
    assert marks.forest(never, "T", Axis("end")).table.columns.tolist() == ["variant", "row", "end", "as shown"]
    assert marks.forest(never, "T", Axis("end")).table["as shown"].tolist() == ["", "never"]


def test_without_a_table_all_is_told_in_words():
    picture = automata.automaton()
    soup = shown(picture)
    assert soup.details.p.get_text() == picture.alt
    assert not soup.find("a")
    assert picture.alt.startswith(soup.img["alt"])


def test_the_drawing_is_letters_without_card_and_headline_and_both_come_back():
    picture = forest()
    kind, content = picture.image()
    assert kind == "image/svg+xml"
    assert b"accuracy</text>" in content
    assert b"What is" not in content
    assert all(artist.get_visible() for artist in picture.figure.get_children())


def test_a_heavy_drawing_is_pixels_of_few_colours(monkeypatch):
    monkeypatch.setattr(picture, "HEAVY", 0)
    source = shown(forest()).img["src"]
    image = Image.open(io.BytesIO(b64decode(source.removeprefix("data:image/png;base64,"))))
    assert image.mode == "P"
    assert image.width == 1400
    assert image.convert("RGBA").getpixel((2, 2))[3] == 0  # the page shows through


@pytest.mark.parametrize(
    "colour",
    dict.fromkeys([style.INK, style.QUIET, style.FAINT, *(one.colour for looks in LOOKS for one in looks.values())]),
)
def test_what_can_be_read_on_white_can_be_read_on_a_dark_page(colour):
    readable = style.readable(colour)
    assert style.contrast(style.on_dark(readable), style.on_dark("#ffffff")) >= 4.5
    assert style.contrast(readable) >= 4.5
    assert style.contrast(style.on_dark(colour), style.on_dark("#ffffff")) >= 3
    assert style.contrast(colour) >= 3


def test_a_picture_of_nothing_is_a_line_that_says_why():
    soup = shown(nothing("What is left", "No ladder was asked for; `ensemble = 20` trains one."))
    assert soup.get_text() == "What is left. No ladder was asked for; ensemble = 20 trains one."
    assert not soup.select("figure, img, details")
