"""Executed notebooks become pages whose parts can be named, linked, read aloud and found."""

import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from sparsekit.figures import automata, marks
from sparsekit.figures.axis import Axis
from sparsekit.reports import document
from tests.reports.test_html import rendered


def shown(picture):
    return new_output("display_data", picture._repr_mimebundle_())


def forest(title="Accuracy <b>at once</b>", row='"><script>alert(1)</script>'):
    table = pd.DataFrame({"panel": ["gru"], "row": [row], "mean": [0.9]})
    return marks.forest(table, title, Axis("accuracy"), reading="It <i>falls</i>.")


def table(markup):
    return new_output("display_data", {"text/html": markup, "text/plain": ""})


def test_figures_are_numbered_linked_and_described(tmp_path):
    both = [shown(forest()), shown(automata.automaton()), shown(forest())]
    _, soup = rendered(tmp_path, new_markdown_cell("# T\n\n## One"), new_code_cell("draw()", outputs=both))
    figures = soup.select("main figure")
    assert [one["id"] for one in figures] == [
        "figure-accuracy-b-at-once-b",
        figures[1]["id"],
        "figure-accuracy-b-at-once-b-2",
    ]
    assert [one.select_one("a.number").string for one in figures] == ["Figure 1.1", "Figure 1.2", "Figure 1.3"]
    assert all(one.select_one("a.number")["href"] == f"#{one['id']}" for one in figures)
    assert figures[0].figcaption.get_text() == "Figure 1.1 Accuracy <b>at once</b>. It <i>falls</i>."
    assert figures[0].svg["aria-label"] == "Points with intervals of accuracy: accuracy <b>at once</b>."
    assert figures[0].select_one("a[download]").string == "CSV of Figure 1.1"
    assert [one.summary.string for one in figures[:2]] == ["Data of Figure 1.1", "Figure 1.2 in words"]
    assert soup.select_one("details.code").summary.string == "Code of Figures 1.1, 1.2 and 1.3"
    assert not soup.select("main script, figure b i, figcaption i")
    assert "alert(1)" in soup.select_one("figure table").get_text()


def test_drawings_follow_the_scheme_and_share_no_names(tmp_path):
    text, soup = rendered(tmp_path, new_code_cell("draw()", outputs=[shown(forest()), shown(forest())]))
    drawings = soup.select("figure svg")
    assert len(drawings) == 2
    assert not re.search(r"[: \"]#[0-9a-f]{6}", "".join(map(str, drawings)))
    used = set(re.findall(r"var\((--c[0-9a-f]{6})\)", text))
    (style,) = (tag.string for tag in soup.find_all("style") if "--c1f2328:" in tag.string)
    light, dark = style.split("@media screen and (prefers-color-scheme:dark)")
    for part in (light, dark):
        assert used <= set(re.findall(r"(--c[0-9a-f]{6}):", part))
    names = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(names) == len(set(names))
    referred = re.findall(r"(?:href=\"#|url\(#)([^\")]+)", "".join(map(str, drawings)))
    assert referred
    assert set(referred) <= set(names)


def test_anchors_are_words_and_each_is_once(tmp_path):
    cells = [new_markdown_cell("# T\n\n## RQ1: accuracy, at once\n\n## Ärger\n\n## Ärger")]
    _, soup = rendered(tmp_path, *cells)
    assert [h["id"] for h in soup.main.find_all("h2")] == ["rq1-accuracy-at-once", "arger", "arger-2"]


