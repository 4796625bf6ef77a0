"""The pages of a report as a browser shows them: nothing is fetched, nothing is cut off, everything can be reached."""

import csv
import io
import re
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ordered, title
from sparsekit.reports import html, standards
from sparsekit.reports.html import Page
from tests.browser.conftest import ROOT

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
MODES = {
    "light": (DESK, {"color_scheme": "light"}),
    "dark": (DESK, {"color_scheme": "dark"}),
    "phone": (PHONE, {"color_scheme": "light"}),
    "print": (DESK, {"color_scheme": "light", "media": "print"}),
}
AXE = """() => axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => one.id + ": " + one.help + " — " +
        one.nodes.slice(0, 3).map(node => node.target.join(" ")).join("; ")))"""
BROKEN = "() => [...document.images].filter(one => !one.naturalWidth).map(one => one.alt || one.src.slice(0, 80))"
UNNAMED = "() => [...document.images].filter(one => !one.hasAttribute('alt')).map(one => one.src.slice(0, 80))"
NAMES = """() => {
    const body = document.body.cloneNode(true);
    body.querySelectorAll("code, pre, script, style, .parameters").forEach(one => one.remove());
    return [...new Set(body.textContent.match(/[\\w.]*[A-Za-z0-9]_\\w[\\w.]*/g))].filter(one => one !== "x86_64");
}"""
BLACK = """() => [...document.querySelectorAll("svg text")].filter(
    one => getComputedStyle(one).fill === "rgb(0, 0, 0)").map(one => one.textContent)"""
STARS = r"""() => [...document.body.innerText.matchAll(/.*[*][*].*/g)].map(one => one[0].slice(0, 90))"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
IN_VIEW = "one => 0 <= one.getBoundingClientRect().top && one.getBoundingClientRect().top < innerHeight"
LINKS = "() => [...document.querySelectorAll('a[href]')].map(one => one.getAttribute('href'))"
CSVS = """() => [...document.querySelectorAll("a[href]")].filter(one =>
    one.getAttribute("href").startsWith("data:text/csv") || /[.]csv$/.test(one.pathname))
    .map(one => one.getAttribute("href"))"""


@contextmanager
def opened(browser, path: Path, viewport=DESK, **media):
    """A page of a report, read to its end, and what went wrong in it: errors, and requests that leave the machine."""
    context = browser.new_context(viewport=viewport, accept_downloads=True)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(f"{path.name}: {error}"))
    page.on("console", lambda said: said.type == "error" and faults.append(f"{path.name}: {said.text}"))
    away = re.compile(r"(?!file:|data:|blob:)")
    page.on("request", lambda asked: away.match(asked.url) and faults.append(f"{path.name}: asks for {asked.url}"))
    page.emulate_media(**media)
    page.goto(path.as_uri(), wait_until="load")
    try:
        yield page, faults
    finally:
        context.close()


def pages(report: Path) -> list[Path]:
    found = sorted(report.glob("*.html"))
    assert report / "index.html" in found
    return found


@pytest.mark.parametrize("mode", MODES)
def test_every_page(browser, report, pictures, axe, mode):
    viewport, media = MODES[mode]
    faults = []
    for path in pages(report):
        with opened(browser, path, viewport, **media) as (page, own):
            page.evaluate("() => Promise.all([...document.images].map(one => one.decode().catch(() => null)))")
            faults += own
            faults += [f"{path.name}: image not shown: {alt}" for alt in page.evaluate(BROKEN)]
            faults += [f"{path.name}: image without words: {src}" for src in page.evaluate(UNNAMED)]
            faults += [f"{path.name}: a program's name among words: {name}" for name in page.evaluate(NAMES)]
            faults += [f"{path.name}: Markdown that nothing has rendered: {line}" for line in page.evaluate(STARS)]
            if page.locator("h1").count() != 1 or not page.title() or page.get_by_role("main").count() != 1:
                faults.append(f"{path.name}: one title, one heading of the first level and one main part are wanted")
            if mode == "print":
                page.pdf(path=pictures / f"{path.stem}.pdf", format="A4")
                shown = [one.inner_text() for one in page.get_by_role("button").all() if one.is_visible()]
                faults += [f"{path.name}: paper shows a button: {text}" for text in shown]
            elif (over := page.evaluate(SIDEWAYS)) > 0:
                faults.append(f"{path.name}: {over} pixels wider than the window")
            if mode == "dark":
                faults += [f"{path.name}: black on a dark page: {text}" for text in page.evaluate(BLACK)]
            if mode != "print":
                page.evaluate(axe)
                faults += [f"{path.name}: {fault}" for fault in page.evaluate(AXE)]
            page.screenshot(path=pictures / f"{path.stem}-{mode}.png")
    assert not faults, "\n".join(faults)


def test_every_link_leads_somewhere(browser, report):
    """To a part of its page, or a file of the report; what lies outside is named in full and never loaded."""
    lost = []
    for path in pages(report):
        with opened(browser, path) as (page, _):
            for link in page.evaluate(LINKS):
                parts = urlsplit(link)
                if parts.scheme in ("http", "https", "mailto", "data"):
                    continue
                if parts.path and not (path.parent / unquote(parts.path)).exists():
                    lost.append(f"{path.name}: {link}")
                elif not parts.path and parts.fragment and parts.fragment != "top":
                    there = page.evaluate("id => !!document.getElementById(id)", unquote(parts.fragment))
                    lost += [] if there else [f"{path.name}: {link}"]
    assert not lost, "\n".join(lost)


def test_every_page_leads_to_every_other(browser, report):
    """By one header, which marks the page that is read and is seen whole on a telephone."""
    for path in pages(report):
        if path.name == "compare.html":
            continue  # of two reports
        with opened(browser, path, PHONE) as (page, _):
            links = page.get_by_role("navigation", name="Pages").get_by_role("link").all()
            there = {one.get_attribute("href") for one in links}
            assert {"index.html", "glossary.html", *(one.name for one in notebook_pages(report))} <= there, path.name
            (here,) = (one for one in links if one.get_attribute("aria-current") == "page")
            assert here.get_attribute("href").split("_")[0] == path.name.split("_")[0]
            for box in (one.bounding_box() for one in links):
                assert box["x"] >= 0, path.name
                assert box["x"] + box["width"] <= PHONE["width"], path.name


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_the_header_of_a_whole_report_is_one_line(browser, tmp_path, viewport):
    own = [Page(path.stem, title(path)) for path in ordered(ROOT / "notebooks")]
    (tmp_path / html.explorable_page("gru")).touch()  # which the header calls Try it
    standards.write(Parameters(), tmp_path, [*own, html.GLOSSARY])
    with opened(browser, tmp_path / standards.PAGE, viewport) as (page, _):
        links = page.get_by_role("navigation", name="Pages").get_by_role("link")
        assert links.count() == len(own) + 4
        page.evaluate("""() => document.querySelectorAll(".pages a").forEach(one =>
            one.textContent === "Standards" ? one.remove() : one.setAttribute("aria-current", "page"))""")
        assert len({one.bounding_box()["y"] for one in links.all()}) == 1


def test_two_reports_side_by_side_have_a_header_and_contents(browser, report):
    with opened(browser, report / "compare.html") as (page, _):
        header = page.get_by_role("navigation", name="Pages").get_by_role("link")
        assert [one.inner_text() for one in header.all()] == ["smoke", "smoke", "Glossary", "Side by side"]
        contents = page.get_by_role("navigation", name="Contents").get_by_role("link")
        assert [one.inner_text()[:3] for one in contents.all()[:6]] == ["Ans", "RQ1", "RQ2", "RQ3", "RQ4", "RQ5"]


def test_what_is_folded_is_found(browser, report):
    """A browser's search opens the fold that has the words: here by an address that ends in them."""
    for path in notebook_pages(report):
        with opened(browser, path) as (page, _):
            fold = "details:not([open]) :is(td, th, .highlight span)"
            words = page.locator(fold).evaluate_all(
                """all => { const text = document.querySelector("main").textContent;
                    return all.map(one => one.textContent.trim()).find(own => own.length > 5 && /^\\w+$/.test(own)
                        && text.split(own).length === 2); }"""
            )
        assert words, f"{path.name} has no word that stands in one fold alone"
        context = browser.new_context(viewport=DESK)
        page = context.new_page()
        page.goto(f"{path.as_uri()}#:~:text={quote(words)}", wait_until="load")
        page.wait_for_function(
            "words => [...document.querySelectorAll('details[open]')].some(one => one.textContent.includes(words))",
            arg=words,
        )
        context.close()


