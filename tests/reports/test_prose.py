"""Equations and links of a page work where there is no kernel, no script and no network."""

import pytest
from bs4 import BeautifulSoup

from sparsekit.reports.prose import readable


def page(markup, folder):
    text = readable(f'<main><div class="jp-RenderedMarkdown">{markup}</div></main>', folder)
    return BeautifulSoup(text, "html.parser").main


def test_equations_are_drawn_where_they_stand(tmp_path):
    found = page("<p>Let $w_{ij} &lt; \\theta$, so <em>$k$</em> go:</p><p>$$h_t = \\tanh(a)$$</p>", tmp_path)
    assert [equation["display"] for equation in found.find_all("math")] == ["inline", "inline", "block"]
    assert "$" not in found.get_text()
    assert found.p.get_text() == "Let wij<θ, so k go:"
    assert found.math.msub.get_text() == "wij"


@pytest.mark.parametrize(
    "markup",
    [
        "<p>from $5 to $10, or $5-$10</p>",
        "<p>one $ alone, and $ x $</p>",
        "<p><code>$x$</code></p>",
        "<pre>$$x$$</pre>",
    ],
)
def test_what_is_no_equation_stays(tmp_path, markup):
    assert str(BeautifulSoup(markup, "html.parser")) in str(page(markup, tmp_path))


def test_code_of_cells_and_other_outputs_stay(tmp_path):
    text = '<main><div class="jp-RenderedText"><pre>$x$</pre>$y$</div></main>'
    assert readable(text, tmp_path) == text


def test_an_equation_is_text_and_never_markup(tmp_path):
    found = page(r"<p>$\text{&lt;script&gt;alert(1)&lt;/script&gt;}$</p>", tmp_path)
    assert not found.find("script")
    assert found.mtext.get_text() == "<script>alert(1)</script>"


def test_an_equation_that_is_none_is_shown_as_it_was_written(tmp_path):
    assert page("<p>So $a_b_c$.</p>", tmp_path).p.code.get_text() == "a_b_c"


def test_links_lead_to_pages_that_are_there(tmp_path):
    (tmp_path / "02_recovery.ipynb").touch()
    (tmp_path / "glossary.html").touch()
    links = ["02_recovery.ipynb#when", "glossary.md#mask", "03_gone.ipynb", "https://e.org/x.ipynb", "#here", "a/b.md"]
    found = page("".join(f'<a href="{link}">{link}</a>' for link in links), tmp_path)
    kept = [a["href"] for a in found.find_all("a")]
    assert kept == ["02_recovery.html#when", "glossary.html#mask", "https://e.org/x.ipynb", "#here", "a/b.md"]
    assert "03_gone.ipynb" in found.get_text()


def test_a_term_is_found_by_its_words(tmp_path):
    found = page("<h3>noise ceiling</h3><p>x</p><h3>noise ceiling</h3>", tmp_path)
    assert [heading.get("id") for heading in found.find_all("h3")] == ["noise-ceiling", None]
