"""Slow, literal forms of what the kit computes fast: cells one by one, step by step, as the protocol words it."""

import networkx as nx
import torch
from torch import nn

from sparsekit.variants import GATES


class Cell(nn.Module):
    """One recurrent cell, stepped through time by a Python loop, its masks multiplied in at every step."""

    def __init__(self, variant, inputs, hidden, mask_ih=None, gate_masks="blocks"):
        super().__init__()
        gates = len(GATES[variant])
        self.variant, self.hidden = variant, hidden
        mask_ih = torch.ones(hidden, inputs) if mask_ih is None else mask_ih
        if gate_masks == "blocks":
            self.mask_ih = torch.cat([mask_ih] * gates)
        else:
            self.mask_ih = torch.stack([row for row in mask_ih for _ in range(gates)])
        self.mask_hh = torch.ones(gates * hidden, hidden)
        self.weight_ih = nn.Parameter(torch.empty(gates * hidden, inputs))
        self.weight_hh = nn.Parameter(torch.empty(gates * hidden, hidden))
        self.bias_ih = nn.Parameter(torch.empty(gates * hidden))
        self.bias_hh = nn.Parameter(torch.empty(gates * hidden))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5)

    def forward(self, x):  # (steps, batch, inputs) -> (steps, batch, hidden)
        h = c = torch.zeros(x.shape[1], self.hidden, dtype=x.dtype)
        out = []
        for x_t in x:
            i = x_t @ (self.weight_ih * self.mask_ih).T + self.bias_ih
            r = h @ (self.weight_hh * self.mask_hh).T + self.bias_hh
            if self.variant == "rnn_tanh":
                h = torch.tanh(i + r)
            elif self.variant == "rnn_relu":
                h = torch.relu(i + r)
            elif self.variant == "gru":
                (ir, iz, in_), (hr, hz, hn) = i.chunk(3, 1), r.chunk(3, 1)
                reset, update = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
                h = (1 - update) * torch.tanh(in_ + reset * hn) + update * h
            else:
                i, f, g, o = (i + r).chunk(4, 1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        return torch.stack(out)


class Stacked(nn.Module):
    """The base network of the pruning study, by the protocol."""

    def __init__(self, variant, hidden=50, layers=3, embedding=50):
        super().__init__()
        self.embedding = nn.Embedding(128, embedding)
        self.cells = nn.ModuleList(Cell(variant, hidden if k else embedding, hidden) for k in range(layers))
        self.readout = nn.Linear(hidden, 2)

    def forward(self, tokens):
        x = self.embedding(tokens.T)
        for cell in self.cells:
            x = cell(x)
        return self.readout(x[-1])


class Layered(nn.Module):
    """The layered graph network, by the protocol's seven points."""

    def __init__(self, variant, graph, gate_masks="blocks"):
        super().__init__()
        parents = {v: [u for u in graph[v] if u < v] for v in sorted(graph)}
        layer = {}
        for v, before in parents.items():  # ascending ids: parents come first
            layer[v] = 1 + max(layer[u] for u in before) if before else 0
        layers = [[v for v in parents if layer[v] == k] for k in range(max(layer.values()) + 1)]

        def mask(source, target):
            return torch.tensor([[float(u in parents[v]) for u in layers[source]] for v in layers[target]])

        self.embedding = nn.Embedding(128, len(layers[0]))
        self.main = nn.ModuleList()
        self.skip = nn.ModuleDict()
        for k, nodes in enumerate(layers):
            if k == 0:
                self.main.append(Cell(variant, len(nodes), len(nodes)))
                continue
            self.main.append(Cell(variant, len(layers[k - 1]), len(nodes), mask(k - 1, k), gate_masks))
            for s in range(k - 1):
                if mask(s, k).any():
                    self.skip[f"{s}-{k}"] = Cell(variant, len(layers[s]), len(nodes), mask(s, k), gate_masks)
        self.readout = nn.Linear(len(layers[-1]), 2)

    def forward(self, tokens):
        x = self.embedding(tokens.T)
        outputs = []
        for k, main in enumerate(self.main):
            out = main(x)
            for s in range(k - 1):
                if f"{s}-{k}" in self.skip:
                    out = out + self.skip[f"{s}-{k}"](outputs[s])
            outputs.append(out)
            x = out
        return self.readout(x[-1])


def copy_into(network, reference):
    """Give a kit network the weights of a `Stacked` or `Layered` reference, entry by entry."""
    gates = len(GATES[network.variant])
    with torch.no_grad():
        network.embedding.weight.copy_(reference.embedding.weight)
        network.readout.weight.copy_(reference.readout.weight)
        network.readout.bias.copy_(reference.readout.bias)
        for k, stage in enumerate(network.stages):
            if isinstance(reference, Stacked):
                cells = [reference.cells[k]]
            else:
                skips = [f"{s}-{k}" for s in range(k - 1) if f"{s}-{k}" in reference.skip]
                cells = [reference.main[k]] + [reference.skip[name] for name in skips]
            for parameter in stage.parameters():
                parameter.zero_()
            hidden, column = stage.cells * stage.nodes, 0
            for c, cell in enumerate(cells):
                inputs = cell.weight_ih.shape[1]
                for gate in range(gates):
                    for node in range(stage.nodes):
                        row, at = gate * hidden + c * stage.nodes + node, gate * stage.nodes + node
                        values = (cell.weight_ih * cell.mask_ih)[at]
                        stage.weight_ih[row, column : column + inputs] = values
                        first = c * stage.nodes
                        stage.weight_hh[row, first : first + stage.nodes] = cell.weight_hh[at]
                        stage.bias_ih[row], stage.bias_hh[row] = cell.bias_ih[at], cell.bias_hh[at]
                column += inputs


def train_steps(module, batches, learning_rate=1e-3, clip=5.0):
    """Losses of plain torch training: Adam, gradients clipped by norm."""
    optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate, foreach=False)
    losses = []
    for tokens, labels in batches:
        loss = nn.functional.cross_entropy(module(tokens), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def longest_path_layers(graph):
    """Layer of each node as the longest path that ends in it, over all simple paths: for tiny graphs only."""
    directed = nx.DiGraph((min(e), max(e)) for e in graph.edges)
    directed.add_nodes_from(graph)
    best = dict.fromkeys(graph, 0)
    for source in directed:
        for target in directed:
            for path in nx.all_simple_paths(directed, source, target) if source != target else ():
                best[target] = max(best[target], len(path) - 1)
    return best
