"""The notebooks themselves: their form, their parameters, and that each runs from the top by itself."""

import ast
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import networkx as nx
import papermill
import pytest

from sparsekit.experiments import namespace, studies
from sparsekit.experiments.parameters import Parameters
from sparsekit.reports import html as reports
from sparsekit.reports.answer import QUESTIONS
from sparsekit.tasks.definitions import TASKS, options

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SETS = sorted((ROOT / "params").glob("*.yaml"))


def cells(path, kind="code"):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_the_studies_know_every_notebook():
    assert [path.stem for path in NOTEBOOKS] == list(studies.NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestForm:
    def test_valid_and_without_outputs(self, path):
        nbformat.validate(nbformat.read(path, as_version=4))
        assert all(not cell.outputs and cell.execution_count is None for cell in cells(path))

    def test_order_of_its_parts(self, path):
        first, *_ = cells(path, "markdown")
        assert first.source.startswith(f"# {path.stem[:2]} · ")
        assert "**Question" in first.source
        assert "**Takes**" in first.source
        code = cells(path)
        tagged = [k for k, cell in enumerate(code) if "parameters" in cell.metadata.get("tags", [])]
        assert tagged == [1]
        assert code[2].source == "p = namespace.check(globals())\np"
        headings = [line for cell in cells(path, "markdown") for line in cell.source.splitlines() if line[:3] == "## "]
        assert headings[-3:] == ["## Answer", "## What to doubt", "## Try it"]

    def test_no_name_is_a_parameters(self, path):
        """A set may give any parameter: papermill would put it in the place of what a cell has imported or made."""
        others = [c.source for c in cells(path) if "parameters" not in c.metadata.get("tags", [])]
        assert not namespace.bound("\n".join(others)) & Parameters.model_fields.keys()

    def test_parameters_are_the_defaults_annotated_and_explained(self, path):
        (cell,) = (c for c in cells(path) if "parameters" in c.metadata.get("tags", []))
        lines = cell.source.splitlines()
        assert 8 <= len(lines) <= 15
        for line, node in zip(lines, ast.parse(cell.source).body, strict=True):
            assert isinstance(node, ast.AnnAssign), line
            field = Parameters.model_fields[node.target.id]
            assert ast.literal_eval(node.value) == field.default, line
            assert line.endswith(f"  # {field.description}")

    def test_short_cells(self, path):
        long = [c.source for c in cells(path) if not {"parameters", "idea"} & set(c.metadata.get("tags", []))]
        assert max(source.count("\n") + 1 for source in long if not source.startswith(("from", "import"))) <= 10

    def test_only_an_idea_defines_anything(self, path):
        names = (ast.FunctionDef, ast.ClassDef, ast.If, ast.While)
        for cell in cells(path):
            found = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, names)]
            assert not found or cell.metadata.get("tags") == ["idea"], cell.source

    def test_no_cell_only_prints_a_reading(self, path):
        assert not [c.source for c in cells(path) if re.fullmatch(r"Markdown\(\w+\.reading\)", c.source)]


def test_seven_ideas_agree_with_the_kit():
    ideas = [cell for path in NOTEBOOKS for cell in cells(path) if cell.metadata.get("tags") == ["idea"]]
    assert len(ideas) == 7
    assert all(cell.source.splitlines()[-1].startswith("assert ") for cell in ideas)


def test_half_of_the_notebooks_have_at_most_thirty_cells():
    assert statistics.median(len(nbformat.read(path, as_version=4).cells) for path in NOTEBOOKS) <= 30


