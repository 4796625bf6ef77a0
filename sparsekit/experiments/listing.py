"""What there is to choose from, for the command line: parameter sets, notebooks, what a user registered, parameters."""

import inspect
import shutil
import textwrap
from pathlib import Path

import yaml

from sparsekit import registry
from sparsekit.experiments import project
from sparsekit.experiments.parameters import describe, task_options


def show() -> None:
    """Print it, as wide as the terminal."""
    width = min(shutil.get_terminal_size().columns, 100)

    def told(head: str, indent: int, text: str) -> None:
        lines = textwrap.fill(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
        print(f"  {head:<{indent - 2}}{lines[indent:]}" if head else lines)

    print("Parameter sets (sparsekit run NAME):")
    for name, path in project.sets().items():
        told(name, 15, _first_comment(path).removeprefix(name + ": "))
    print("\nNotebooks (--only NUMBER):")
    for path in project.everything(project.folder()):
        print(f"  {path.stem:<26} {project.title(path)}")
    if own := registry.everything_own():
        print("\nYour own:")
    for one in own:
        told(f"{one.kind:<18} {one.name}", 41, _meaning(one))
    print("\nParameters (-p name=value):")
    for name, kind, default, meaning in describe():
        shown = yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
        print(textwrap.fill(f"{name} = {shown}", width, initial_indent="  ", subsequent_indent="      "))
        told("", 6, f"{meaning} ({kind})")


def _meaning(own: registry.Own) -> str:
    meaning = (inspect.getdoc(own.function) or "").partition("\n")[0] if hasattr(own.function, "__code__") else ""
    options = ", ".join(task_options(own.name)) if own.kind == "task" else ""
    return f"{meaning}{' Parameters: ' * bool(options)}{options} ({own.origin})".strip()


def _first_comment(path: Path) -> str:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
