"""The processor that computes: the same code gives the same bits only on one of the same kind."""

import platform
import re
from functools import cache
from pathlib import Path

LEVELS = {
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v3": {"avx2", "bmi1", "bmi2", "fma", "f16c", "movbe"},
    "x86-64-v2": {"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"},
}
"""What instructions each level of x86-64 adds, as Linux names them; after the System V ABI's levels."""


@cache
def name() -> str:
    """The name of this machine's CPU, as far as the system tells."""
    return _of_linux("model name") or platform.processor() or platform.machine()


@cache
def level() -> str:
    """The instructions that it has: of x86-64 the level, which decides how libraries compute."""
    flags = {*_of_linux("flags").split()}
    return next((level for level, needed in LEVELS.items() if needed <= flags), platform.machine())


@cache
def kind() -> str:
    """The CPU's name and its `level`."""
    return f"{name()}, {level()}"


def _of_linux(field: str) -> str:
    file = Path("/proc/cpuinfo")
    found = re.search(rf"^{field}\s*:\s*(.*?)\s*$", file.read_text() if file.is_file() else "", re.MULTILINE)
    return found[1] if found else ""
