"""The variants of recurrent cell, their gates, and the weights that pruning targets: one table for the whole kit.

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
