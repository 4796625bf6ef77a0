"""Two reports side by side: what differs is shown with both intervals; what is no report is said in one line."""

import json

import pytest
from bs4 import BeautifulSoup

from sparsekit.cli import main
from sparsekit.experiments.parameters import Parameters
from sparsekit.reports import compare, html, index
from tests.reports.test_index import HOSTILE, report


@pytest.fixture
def two(tmp_path):
    """A report, and one of networks that fall later, with other parameters."""
    for name, own in (("one", report()), ("two", report(9.5, name="later", parameters=Parameters(seeds=5)))):
        index.write(tmp_path / name, own)
    return tmp_path / "one", tmp_path / "two"


def test_parameters_and_answers_that_differ_are_told_with_intervals(two, capsys):
    assert main(["compare", *map(str, two)]) == 0
    said = capsys.readouterr().out
    assert "  seeds: 3 → 5" in said
    assert "  train_size: 400 → 1000" in said
    first, second = (json.loads((folder / "summary.json").read_text()) for folder in two)
    assert first["answers"]["RQ2"]["sentence"] in " ".join(said.split())
    assert second["answers"]["RQ2"]["sentence"] in " ".join(said.split())
    page = two[1].parent / "compare-one-two.html"
    assert said.endswith(f"Page: {page}\n")
    text = page.read_text(encoding="utf-8")
    assert html.loads(text) == []
    soup = BeautifulSoup(text, "html.parser")
    rows = [row.get_text(" ", strip=True) for row in soup.select("#rq2 tbody tr")]
    row = next(r for r in first["answers"]["RQ2"]["table"] if r["variant"] == "gru")
    assert any(f"GRU, both {row['percent']:.0f} ({row['low']:.0f} to {row['high']:.0f})" in told for told in rows)
    assert [cell.get_text() for cell in soup.select("#parameters ~ div tbody code")][:2] == ["train_size", "seeds"]


def test_its_header_leads_to_both_reports_and_to_the_words_of_the_field(two):
    (two[1] / "glossary.html").touch()
    for out in (None, two[0] / "deep" / "er.html"):
        page, _ = compare.compare(*two, out)
        header = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find("nav", class_="pages")
        *ways, here = header.find_all("a")
        assert [way.get_text() for way in ways] == ["quick", "later", "Glossary"]
        there = [(page.parent / way["href"]).resolve() for way in ways]
        assert there == [two[0] / "index.html", two[1] / "index.html", two[1] / "glossary.html"]
        assert here["href"] == page.name


def test_two_reports_of_one_set_are_told_apart_by_their_folders(tmp_path):
    folders = [tmp_path / "before" / "quick", tmp_path / "after" / "quick"]
    for folder in folders:
        index.write(folder, report())
    page, told = compare.compare(*folders)
    assert told[0] == "quick (before) and quick (after): the same parameters"
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert [one.get_text() for one in soup.select("nav.pages a")][:2] == ["quick (before)", "quick (after)"]
    assert len(soup.select("#rq2 .sentence")) == 1  # which is the same in both
    assert compare.compare(folders[0], folders[0])[1][0].startswith("quick and quick")


def test_intervals_with_nothing_in_common_lie_apart():
    rows = [{"variant": "gru", "target": "both", "percent": p, "low": p - 5, "high": p + 5} for p in (50.0, 58.0, 80.0)]
    one, near, far = ({"answers": {"RQ2": {"table": [row]}}} for row in rows)
    assert [d.verdict for d in compare.answer("RQ2", one, near)] == ["overlap"]
    (apart,) = compare.answer("RQ2", one, far)
    assert (apart.condition, apart.one, apart.other, apart.verdict) == (
        "GRU, both",
        "50 (45 to 55)",
        "80 (75 to 85)",
        "apart",
    )
    unknown = {"answers": {"RQ2": {"table": [rows[2] | {"low": None}]}}}
    assert [d.verdict for d in compare.answer("RQ2", one, unknown)] == [""]
    assert compare.answer("RQ2", one, {"answers": {"RQ2": {}}}) == []


def test_a_report_beside_itself_differs_in_nothing(two):
    _, told = compare.compare(two[0], two[0] / "index.html")
    assert told[0] == "quick and quick: the same parameters"
    assert not [line for line in told if "→" in line]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no summary.json in it"),
        ("{", "cannot be read as JSON"),
        ("[]", "not the summary of a report: it is no mapping"),
        ('{"name": "x"}', "it lacks answers, parameters, provenance, scorecard"),
        ('{"name": 1, "parameters": {}, "answers": {}, "scorecard": {}, "provenance": {}}', "changed by hand"),
    ],
)
def test_what_is_no_report_is_one_line_and_writes_nothing(two, capsys, content, said):
    other = two[0].parent / "other"
    other.mkdir()
    if content is not None:
        (other / "summary.json").write_text(content)
    before = sorted(two[0].parent.rglob("*"))
    assert main(["compare", str(two[0]), str(other)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert sorted(two[0].parent.rglob("*")) == before
    assert main(["compare", str(two[0]), str(two[0].parent / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_hostile_strings_run_nothing(tmp_path):
    for name in ("one", "two"):
        parameters = Parameters().model_copy(update={"csv_path": HOSTILE + name})
        index.write(tmp_path / name, report(name=HOSTILE, parameters=parameters, provenance={HOSTILE: HOSTILE}))
    page, _ = compare.compare(tmp_path / "one", tmp_path / "two")
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert not soup.select("script, img, [onerror]")
    assert HOSTILE in soup.get_text()