def notebook_pages(report: Path) -> list[Path]:
    return [path for path in pages(report) if path.with_suffix(".ipynb").exists()]


def test_contents_lead_to_their_part(browser, report):
    for path in notebook_pages(report):
        with opened(browser, path) as (page, _):
            links = page.get_by_role("navigation", name="Contents").get_by_role("link").all()
            assert len(links) >= 3, path.name
            words = links[-1].inner_text().strip()
            links[-1].click()
            heading = page.get_by_role("main").get_by_role("heading", name=words).last
            page.wait_for_function(IN_VIEW, arg=heading.element_handle(), timeout=10_000)


def test_code_folds(browser, report):
    for path in notebook_pages(report):
        with opened(browser, path) as (page, _):
            code = page.locator("main details:has(pre)").filter(has=page.locator("summary", has_text="Code"))
            assert code.count(), path.name
            assert not code.first.get_attribute("open"), "code is folded at first"
            code.first.locator("summary").first.focus()
            page.keyboard.press("Enter")
            assert code.first.locator("pre").first.is_visible(), f"{path.name}: the keyboard does not unfold code"
            page.get_by_role("button", name="all code").click()
            assert all(one.is_visible() for one in code.locator("pre").all()), path.name
            page.get_by_role("button", name="all code").click()
            assert not any(one.is_visible() for one in code.locator("pre").all()), path.name


def test_data_can_be_saved(browser, report):
    """Each link to data gives a table: a row of names, and rows as long as it."""
    for path in notebook_pages(report):
        with opened(browser, path) as (page, _):
            links = page.evaluate(CSVS)
            assert links, f"{path.name} has no data to save"
            for link in links:
                inside = link.startswith("data:")
                text = unquote(link.partition(",")[2]) if inside else (path.parent / unquote(link)).read_text("utf-8")
                names, *rows = csv.reader(io.StringIO(text))
                assert rows, link[:200]
                assert {len(row) for row in rows} == {len(names)}, link[:200]
            with page.expect_download() as saved:
                page.locator("a[download]").first.click()
            assert saved.value.suggested_filename.endswith(".csv")
            assert Path(saved.value.path()).stat().st_size