def test_links_between_notebooks_and_to_the_glossary_lead_somewhere():
    """In JupyterLab, on a page and in the site an anchor is the heading's words: lower case, without signs."""
    terms = re.findall(r"^### (.+)$", (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert all(re.fullmatch(r"[a-z]+([ -][a-z]+)*", term) for term in terms)
    assert len(set(terms)) == len(terms)
    anchors = {term.replace(" ", "-") for term in terms}
    for path in NOTEBOOKS:
        links = re.findall(r"\]\(([^):]+)\)", "\n".join(cell.source for cell in cells(path, "markdown")))
        assert any(link.startswith("glossary.md#") for link in links), path.stem
        for file, _, anchor in (link.partition("#") for link in links):
            assert (ROOT / "notebooks" / file).is_file(), (path.stem, file)
            assert anchor in ({"", *anchors} if file == "glossary.md" else {""}), (path.stem, anchor)


def test_the_index_finds_every_answer():
    for question in QUESTIONS:
        (cell,) = (c for path in NOTEBOOKS for c in cells(path) if question in c.metadata.get("tags", []))
        assert cell.source.splitlines()[-1].startswith(f"answers.{question.lower()}(")


def test_every_parameter_is_read_by_something():
    """By a unit, a figure or a notebook: ``p.name``, ``parameters.name``, or through `tasks.definitions.options`."""
    sources = [path.read_text() for path in (ROOT / "sparsekit").rglob("*.py")]
    sources += [cell.source for path in NOTEBOOKS for cell in cells(path)]
    read = {name for task in TASKS for name in options(task)} | {"data_seed", "train_size", "test_size"}
    for node in itertools.chain.from_iterable(map(ast.walk, map(ast.parse, sources))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("p", "parameters")
        ):
            read.add(node.attr)
    assert set(Parameters.model_fields) <= read


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_value_of_a_set_reaches_a_notebook(path):
    for values in map(Parameters.load, map(str, SETS)):
        handed = reports.given(path, values.model_dump())
        assert Parameters(**handed) == values


@pytest.fixture(scope="module")
def smoke_records(tmp_path_factory):
    return tmp_path_factory.mktemp("smoke_records")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_plain_papermill(path, tmp_path, monkeypatch, smoke_records):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(smoke_records))
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(path), str(out), "-f", str(ROOT / "params" / "smoke.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    executed = nbformat.read(out, as_version=4)
    outputs = [o for c in executed.cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if o.get("data", {}).get("text/plain") == "None"]
    pictures = [o.data["text/html"] for o in outputs if "<figure " in o.get("data", {}).get("text/html", "")]
    assert len(pictures) >= 2
    assert all(re.search(r'<img [^>]*alt="[^"]+[.?!]"', picture) for picture in pictures)
    warned = [o.text for o in outputs if o.output_type == "stream" and "Warning" in o.text]
    assert not warned


@pytest.mark.parametrize("stem", ["01_pruning", "04_correlation_analysis"])
def test_a_study_in_which_little_is_compared_is_read_too(stem, tmp_path, monkeypatch, smoke_records):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(smoke_records))
    reduced = {"scopes": ["global"], "scores": [], "null_models": [], "generators": ["watts_strogatz"], "graphs": 2}
    given = ["-f", str(ROOT / "params" / "smoke.yaml"), "-y", json.dumps(reduced)]
    command = [sys.executable, "-m", "papermill", str(ROOT / "notebooks" / f"{stem}.ipynb"), str(tmp_path / "o.ipynb")]
    done = subprocess.run([*command, *given], capture_output=True, text=True, cwd=tmp_path, env=os.environ, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_table_of_ones_own_networks_is_analysed_without_training(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path / "runs"))
    rows = ["graph,family,seed,accuracy,my_index"]
    for family, make in (("rings", nx.cycle_graph), ("stars", nx.star_graph)):
        for n in range(4, 10):
            edges = " ".join(f"{u}-{v}" for u, v in make(n).edges)
            rows += [f"{edges},{family},{seed},{0.6 + 0.03 * n + 0.01 * seed},{n % 3}" for seed in range(2)]
    (tmp_path / "results.csv").write_text("\n".join(rows))
    given = ["-p", "structure_table", "results.csv", "-p", "permutations", "99"]
    path = next(path for path in NOTEBOOKS if path.stem == "04_correlation_analysis")
    command = [sys.executable, "-m", "papermill", str(path), str(tmp_path / "out.ipynb"), *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    text = json.dumps([c.outputs for c in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells if "outputs" in c])
    assert "your networks" in text
    assert "my index" in text
    assert not list((tmp_path / "runs").glob("*"))  # nothing was computed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("-p train_sise 300", "unknown parameter 'train_sise'; did you mean 'train_size'?"),
        ("-p train_size many", "train_size: given 'many', allowed is"),
        ("-p variants lstm", "variants: given 'lstm', allowed is a list"),
    ],
)
def test_bad_parameters_under_plain_papermill(given, said, tmp_path):
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(NOTEBOOKS[0]), str(out), *given.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, timeout=600)
    assert done.returncode != 0
    text = json.dumps([c.get("outputs") for c in nbformat.read(out, as_version=4).cells])
    assert said in text.replace("\\u001b[0m", "")
    assert "Traceback" not in text
    assert not list(Path(os.environ["SPARSEKIT_RUNS"]).glob("*"))


def test_papermill_can_tell_the_parameters():
    found = papermill.inspect_notebook(str(NOTEBOOKS[1]))
    assert found["margin"]["help"] == Parameters.model_fields["margin"].description
    assert found["percentages"]["inferred_type_name"] == "list[float]"
