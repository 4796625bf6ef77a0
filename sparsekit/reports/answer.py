"""What an answer to a research question is: one sentence, how sure it is, and its numbers.

A verdict is "shown", "in part" or "undecided". A sentence has at most `WORDS` words, and one estimate with its
interval.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape

import numpy as np
import pandas as pd

from sparsekit.figures import answers as figures

QUESTIONS = {
    "RQ1": "What does pruning weights do to the accuracy of a recurrent network?",
    "RQ2": "What share of the weights can go before accuracy drops significantly?",
    "RQ3": "After a significant drop, how many epochs of retraining regain the accuracy?",
    "RQ4": "How does a randomly structured recurrent network's accuracy correlate with the properties of its graph?",
    "RQ5": "Can that accuracy be predicted from the properties of the graph?",
}
SHOWN, IN_PART, UNDECIDED = VERDICTS = ("shown", "in part", "undecided")
MIME = "application/vnd.sparsekit.answer+json"
"""By this type an executed notebook keeps an answer whole, for the index."""

WORDS = 30


@dataclass(frozen=True)
class Answer:
    """One research question's answer, as a notebook shows it and the index reads it."""

    question: str  # of `QUESTIONS`
    sentence: str  # the finding, with one estimate and its interval
    verdict: str  # of `VERDICTS`
    sure: str  # what it rests on, in at most five words
    table: pd.DataFrame  # every condition with its interval, a row each: what the index draws and offers as CSV
    notes: list[str] = field(default_factory=list)  # what a reader must know beside it, a sentence each

    def __str__(self) -> str:
        return self.sentence

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/html": self.html(), "text/plain": self.sentence, MIME: self.kept()}

    def kept(self) -> dict:
        """What an executed notebook keeps under `MIME`, for `read`."""
        rows = json.loads(self.table.to_json(orient="split", index=False, double_precision=15))
        return asdict(self) | {"table": rows}

    def html(self) -> str:
        """The sentence, how sure it is, and the figure that answers; what to know beside it is folded."""
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        notes = f"<details><summary>What to know beside it</summary><ul>{notes}</ul></details>" * bool(notes)
        figure = figures.figure(self.question, self.table)
        sure = f"<p><em>{escape(self.verdict)} · {escape(self.sure)}</em></p>"
        return f"<p><strong>{escape(self.sentence)}</strong></p>{sure}{figure.html() if figure else ''}{notes}"

    @classmethod
    def read(cls, kept: Mapping) -> "Answer":
        """An answer that an executed notebook kept under `MIME`."""
        table = pd.DataFrame(kept["table"]["data"], columns=kept["table"]["columns"])
        table = table.fillna(np.nan).infer_objects()  # JSON has no nan: a column of nothing else came as None
        return cls(**{**kept, "table": table})