def test_the_answer_stands_on_top_and_stays_below(tmp_path):
    answer = new_output("execute_result", {"text/markdown": "Nothing, **then** everything.\n\nMore.", "text/plain": ""})
    _, soup = rendered(
        tmp_path,
        new_markdown_cell("# T\n\n**Question.** What?\n\nMore about it."),
        new_markdown_cell("## Answer"),
        new_code_cell("Markdown(rq1)", outputs=[answer], metadata={"tags": ["RQ1"]}),
        new_code_cell("more", outputs=[table("<p>not an answer</p>")]),
        new_markdown_cell("## What to doubt"),
    )
    box = soup.select_one(".answer")
    assert box.find_previous_sibling("p").get_text() == "Question. What?"
    assert [p.get_text() for p in box.find_all("p")] == ["Nothing, then everything."]
    assert box.a["href"] == "#answer"
    assert soup.main.get_text().count("Nothing, then everything.") == 2


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("- R² is *0.5 of 1*. The **rest**. And _more_.\n- A second point.", "R² is 0.5 of 1."),
        (
            "**Half is lost at 83.5 % (75 to 89 %).** Then it ends.",
            "Half is lost at 83.5\N{NO-BREAK SPACE}% (75 to 89\N{NO-BREAK SPACE}%).",
        ),
        ("One that has no end", "One that has no end"),
    ],
)
def test_the_answer_on_top_is_one_sentence(tmp_path, said, kept):
    answer = new_output("execute_result", {"text/markdown": said, "text/plain": ""})
    _, soup = rendered(tmp_path, new_markdown_cell("# T\n\n## Answer"), new_code_cell("", outputs=[answer]))
    (paragraph,) = soup.select(".answer > *:not(a)")
    assert (paragraph.name, paragraph.get_text()) == ("p", kept)


def test_names_of_a_program_in_tables_are_set_as_code(tmp_path):
    frame = pd.DataFrame(
        {"source_nodes": ["barabasi_albert", "a_b and words", "<b>x_y</b>"]}, index=["w.hh_0", "b", "c"]
    )
    _, soup = rendered(tmp_path, new_code_cell("frame", outputs=[table(frame.to_html())]))
    assert [one.get_text() for one in soup.select("table code")] == ["source_nodes", "w.hh_0", "barabasi_albert"]


def test_a_page_without_an_answer_has_no_box(tmp_path):
    _, soup = rendered(tmp_path, new_markdown_cell("# T\n\n## One"), new_code_cell("1"))
    assert not soup.select(".answer")
    _, soup = rendered(tmp_path, new_markdown_cell("# T\n\n## Answer"), new_code_cell("1"))
    assert not soup.select(".answer")


def test_heads_of_tables_say_what_they_head(tmp_path):
    one = "<table><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>x</th><td>1</td></tr></tbody></table>"
    two = (
        "<table><thead><tr><th colspan='2'>all</th></tr></thead>"
        "<tbody><tr><th rowspan='2'>x</th><th>y</th></tr></tbody></table>"
    )
    _, soup = rendered(tmp_path, new_markdown_cell("# T\n\n## S"), new_code_cell("t", outputs=[table(one), table(two)]))
    assert [(h.get_text(), h["scope"]) for h in soup.select("main th")] == [
        ("a", "col"),
        ("x", "row"),
        ("all", "colgroup"),
        ("x", "rowgroup"),
        ("y", "row"),
    ]
    assert [box["aria-label"] for box in soup.select("div.scroll")] == ["Table in S", "Table in S (2)"]
    assert [t.get("class", []) for t in soup.select("main table")] == [["one-head"], []]


def test_every_fold_and_landmark_has_a_name_of_its_own(tmp_path):
    cells = [new_markdown_cell("# T\n\n## S"), new_code_cell("a = 1"), new_code_cell("b = 2")]
    _, soup = rendered(tmp_path, *cells, parameters={"seeds": 3})
    names = [summary.get_text() for summary in soup.select("main summary")]
    assert len(names) == len(set(names))
    landmarks = [tag["aria-label"] for tag in soup.select("nav, [role=region]")]
    assert len(landmarks) == len(set(landmarks))


def test_finished_is_plain_text_where_there_is_nothing_to_do():
    text = "<html><head></head><body><main><p>a</p></main></body></html>"
    assert BeautifulSoup(document.finished(text), "html.parser").main.get_text() == "a"
