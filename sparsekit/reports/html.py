"""Notebooks to executed notebooks to HTML pages, and the page that leads to them.

Every page is one file that loads nothing else, no fonts, scripts or styles, so it can be sent and read offline.
"""

import json
import logging
import os
import re
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jinja2
import nbformat
import papermill
from bs4 import BeautifulSoup
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from papermill.exceptions import PapermillExecutionError
from traitlets import default
from traitlets.config import Config

from sparsekit.experiments.extensions import MODULES, loaded
from sparsekit.experiments.locks import scratch
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import declared, title
from sparsekit.experiments.workers import ONE_THREAD
from sparsekit.figures.words import written
from sparsekit.registry import own_code
from sparsekit.reports import document, prose
from sparsekit.reports.answer import MIME, QUESTIONS, Answer
from sparsekit.variants import VARIANTS

TEMPLATES = Path(__file__).parent / "templates"
CSS = (TEMPLATES / "report.css").read_text(encoding="utf-8")

# What a page may show of an output, best first. Widgets come last but for text: offline they are only a note.
OUTPUTS = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg"]
OUTPUTS += ["application/vnd.jupyter.widget-view+json", "text/latex", "text/plain"]


class ReportError(RuntimeError):
    """A notebook that did not run, or a page that cannot be read offline; its text is one line."""


@dataclass(frozen=True)
class Page:
    """One notebook of a report, as the index and its neighbours show it."""

    stem: str
    title: str
    seconds: float | None = None
    error: str = ""
    earlier: bool = False

    @property
    def short(self) -> tuple[str, str]:
        """What a header has room for: the number, if any, and the subject.

        >>> Page("00_task", "00 · The task, and what it takes to solve it").short, Page("mine", "Mine").short
        (('00', 'The task'), ('Mine', ''))
        """
        number, _, subject = self.title.partition(" · ")
        return number, re.split(",| and ", subject, maxsplit=1)[0]


GLOSSARY = Page("glossary", "Glossary")
"""Of a report whose notebooks have one; headers lead to it."""


