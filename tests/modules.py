"""Torch modules of other people's making, with recurrent layers inside in every form that torch has."""

import torch
from torch import nn

from sparsekit.networks import build as networks

FEATURES = 4


class Reader(nn.Module):
    """A recurrent layer between linear ones, on features of shape (batch, steps, 4)."""

    def __init__(self, layer, width):
        super().__init__()
        self.encoder = nn.ModuleDict({"first": nn.Linear(FEATURES, 3), "recurrent": layer})
        self.readout = nn.Linear(width, 2)

    def forward(self, x):
        x = self.encoder["first"](x)
        layer = self.encoder["recurrent"]
        steps = 1 if layer.batch_first else 0
        out, _ = layer(x if layer.batch_first else x.transpose(0, 1))
        return self.readout(out.mean(steps))


class Stepper(nn.Module):
    """A cell, called at every step by a loop of its owner."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(FEATURES, 5)
        self.readout = nn.Linear(5, 2)

    def forward(self, x):
        state = None
        for x_t in x.unbind(1):
            state = self.cell(x_t, state)
        return self.readout(state[0])


class OnFeatures(nn.Module):
    """The kit's own network, which reads tokens, behind the same call."""

    def __init__(self):
        super().__init__()
        self.classifier = networks.stacked("gru", hidden_size=5, layers=2, embedding_size=3)

    def forward(self, x):
        return self.classifier((x[..., 0] * 10).abs().long())


MODULES = {
    "nn.RNN tanh": lambda: Reader(nn.RNN(3, 5), 5),
    "nn.RNN relu, bidirectional": lambda: Reader(nn.RNN(3, 5, nonlinearity="relu", bidirectional=True), 10),
    "nn.GRU, 2 layers, dropout": lambda: Reader(nn.GRU(3, 5, num_layers=2, batch_first=True, dropout=0.3), 5),
    "nn.LSTM": lambda: Reader(nn.LSTM(3, 5, batch_first=True), 5),
    "nn.LSTM, 2 layers, bidirectional, projected": lambda: Reader(
        nn.LSTM(3, 5, num_layers=2, bidirectional=True, proj_size=2, batch_first=True, bias=False), 4
    ),
    "nn.LSTMCell": Stepper,
    "Classifier": OnFeatures,
}


def module(kind, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MODULES[kind]()


def batches(count, seed=0):
    """(features, labels), more than chance tells apart."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        x = torch.randn(16, 6, FEATURES, generator=generator)
        yield x, (x[:, 0, 0] > 0).long()


def train(model, optimizer, steps, clip=0.5, seed=0, call=None):
    """The training loop that everybody writes; its losses."""
    call, losses = model if call is None else call, []
    for x, labels in batches(steps, seed):
        with torch.random.fork_rng():
            torch.manual_seed(len(losses))  # of dropout
            loss = nn.functional.cross_entropy(call(x), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses
