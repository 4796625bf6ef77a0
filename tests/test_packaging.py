"""pyproject.toml is the one truth on dependencies; environment.yml and constraints.txt follow it."""

import doctest
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import sparsekit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "nbconvert": "nbconvert-core",
    "jupyter-client": "jupyter_client",
    "playwright": "playwright-python",
}
NOT_ON_CONDA = ("axe-playwright-python",)


def requirements():
    extras = [r for extra in PROJECT["optional-dependencies"].values() for r in extra]
    return {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"] + extras)}


def constraints():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {r.name.lower().replace("_", "-"): r.specifier for r in map(Requirement, lines)}


def test_environment_holds_the_same_packages():
    given = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(re.fullmatch(r"(\S+) ?(.*)", line).groups() for line in given if isinstance(line, str))
    required = requirements()
    others = [f"{name} {required.pop(name)}" for name in NOT_ON_CONDA]
    expected = {CONDA_NAMES.get(name, name): specifier for name, specifier in required.items()}
    expected |= {"python": SpecifierSet(PROJECT["requires-python"]), "pip": SpecifierSet()}
    assert {name: SpecifierSet(text) for name, text in conda.items()} == expected
    assert {"pip": [*others, "-e ."]} in given


def test_constraints_are_exact_and_allowed():
    pinned = constraints()
    for specifier in pinned.values():
        (one,) = specifier
        assert one.operator == "=="
    for name, allowed in requirements().items():
        (one,) = pinned[name]
        assert Version(one.version) in allowed, name


@pytest.mark.parametrize("name", ["torch", "networkx", "pandas", "papermill", "nbconvert"])
def test_what_is_installed_is_what_is_pinned(name):
    (one,) = constraints()[name]
    assert Version(version(name)).public == one.version


def test_version():
    assert sparsekit.__version__ == PROJECT["version"]


def test_only_what_was_asked_for_stands_at_the_top():
    allowed = {"notebooks", "sparsekit", "params", "tests", "docs", "environment.yml", "README.md", "pyproject.toml"}
    allowed |= {"Makefile", "LICENSE", "CITATION.cff", "CHANGELOG.md", "constraints.txt"}
    made = {"runs", "reports", "build", "dist"}
    there = {p.name for p in ROOT.iterdir() if not p.name.startswith((".", "__")) and not p.name.endswith(".egg-info")}
    assert there <= allowed | made


def test_the_site_lists_every_module():
    listed = set(re.findall(r"^   (sparsekit\.\S+)$", (ROOT / "docs" / "api.md").read_text(), re.M))
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "sparsekit").rglob("*.py")]
    there = {".".join(file.parts) for file in files if file.stem not in {"__init__", "__main__", "cli"}}
    assert listed == there


def test_readme_examples_run():
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried >= 4
    assert not failed


def test_readme_names_what_is_there():
    text = (ROOT / "README.md").read_text()
    for linked in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert (ROOT / linked).exists(), linked
    for stem in re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE):
        assert (ROOT / "notebooks" / f"{stem}.ipynb").exists(), stem
