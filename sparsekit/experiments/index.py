"""What is known of records that were found whole, in one file: a start then looks at their dates, not into each.

It is a copy, made anew where it is lost; what it says holds for a file as long as nobody has written to that.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from sparsekit.experiments.integrity import Checked

FILE = ".index.sqlite"
SCHEMA = """
create table if not exists made (id integer primary key, text text unique);
create table if not exists record (
    file text primary key, mtime integer, size integer, inode integer, text_sha256 text,
    beside text, beside_mtime integer, beside_size integer, beside_inode integer, weights_sha256 text, deep integer,
    diverged integer, made integer, utc text, seconds real
) without rowid;
pragma user_version = 1;
"""


def recalled(folder: Path) -> Iterator[tuple[str, Checked]]:
    """What the index in a folder of records holds, by file; nothing where there is no index that can be read."""
    file, prefix = folder / FILE, f"{folder}/"
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as base:
            if base.execute("pragma user_version").fetchone() != (1,):
                return
            made = {number: json.loads(text) for number, text in base.execute("select id, text from made")}
            for row in base.execute("select * from record"):
                beside, own = (prefix + row[5], row[6:9]) if row[5] else ("", None)
                said = row[9], bool(row[10]), bool(row[11]), made[row[12]], *row[13:]
                yield prefix + row[0], Checked(row[1:4], row[4], beside, own, *said)
    except (sqlite3.Error, ValueError, KeyError, TypeError):
        with suppress(OSError):
            file.unlink()


def remember(folder: Path, found: Iterable[tuple[str, Checked]]) -> None:
    """Add to the index, or correct it; where it cannot be written, the next start looks into the files once more."""
    prefix = f"{folder}/"
    with suppress(sqlite3.Error, OSError), closing(sqlite3.connect(folder / FILE, timeout=10)) as base, base:
        base.executescript(SCHEMA)
        numbers = {text: number for number, text in base.execute("select id, text from made")}
        rows = []
        for name, one in found:
            text = json.dumps(one.made, sort_keys=True)
            if text not in numbers:
                numbers[text] = base.execute("insert into made (text) values (?)", (text,)).lastrowid
            own = one.weights_written or (None, None, None)
            row = (name.removeprefix(prefix), *one.written, one.text_sha256, one.beside.removeprefix(prefix), *own)
            rows.append((*row, one.weights, one.deep, one.diverged, numbers[text], one.utc, one.seconds))
        base.executemany(f"insert or replace into record values ({', '.join('?' * 15)})", rows)