# A kernel that does not outlive this process, though it be killed while the kernel starts.
KERNEL = """
import runpy, sys
from sparsekit.experiments.locks import end_with
end_with(int(sys.argv.pop(1)))
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


class _OwnKernel(AsyncKernelManager):
    """The Python that runs now, whatever kernels are installed under its name; spoken to over local sockets."""

    asked = "{}"
    folder: Path | None = None  # of its sockets

    async def start_kernel(self, **options) -> None:
        _KERNELS[self] = threading.get_ident()
        await super().start_kernel(**options)

    @default("ip")
    def _own_sockets(self) -> str:
        # Left alone it is one name for all, in the working folder: two kernels would hear each other.
        return str(self.folder / "s") if self.transport == "ipc" else "127.0.0.1"

    @default("connection_file")
    def _own_connection_file(self) -> str:
        return str(self.folder / "kernel.json")

    @default("transport")
    def _local(self) -> str:
        # A socket's path has little room: 107 bytes on Linux, 103 on macOS.
        return "ipc" if os.name == "posix" and len(os.fsencode(tempfile.gettempdir())) < 75 else "tcp"

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-c", KERNEL, str(os.getpid()), "-f", "{connection_file}"]
        env = {"SPARSEKIT_BATCH": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline", **ONE_THREAD}
        env["SPARSEKIT_PARAMETERS"], env[MODULES] = self.asked, loaded()
        names = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return KernelSpec(argv=argv, env=env, metadata={"debugger": False}, **names)


_KERNELS: weakref.WeakKeyDictionary[_OwnKernel, int] = weakref.WeakKeyDictionary()


def stop(thread: int | None = None) -> None:
    """Kill the kernels of all notebooks that are being executed, or of those executed in one thread."""
    for kernel, own in list(_KERNELS.items()):
        if thread in (None, own) and (process := getattr(kernel.provisioner, "process", None)):
            process.kill()


def given(notebook: Path, parameters: Mapping[str, object]) -> dict[str, object]:
    """What a notebook is handed: the parameters that it declares, and all others that differ from their defaults."""
    names = declared(notebook)
    default = {name: field.default for name, field in Parameters.model_fields.items()}
    return {n: v for n, v in parameters.items() if n in names or n not in default or v != default[n]}


def execute(notebook: Path, out: Path, parameters: Mapping[str, object]) -> float:
    """Run a notebook with papermill in this Python; write the executed one whole or not at all; return the seconds.

    It gets what `given` says of the parameters. The kernel works in the caller's folder, so relative paths and the
    folder of records mean the same in both.

    Raises
    ------
    ReportError
        Where a cell failed or the kernel died. What ran so far is then at ``<stem>.failed.ipynb``; what an older run
        has left at ``out`` stays.
    """
    start, failed = time.perf_counter(), out.with_name(f"{out.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    # it warns of every parameter that no cell declares, and says of a dead kernel what it raises too
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    with whole(out) as unfinished, scratch(Path(tempfile.gettempdir()), "sparsekit-") as folder:
        try:
            kernel = type("_Kernel", (_OwnKernel,), {"asked": json.dumps(parameters, default=str), "folder": folder})
            how = {"kernel_name": "python3", "language": "python", "kernel_manager_class": kernel}
            handed = given(notebook, parameters) if parameters else {}
            papermill.execute_notebook(str(notebook), str(unfinished), handed, progress_bar=False, **how)
            executed = nbformat.read(unfinished, as_version=4)
            executed.metadata["sparsekit"] = {"own": own_code()}  # by which it is known what a page was made of
            nbformat.write(executed, unfinished)
        except Exception as error:
            stop(threading.get_ident())  # where its client failed, a kernel would wait for ever
            if unfinished.exists():
                os.replace(unfinished, failed)
            why = _why(error)
            raise ReportError(f"{notebook.name}: {why.splitlines()[0]}") from error
    return time.perf_counter() - start


def _why(error: Exception) -> str:
    """What kept a notebook from running, in words where it is the kernel's end or a limit."""
    if isinstance(error, PapermillExecutionError):  # without papermill's frame around it
        exhausted = "out of memory: " * (error.ename in ("MemoryError", "OutOfMemoryError"))
        return f"cell {error.exec_count}: {exhausted}{error.ename}: {error.evalue}"
    if isinstance(error, DeadKernelError):
        return "the kernel died: out of memory, or killed from outside; run again"
    if isinstance(error, CellTimeoutError):
        return f"a cell ran longer than is allowed: {error}"
    if "didn't respond" in str(error):
        return f"the kernel was silent: {error}"
    return f"{type(error).__name__}: {error}"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write beside the one wanted, whose place it takes in the end, unless writing it failed."""
    with scratch(path.parent) as folder:
        unfinished = folder / path.name
        yield unfinished
        os.replace(unfinished, path)


def answered(notebook: Path) -> dict[str, Answer]:
    """What an executed notebook answers, by research question."""
    outputs = [o for cell in nbformat.read(notebook, as_version=4).cells for o in cell.get("outputs", [])]
    kept = [Answer.read(output["data"][MIME]) for output in outputs if MIME in output.get("data", {})]
    return {answer.question: answer for answer in kept if answer.question in QUESTIONS}


def render(notebook: Path, page: Path, pages: Sequence[Page] = ()) -> None:
    """Write an executed notebook, or a file of Markdown, as one HTML file, with links to all pages of its report.

    Raises
    ------
    ReportError
        Where the page would load something over the network.
    """
    if notebook.suffix == ".md":
        node, name = new_notebook(cells=[new_markdown_cell(notebook.read_text("utf-8"))]), notebook.stem.capitalize()
    else:
        node, name = nbformat.read(notebook, as_version=4), title(notebook)
    config = Config({"NbConvertBase": {"display_data_priority": OUTPUTS}})
    template = {"template_name": "sparsekit", "extra_template_basedirs": [str(TEMPLATES)]}
    template["extra_template_paths"] = [str(TEMPLATES)]
    exporter = HTMLExporter(config=config, embed_images=True, exclude_anchor_links=True, **template)
    used = node.metadata.get("papermill", {}).get("parameters", {})
    # Notebook files keep parameters in alphabetical order, the model in one that makes sense.
    names = sorted(used, key=[*Parameters.model_fields, *sorted(used)].index)
    report = {"title": name, "notebook": notebook.name, "css": CSS}
    report |= {"parameters": {name: written(used[name]) for name in names}, "stem": page.stem}
    report |= {"pages": [own for own in pages if not own.error], "explorable": explorable(page.parent)}
    # nbconvert's environment does not escape by itself, and its template names are older than autoescape by suffix.
    resources = {"metadata": {"name": notebook.stem, "path": str(notebook.parent)}, "report": report}
    text, _ = exporter.from_notebook_node(node, resources=resources)
    write(page, prose.readable(text, page.parent))


def environment() -> jinja2.Environment:
    """What makes pages that are no notebooks of the templates in ``templates/pages``; it escapes what they show."""
    loader = jinja2.FileSystemLoader(TEMPLATES / "pages")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def explorable_page(variant: str) -> str:
    """The file name of the page on which a variant's network computes, which `reports.explorable` writes.

    >>> explorable_page("gru")
    'explorable_gru.html'
    """
    return f"explorable_{variant}.html"


def explorable(folder: Path) -> tuple[tuple[str, str], ...]:
    """Label and file name of such pages as there are in a folder, in the variants' order."""
    pages = ((name, explorable_page(variant)) for variant, name in VARIANTS.items())
    return tuple((name, file) for name, file in pages if (folder / file).exists())


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


def write(page: Path, text: str) -> None:
    """Finish the page and write it, its figures numbered within the chapter that its name begins with."""
    text = document.finished(text, chapter=re.match(r"0*(\d*)", page.stem)[1] or "0" * page.stem.startswith("0"))
    if found := loads(text):
        raise ReportError(f"the page would load {found[0]} over the network; reports are read offline")
    with whole(page) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
