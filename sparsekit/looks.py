"""How figures tell apart the scores, scopes, schedules and recovery protocols of pruning.

Random controls are grey everywhere. What is registered later gets its own name and a diamond.
"""

from sparsekit.style import INK, Look, look  # noqa: F401

GREY = "#878e98"

SCORES = {
    "magnitude": Look("magnitude", INK, "o", "-"),
    "sensitivity": Look("sensitivity", "#D55E00", "s", (0, (5, 1.5))),
    "activity": Look("activity", "#3D94CC", "^", (0, (4, 1.2, 1, 1.2))),
    "random": Look("random", GREY, "v", (0, (1.5, 1.2))),
}
SCOPES = {
    "global": Look("global", INK, "o", "-"),
    "layer": Look("per layer", "#D55E00", "s", (0, (5, 1.5))),
    "matrix": Look("per matrix", "#3D94CC", "^", (0, (4, 1.2, 1, 1.2))),
    "gate": Look("per gate", "#7A1FA2", "D", (0, (1.5, 1.2))),
}
SCHEDULES = {
    "one_shot": Look("one-shot", INK, "o", "-"),
    "iterative": Look("iterative", "#D55E00", "s", (0, (5, 1.5))),
    "gradual": Look("gradual", "#3D94CC", "^", (0, (4, 1.2, 1, 1.2))),
}
PROTOCOLS = {
    "retrain": Look("surviving weights", INK, "o", "-"),
    "rewind": Look("rewound", "#3D94CC", "^", (0, (4, 1.2, 1, 1.2))),
    "reinitialise": Look("fresh weights", "#D55E00", "s", (0, (5, 1.5))),
    "random_mask": Look("random mask", GREY, "v", (0, (1.5, 1.2))),
    "rewired_mask": Look("rewired mask", "#0B7A4B", "P", (0, (3, 1, 1, 1, 1, 1))),
    "dense": Look("dense", "#7A1FA2", "D", (0, (7, 1.2, 1, 1.2, 1, 1.2))),
}
