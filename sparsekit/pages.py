"""What the pages of a report share: one style, how values read, tables that scroll, nothing loaded from elsewhere."""

import os
import re
import tempfile
from pathlib import Path

from bs4 import BeautifulSoup

TEMPLATES = Path(__file__).parent / "templates"


class PageError(RuntimeError):
    """A page that cannot be read offline."""


def show(value: object) -> str:
    """A parameter's value as a reader writes it.

    >>> show([0, 0.5, "lstm"]), show(True), show("")
    ('0, 0.5, lstm', 'yes', '–')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(show(v) for v in value) or "–"
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value in ("", None) else str(value)


def loads(text: str) -> list[str]:
    """Addresses that a page would load from elsewhere; ordinary links do not count.

    >>> loads('<a href="https://arxiv.org">a</a><script src="https://cdn.example/x.js"></script>')
    ['https://cdn.example/x.js']
    """
    soup = BeautifulSoup(text, "html.parser")
    found = [tag[a] for a in ("src", "srcset", "data", "poster") for tag in soup.find_all(attrs={a: True})]
    found += [tag["href"] for tag in soup.find_all("link", href=True)]
    styles = [tag.get_text() for tag in soup.find_all("style")] + [t["style"] for t in soup.find_all(style=True)]
    found += [a for style in styles for a in re.findall(r"""url\(\s*["']?([^"')\s]+)""", style)]
    found += [a for style in styles for a in re.findall(r"""@import\s+["']([^"']+)""", style)]
    code = " ".join(tag.get_text() for tag in soup.find_all("script", src=False))
    found += re.findall(r"""(?:import|from|fetch\()\s*["'(]+((?:https?:)?//[^"']+)""", code)
    return [address for address in found if re.match(r"(https?:)?//", address.strip(), re.IGNORECASE)]


def css() -> str:
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")


def finish(text: str) -> str:
    """Fill in the table of contents, and give every table a box of its own to scroll in."""
    soup = BeautifulSoup(text, "html.parser")
    for table in soup.find_all("table"):
        box = soup.new_tag("div", attrs={"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "table"})
        table.wrap(box)
        table.attrs.pop("border", None)
    headings = soup.main.find_all(["h2", "h3"])
    for k, heading in enumerate(headings, 1):
        heading["id"] = heading.get("id") or f"section-{k}"
    for slot in soup.find_all("ol", class_="contents"):
        for heading in headings:
            item = soup.new_tag("li", attrs={"class": f"level-{heading.name}"})
            link = soup.new_tag("a", href=f"#{heading['id']}")
            link.string = heading.get_text(" ", strip=True)
            item.append(link)
            slot.append(item)
    text = str(soup)
    if found := loads(text):
        raise PageError(f"the page would load {found[0]} over the network; reports are read offline")
    return text


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
