"""Notebooks run and become pages that can be read offline."""

import os
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sparsekit.experiments.parameters import Parameters
from sparsekit.reports import html

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def write(path, *cells):
    foreign = {"kernelspec": {"name": "someone-elses", "language": "python", "display_name": "Python"}}
    nbformat.write(new_notebook(cells=list(cells), metadata=foreign), path)
    return path


def declared(source):
    return new_code_cell(source, metadata={"tags": ["parameters"]})


def figure(**described):
    return new_output("display_data", {"image/png": PIXEL, "text/plain": "Figure"}, metadata={"image/png": described})


def rendered(folder, *cells, parameters=None, **neighbours):
    notebook = write(folder / "01_x.ipynb", *cells)
    if parameters:
        node = nbformat.read(notebook, as_version=4)
        node.metadata["papermill"] = {"parameters": parameters}
        nbformat.write(node, notebook)
    html.render(notebook, folder / "01_x.html", **neighbours)
    text = (folder / "01_x.html").read_text(encoding="utf-8")
    return text, BeautifulSoup(text, "html.parser")


def test_a_notebook_runs_in_this_python_with_what_it_declares_and_what_differs(tmp_path):
    notebook = write(
        tmp_path / "00_x.ipynb",
        declared("seeds: int = 1  # how many\npercentages: list = [\n    10,\n    20,\n]"),
        new_code_cell(
            "import os, sys\n"
            "print(sys.executable, os.environ['SPARSEKIT_BATCH'], seeds, percentages, 'margin' in globals())"
        ),
    )
    out = tmp_path / "report" / "00_x.ipynb"
    seconds = html.execute(notebook, out, {"seeds": 3, "percentages": [50.0, 90.0], "margin": 0.1, "layers": 3})
    node = nbformat.read(out, as_version=4)
    # margin is not declared, but differs from its default; layers does not
    assert node.cells[-1].outputs[0].text.strip() == f"{sys.executable} 1 3 [50.0, 90.0] True"
    assert node.metadata.papermill.parameters == {"seeds": 3, "percentages": [50.0, 90.0], "margin": 0.1}
    assert seconds > 0
    assert sorted(p.name for p in out.parent.iterdir()) == ["00_x.ipynb"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ValueError('no such\\nthing')", "cell 1: ValueError: no such"),
        ("import os\nos._exit(9)", "the kernel died"),
    ],
)
def test_a_failed_notebook_leaves_what_ran_and_keeps_an_older_run(tmp_path, source, said):
    notebook = write(tmp_path / "00_x.ipynb", new_code_cell(source))
    out = tmp_path / "report" / "00_x.ipynb"
    out.parent.mkdir()
    out.write_text("an older run")
    with pytest.raises(html.ReportError, match=said) as caught:
        html.execute(notebook, out, {})
    assert len(str(caught.value).splitlines()) == 1
    assert sorted(p.name for p in out.parent.iterdir()) == ["00_x.failed.ipynb", "00_x.ipynb"]
    assert out.read_text() == "an older run"


def test_declarations_are_read_as_python_reads_them(tmp_path):
    source = "seeds: int = 1  # formerly n=2\ncsv_path: str = 'a=b.csv'\npercentages = [\n    10,  # x=1\n]\nlayers = 1"
    show = new_code_cell("print(seeds, csv_path, percentages, layers)")
    notebook = write(tmp_path / "00_x.ipynb", declared(source), show)
    default = {"seeds": 2, "csv_path": "", "percentages": [50], "layers": 3, "margin": 0.02}
    assert list(html.given(notebook, default)) == ["seeds", "csv_path", "percentages", "layers"]
    html.execute(notebook, tmp_path / "out.ipynb", default)
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs[0].text == "2  [50] 3\n"


def test_a_cell_that_overrides_what_was_handed_over_fails(tmp_path):
    cells = [declared("seeds: int = 1"), new_code_cell("layers = 1\nfrom sparsekit.experiments import namespace")]
    notebook = write(tmp_path / "00_x.ipynb", *cells, new_code_cell("p = namespace.check(globals())"))
    with pytest.raises(html.ReportError, match="ParameterError: layers: 3 was handed over, but a cell assigns 1"):
        html.execute(notebook, tmp_path / "out.ipynb", Parameters(seeds=5).model_dump())


def test_a_page_loads_nothing_and_describes_its_figures(tmp_path):
    output = [figure(alt='Accuracy <b>falls</b> & "stays"', width=420), figure()]
    text, soup = rendered(tmp_path, new_markdown_cell("# T"), new_code_cell("draw()", outputs=output))
    assert html.loads(text) == []
    assert not soup.select("script[src], link[href]")
    assert [image["alt"] for image in soup.select("main img")] == [
        'Accuracy <b>falls</b> & "stays"',
        "Figure without a description",
    ]
    assert soup.select_one("main img")["width"] == "420"
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_file_of_markdown_is_a_page_too(tmp_path):
    (tmp_path / "glossary.md").write_text("# Glossary\n\n### noise ceiling\n\nAt most $R^2$.", encoding="utf-8")
    html.render(tmp_path / "glossary.md", tmp_path / "glossary.html")
    soup = BeautifulSoup((tmp_path / "glossary.html").read_text(encoding="utf-8"), "html.parser")
    assert soup.title.get_text() == "Glossary · sparsekit"
    assert soup.select_one("h3#noise-ceiling")
    assert soup.select_one('.contents a[href="#noise-ceiling"]')
    assert soup.math.get_text() == "R2"


