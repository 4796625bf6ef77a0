"""Names that the whole kit shares: variants of recurrent cell, their gates, what networks and pruning choose from.

A new cell is a row here, and its arithmetic in `networks.kernels` and `networks.recurrence`.
"""

VARIANTS = {"rnn_tanh": "RNN-Tanh", "rnn_relu": "RNN-ReLU", "gru": "GRU", "lstm": "LSTM"}
"""The variants as people read them. Their order is that of every table, and of the compiled core."""

GATES = {
    "rnn_tanh": {"-": ""},
    "rnn_relu": {"-": ""},
    "gru": {"r": "reset", "z": "update", "n": "new"},
    "lstm": {"i": "input", "f": "forget", "g": "cell", "o": "output"},
}
"""Letter and name of each gate, in the order in which torch stacks their weights; "-" where a cell has none."""

TARGETS = {"both": ("ih", "hh"), "i2h": ("ih",), "h2h": ("hh",)}
"""The matrices that each target of pruning means: input-to-hidden and hidden-to-hidden together, or one of them."""

MATRICES = {"ih": "input-to-hidden", "hh": "hidden-to-hidden"}
"""The two matrices of a recurrent layer as people read them."""

SCOPES = {"global": 0, "layer": 1, "matrix": 2, "gate": 3, "row": 4}
"""How many of (layer, matrix, gate, row) weights have in common that a scope of pruning ranks together.

Both directions of a bidirectional layer are one layer, with matrices of their own.
"""

STRUCTURES = ("layered", "recurrent")
"""What a graph becomes: layers, or the hidden-to-hidden weights of one recurrent layer."""

GATE_MASKS = ("blocks", "rows")
"""Layouts of a graph's mask in the stacked gates: whole in each gate, or the published repeated rows."""

SCALES = ("dense", "fan_in")
"""Initial weights of a sparse network: as drawn for the dense one, or larger by the root of the inputs a unit lost."""

READOUTS = ("last_padded", "last_valid")
"""The step at which a sequence is read: the last of its batch, as published, or its own last."""

SOURCES = ("weights", "order", "strings")
"""What networks of a variant may differ in: initial weights, order of training strings, the strings and their split."""
