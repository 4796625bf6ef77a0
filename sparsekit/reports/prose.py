"""The prose of a page: its equations as MathML, which browsers draw by themselves, and links that lead to pages."""

import re
from html import escape, unescape
from pathlib import Path
from xml.etree import ElementTree

from bs4 import BeautifulSoup
from latex2mathml.converter import convert_to_element

# As pandoc has it: no space just inside the dollars and no digit after them, so that prices stay prices.
EQUATION = re.compile(r"\$\$(.+?)\$\$|\$(?=\S)([^$]+?)(?<=\S)\$(?!\d)", re.DOTALL)


def readable(text: str, folder: Path) -> str:
    """The page with its equations drawn, and its links to notebooks and to the glossary turned to pages.

    A link to what the report in `folder` does not hold becomes plain words.
    """
    soup = BeautifulSoup(text, "html.parser")
    for heading in soup.select(".jp-RenderedMarkdown h3"):
        words = heading.get_text().replace(" ", "-")  # JupyterLab's anchors, so that a link leads to it in both
        if not soup.find(id=words):
            heading["id"] = words
    for prose in soup.select(".jp-RenderedMarkdown"):
        for words in prose.find_all(string=EQUATION):
            if not words.find_parent(["code", "pre"]):
                parts = EQUATION.split(words)  # words, block or None, inline or None, words, …
                for word, block, inline in zip(parts[::3], [*parts[1::3], None], [*parts[2::3], None], strict=True):
                    words.insert_before(word)
                    if block or inline:
                        drawn = BeautifulSoup(_drawn(block or inline, bool(block)), "html.parser")
                        words.insert_before(drawn.contents[0])
                words.extract()
        for link in prose.select("a[href]"):
            file, mark, anchor = link["href"].partition("#")
            if re.fullmatch(r"[^/:?]+\.(ipynb|md)", file):
                page = Path(file).with_suffix(".html").name
                if (folder / page).exists() or (folder / file).exists():
                    link["href"] = page + mark + anchor
                else:
                    link.unwrap()
    return str(soup)


def _drawn(latex: str, block: bool) -> str:
    try:
        return mathml(latex, block)
    except Exception:  # the library's have nothing in common
        return f"<code>{escape(latex)}</code>"  # what is no LaTeX is read as it was written


def mathml(latex: str, block: bool = False) -> str:
    """An equation as MathML.

    >>> mathml("<")
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mo>&lt;</mo></mrow></math>'
    """
    equation = convert_to_element(latex.strip(), display="block" if block else "inline")
    for part in equation.iter():
        part.text = unescape(part.text or "") or None  # the library leaves symbols as entities, and escapes nothing
    return ElementTree.tostring(equation, encoding="unicode")
