"""What makes an executed notebook a page to read: numbered figures, anchors, an answer on top, tables with heads."""

import copy
import re
import unicodedata
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator

from bs4 import BeautifulSoup, Comment, Tag

from sparsekit.figures.picture import inlined
from sparsekit.figures.style import scheme
from sparsekit.figures.words import listed

ANSWER, SVG = "Answer", "data:image/svg+xml;base64,"
IDENTIFIER = re.compile(r"^\s*[\w.]*[^\W_]_\w[\w.]*\s*$")
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[^a-z\s])")


def finished(text: str, chapter: str = "") -> str:
    """The page with its contents, its figures numbered within a chapter, its answer at the top, and its tables boxed.

    Headings and figures get anchors made of their words, which stay as long as the words do. Drawings (SVG) become
    part of the page, in colours that follow its scheme.
    """
    soup = BeautifulSoup(text, "html.parser")
    anchor = _Anchors(tag["id"] for tag in soup.find_all(id=True))
    headings = soup.main.find_all(["h2", "h3"])
    for heading in headings:
        heading["id"] = heading.get("id") or anchor(heading.get_text(" ", strip=True))
    for words in soup.body.find_all(string=re.compile(r"\d %")):
        if not words.find_parent(["code", "pre", "script", "style", "option"]):
            words.replace_with(re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", words))
    drawings = dict(_figures(soup, anchor, chapter))
    _answer(soup)
    _code(soup)
    _tables(soup)
    for slot in soup.find_all("ol", class_="contents"):
        for heading in headings:
            item = soup.new_tag("li", attrs={"class": f"level-{heading.name}"})
            link = soup.new_tag("a", href=f"#{heading['id']}")
            link.string = heading.get_text(" ", strip=True)
            item.append(link)
            slot.append(item)
    text = str(soup)
    for slot, svg in drawings.items():
        text = text.replace(f"<!--{slot}-->", svg)
    sheet = scheme(text)
    return text.replace("</head>", f"<style>{sheet}</style></head>", 1) if sheet else text


def slug(text: str) -> str:
    """Words as an anchor.

    >>> slug("RQ1: accuracy at once — Barabási–Albert")
    'rq1-accuracy-at-once-barabasi-albert'
    """
    plain = unicodedata.normalize("NFKD", text.replace("–", " ").replace("—", " "))
    return re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-") or "part"


class _Anchors:
    """Anchors of one page, each once."""

    def __init__(self, taken: Iterable[str]):
        self.taken = set(taken)

    def __call__(self, text: str) -> str:
        anchor, k = slug(text), 1
        while anchor in self.taken:
            k += 1
            anchor = f"{slug(text)}-{k}"
        self.taken.add(anchor)
        return anchor


def _figures(soup: BeautifulSoup, anchor: _Anchors, chapter: str) -> Iterator[tuple[str, str]]:
    """Number the figures of the kit, and make links of their numbers; yields the drawings and where they belong."""
    for k, figure in enumerate(soup.select("main figure.sparsekit"), 1):
        name, caption = f"Figure {chapter}{'.' * bool(chapter)}{k}", figure.figcaption
        headline = caption.b.get_text().rstrip(".") if caption.b else name
        del figure["style"]
        figure["id"] = anchor(f"figure {headline}")
        number = soup.new_tag("a", href=f"#{figure['id']}", attrs={"class": "number"})
        number.string = name
        caption.insert(0, number)
        caption.insert(1, " ")
        summary, link = figure.summary, figure.find("a", download=True)
        summary.string = f"{summary.get_text()} of {name}" if link else f"{name} in words"
        if link:
            link["download"] = f"{slug(name)}-{link['download']}"
            link.string = f"{link.get_text()} of {name}"
        image = figure.img
        del image["style"]
        label = {"tabindex": "0", "role": "group", "aria-label": f"Picture of {name}"}
        if int(image["width"]) < 590:  # what is narrow is neither blown up nor scrolled
            label["style"] = f"max-width:{image['width']}px;--least:0"
        box = image.wrap(soup.new_tag("div", attrs={"class": "picture", **label}))
        if image["src"].startswith(SVG):
            svg = b64decode(image["src"].removeprefix(SVG)).decode()
            slot = f"drawing {figure['id']}"
            yield slot, inlined(svg, figure["id"], image["alt"], image["width"])
            image.decompose()
            box.append(Comment(slot))


def _answer(soup: BeautifulSoup) -> None:
    """What the notebook answers in its last section but two, first of all: the first sentence of each answer."""
    heading = next((h for h in soup.main.find_all("h2") if h.get_text(strip=True) == ANSWER), None)
    first = soup.main.find("h1")
    if heading is None or first is None:
        return
    cells = []
    for cell in heading.find_parent(class_="jp-Cell").find_next_siblings(class_="jp-Cell"):
        if cell.find("h2"):
            break
        cells.append(cell)
    asked = [cell for cell in cells if re.search(r"\bcelltag_RQ\d", " ".join(cell["class"]))]
    outputs = [cell.select_one(".jp-RenderedMarkdown, .jp-RenderedHTMLCommon") for cell in asked or cells[:1]]
    leads = [lead for output in outputs if output and (lead := output.find(["p", "ul", "ol", "div"]))]
    if not leads:
        return
    box = soup.new_tag("section", attrs={"class": "answer", "aria-label": "The answer in short"})
    for lead in leads:
        own = copy.copy((lead.name in ("ul", "ol") and lead.find("li")) or lead)
        own.name = "p" if own.name == "li" else own.name
        for tag in [own, *own.find_all(id=True)]:
            tag.attrs.pop("id", None)
        _one_sentence(own)
        box.append(own)
    link = soup.new_tag("a", href=f"#{heading['id']}")
    link.string = "The answer in full"
    box.append(link)
    (first.find_next_sibling("p") or first).insert_after(box)


def _one_sentence(tag: Tag) -> None:
    """Leave out all that follows the first sentence of a paragraph."""
    found = SENTENCE.search(tag.get_text())
    left = found.start() if found else len(tag.get_text())
    for text in list(tag.find_all(string=True)):
        if len(text) > left:
            text.replace_with(text[:left])
        left = max(0, left - len(text))
    for emptied in tag.find_all(lambda own: not own.get_text()):
        emptied.extract()


def _code(soup: BeautifulSoup) -> None:
    """Name every fold of code by the figures that it draws, or by its section."""
    seen, section = Counter(), ""
    for tag in soup.main.select("h1, h2, h3, details.code"):
        if tag.name != "details":
            section = tag.get_text(" ", strip=True)
            continue
        cell = tag.find_parent(class_="jp-Cell")
        numbers = [one.get_text().removeprefix("Figure ") for one in cell.select("a.number")] if cell else []
        name = f"{tag.summary.get_text(strip=True)}, {section}"
        if numbers:
            name = f"Code of Figure{'s' * (len(numbers) > 1)} {listed(numbers)}"
        elif ":" in tag.summary.get_text():
            name = tag.summary.get_text(strip=True)
        seen[name] += 1
        tag.summary.string = name + f" ({seen[name]})" * (seen[name] > 1)


def _tables(soup: BeautifulSoup) -> None:
    """Give every table a named box of its own to scroll in, every head its cells, and names of a program their font."""
    seen, section = Counter(), ""
    for table in soup.select("h1, h2, h3, table"):
        if table.name != "table":
            section = table.get_text(" ", strip=True)
            continue
        figure = table.find_parent("figure")
        name = table.caption.get_text(" ", strip=True) if table.caption else f"Table in {section}"
        if figure and (number := figure.select_one("a.number")):
            name = f"Data of {number.get_text()}"
        name = table.attrs.pop("aria-label", name)
        seen[name] += 1
        name += f" ({seen[name]})" * (seen[name] > 1)
        box = soup.new_tag("div", attrs={"class": "scroll", "tabindex": "0", "role": "region", "aria-label": name})
        table.wrap(box)
        table.attrs.pop("border", None)
        for head in table.find_all("th"):
            if not head.get_text(strip=True):
                head.name = "td"
                head.attrs.pop("scope", None)
            elif not head.has_attr("scope"):
                over, many = ("col", "colspan") if head.find_parent("thead") else ("row", "rowspan")
                head["scope"] = over if int(head.get(many) or 1) == 1 else f"{over}group"
        for text in table.find_all(string=IDENTIFIER):
            if not text.find_parent("code"):
                text.wrap(soup.new_tag("code"))
        rows = table.select("tbody tr")
        if rows and all(len(row.find_all("th", recursive=False)) <= 1 for row in rows):
            table["class"] = [*table.get("class", []), "one-head"]