def test_titles_and_parameters_are_escaped(tmp_path):
    _, soup = rendered(
        tmp_path,
        new_markdown_cell("# Strings & <script>alert(1)</script>"),
        parameters={"csv_path": "<img src=x onerror=alert(2)>", "seeds": 3, "task": "csv"},
        pages=[
            html.Page("00_y", "00 · <i>before</i>"),
            html.Page("01_x", "01 · this"),
            html.Page("02_z", "02 · after, perhaps"),
            html.Page("03_f", "03 · failed", error="cell 3: no"),
        ],
    )
    assert soup.title.string == "Strings & <script>alert(1)</script> · sparsekit"
    cells = [row.get_text(" ", strip=True) for row in soup.select(".parameters tr")[1:]]
    assert cells == ["task csv", "csv_path <img src=x onerror=alert(2)>", "seeds 3"]
    assert [link["href"] for link in soup.select(".steps a")] == ["00_y.html", "02_z.html"]
    assert soup.select_one("a[rel=prev]").string == "← 00 · <i>before</i>"
    links = {link["href"]: link.get_text(" ", strip=True) for link in soup.select("nav.pages a")}
    assert links == {"index.html": "Answers", "00_y.html": "00 <i>before</i>", "01_x.html": "01 this"} | {
        "02_z.html": "02 after"
    }
    assert [link["href"] for link in soup.select("nav.pages a[aria-current=page]")] == ["01_x.html"]
    assert not soup.select("img")


def test_contents_code_and_tables(tmp_path):
    table = new_output("display_data", {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1"})
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider(value=0)"}
    _, soup = rendered(
        tmp_path,
        new_markdown_cell("# T\n\n## One & two"),
        new_markdown_cell("### Part\n\n## One & two"),
        new_code_cell("secret = 1", outputs=[table, new_output("display_data", widget)]),
    )
    links = soup.select(".side .contents a")
    assert [link.string for link in links] == ["One & two", "Part", "One & two"]
    targets = [link["href"][1:] for link in links]
    assert len(set(targets)) == 3
    assert all(soup.find(id=target) for target in targets)
    assert "secret" in soup.select_one("details.code").get_text()
    assert not soup.select_one("details.code").has_attr("open")
    assert soup.select_one("div.scroll > table td").string == "1"
    assert "JupyterLab" in soup.select_one("p.note").get_text()
    assert "IntSlider" not in soup.get_text()


@pytest.mark.parametrize(
    "markup",
    [
        "<script src='https://cdn.example/x.js'></script>",
        "<img alt='a' src='//example.org/a.png'>",
        "<style>@import url(https://example.org/a.css);</style>",
        "<script>import('https://example.org/a.mjs')</script>",
        "<link rel='stylesheet' href='http://example.org/a.css'>",
    ],
)
def test_a_page_that_would_load_something_is_refused(tmp_path, markup):
    output = new_output("display_data", {"text/html": markup, "text/plain": ""})
    with pytest.raises(html.ReportError, match=r"example.*offline"):
        rendered(tmp_path, new_code_cell("x", outputs=[output]))
    assert not (tmp_path / "01_x.html").exists()


@pytest.mark.skipif(os.name != "posix", reason="elsewhere kernels are spoken to by numbered ports")
def test_a_long_temporary_folder_is_no_hindrance(tmp_path, monkeypatch):
    folder = tmp_path / ("x" * 95)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    html.execute(write(tmp_path / "one.ipynb", new_code_cell("print(1)")), tmp_path / "out.ipynb", {})
    assert html._OwnKernel().transport == "tcp"


def test_a_kernel_whose_client_failed_is_killed(tmp_path, monkeypatch):
    """Where no socket to it can be opened, as where their paths are too long: nor can it be told to shut down."""
    started = []

    async def no_socket(kernel, **_):
        raise OSError("no socket")

    def no_client(kernel, **_):
        started.append(kernel.provisioner.process)
        raise OSError("no socket")

    monkeypatch.setattr(html._OwnKernel, "client", no_client)
    monkeypatch.setattr(html._OwnKernel, "shutdown_kernel", no_socket)
    with pytest.raises(html.ReportError, match=r"one.ipynb: OSError: no socket"):
        html.execute(write(tmp_path / "one.ipynb", new_code_cell("print(1)")), tmp_path / "out.ipynb", {})
    (process,) = started
    assert process.wait(60) == -signal.SIGKILL  # alive, it would wait for a client for ever
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.skipif(os.name != "posix", reason="elsewhere kernels are spoken to by numbered ports")
def test_kernels_that_run_at_once_have_sockets_of_their_own(tmp_path, monkeypatch):
    """A kernel manager's own choice is one name in the working folder; two that start together then hear each other."""
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "one.ipynb", new_code_cell("print('done')"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: html.execute(path, tmp_path / f"out{k}.ipynb", {}), range(4)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.ipynb", *(f"out{k}.ipynb" for k in range(4))]
