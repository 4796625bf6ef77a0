"""A pruned network made really smaller: units whose state is always 0 are cut out, and it computes the same."""

import copy
from collections.abc import Callable
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.networks.core import EMBEDDING, PARAMETERS
from sparsekit.pruning import structured
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import KEEPER
from sparsekit.variants import GATES


def shrink(model: nn.Module) -> nn.Module:
    """A copy without the hidden units that are silent; its outputs are those of the model.

    A unit is *silent* where all weights into it and its biases are 0, in every gate: starting from no state, its state
    is exactly 0 at every step, in every kind of cell. `structured.remove` makes units so. A unit that reads nothing but
    has biases is not: its state is a constant, and stays. Each layer keeps at least one unit.

    A Classifier becomes a smaller one; there units that nothing reads go too. In any other model each nn.RNN, nn.GRU
    and nn.LSTM with silent units becomes a `Shrunk`, which computes with fewer units and gives outputs and states as
    wide as before, 0 where units were cut out: what reads them need not change. Directions of a layer stay equally
    wide, and an LSTM has more units than projections, so some silent units may stay. A mask that is kept is kept on.

    Raises
    ------
    ValueError
        Of a module with silent units that cannot be made smaller, by name: a cell (its loop is the model's own), a
        class derived from nn.LSTM, weights that others share, hooks; and of a model without recurrent layers.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"given a {type(model).__name__} to shrink: give the torch.nn.Module itself")
    memo, owners = {}, _owners(model)
    for name, module in model.named_modules():
        if isinstance(module, nn.RNNCellBase) and _silent(module).any():
            raise ValueError(
                f"{name} is an {type(module).__name__}: its loop is the model's own, and expects as many units as now"
            )
    found = structured.units(model)
    with torch.random.fork_rng(devices=[]):  # new modules draw weights, which are not used
        for name, module in model.named_modules():
            own = [layer for at, layer in found.items() if at.rpartition(".")[0] == name]
            if isinstance(module, Classifier):
                memo[id(module)] = _classifier(module)
            elif isinstance(module, nn.RNNBase) and any(layer.silent.any() for layer in own):
                _check(name or "the model", module, owners)
                memo[id(module)] = _layers(module)
        return copy.deepcopy(model, memo)


def _silent(cell: nn.RNNCellBase) -> Tensor:
    into = [parameter.data.unflatten(0, (-1, cell.hidden_size)).movedim(1, 0) for parameter in cell.parameters()]
    return structured.Units(into, [], []).silent


def _owners(model: nn.Module) -> dict[int, list[str]]:
    """The names that each parameter has, by the modules that hold it."""
    found: dict[int, list[str]] = {}
    for path, module in model.named_modules():
        for name, parameter in module._parameters.items():
            found.setdefault(id(parameter), []).append(f"{path}.{name}".lstrip("."))
    return found


def _check(name: str, module: nn.RNNBase, owners: dict[int, list[str]]) -> None:
    if type(module) not in (nn.RNN, nn.GRU, nn.LSTM):
        raise ValueError(
            f"{name} is a {type(module).__name__}, no plain nn.RNN, nn.GRU or nn.LSTM: what else it does is lost"
        )
    if shared := [", ".join(owners[id(p)]) for p in module.parameters() if len(owners[id(p)]) > 1]:
        raise ValueError(f"{name} shares weights ({shared[0]}): cut out of one they would be others")
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values(), *module._backward_hooks.values()]
    keeper = module.__dict__.get(KEEPER)
    if not all(keeper and keeper in (hook, getattr(hook, "__self__", None)) for hook in hooks):
        raise ValueError(f"{name} has hooks, which the smaller module would not call: remove them first")


def _classifier(network: Classifier) -> Classifier:
    """Without silent and unread nodes, until there are none: when one goes, others may have nothing to read."""
    small = copy.deepcopy(network)
    Mask.of(small).apply(small)
    while True:
        keep = [~(own.silent | own.unread) for own in structured.units(small).values()]
        if all(own.all() for own in keep):
            return small
        for own in keep:
            own[0] |= ~own.any()
        if all(len(own) == 1 or own.all() for own in keep):
            return small
        small = _cut(small, keep)


def _cut(network: Classifier, keep: list[Tensor]) -> Classifier:
    gates, stages = len(GATES[network.variant]), []
    given = torch.ones(network.layout.width, dtype=torch.bool, device=network.readout.weight.device)
    for k, stage in enumerate(network.stages):
        rows = keep[k].repeat(gates * stage.cells)
        read = torch.cat([given if source == EMBEDDING else keep[source] for source in stage.reads])
        across = keep[k].repeat(stage.cells)
        masks = stage.mask_ih[rows][:, read], stage.mask_hh[rows][:, across]
        smaller = Stage(network.variant, stage.reads, int(keep[k].sum()), *(mask.cpu().numpy() for mask in masks))
        weights = (
            stage.weight_ih[rows][:, read],
            stage.weight_hh[rows][:, across],
            stage.bias_ih[rows],
            stage.bias_hh[rows],
        )
        for name, weight in zip(PARAMETERS, weights, strict=True):
            setattr(smaller, name, nn.Parameter(weight.detach().clone(), getattr(stage, name).requires_grad))
        stages.append(smaller.to(stage.weight_ih.device))
    seen = torch.cat(keep) if network.reads_all else keep[-1]
    readout = network.readout
    sizes = (0, 0) if network.features else (network.embedding.weight.shape[1], network.embedding.weight.shape[0])
    options = {"features": network.features, "reads_all": network.reads_all}
    small = Classifier(network.variant, stages, *sizes, readout.out_features, **options)
    small.to(readout.weight)
    with torch.no_grad():
        small.readout.weight.copy_(readout.weight[:, seen])
        small.readout.bias.copy_(readout.bias)
        if not network.features:
            small.embedding.weight.copy_(network.embedding.weight)
    return small.train(network.training)


class Shrunk(nn.Module):
    """Recurrent layers of fewer units in place of an nn.RNN, nn.GRU or nn.LSTM, called as it is, with the same results.

    Layers of one width are one torch module, in ``parts``.
    """

    def __init__(self, like: nn.RNNBase, parts: list[nn.RNNBase], kept: list[Tensor]):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        for name in (
            "mode",
            "input_size",
            "hidden_size",
            "num_layers",
            "bias",
            "batch_first",
            "dropout",
            "bidirectional",
        ):
            setattr(self, name, getattr(like, name))
        self.proj_size = like.proj_size
        for row, index in enumerate(kept):  # by layer and direction
            self.register_buffer(f"kept_{row}", index, persistent=False)
        self.train(like.training)

    def forward(self, input, hx=None):
        states, row, x = [], 0, input
        for k, part in enumerate(self.parts):
            rows = range(row, row + part.num_layers * (1 + self.bidirectional))
            row = rows.stop
            if k and self.dropout and self.training:
                x = _each(x, lambda data: nn.functional.dropout(data, self.dropout))
            x, state = part(x, None if hx is None else self._narrowed(hx, rows))
            states.append(self._widened(state, rows))
        whole = zip(*states, strict=True) if self.mode == "LSTM" else [states]
        h, *c = (torch.cat(parts) for parts in whole)
        return self._output(x), ((h, *c) if c else h)

    def flatten_parameters(self) -> None:
        """As of the layers whose place it takes: models call this of them."""
        for part in self.parts:
            part.flatten_parameters()

    def _output(self, x):
        if self.proj_size:
            return x
        directions = 1 + self.bidirectional
        last = [
            getattr(self, f"kept_{self.num_layers * directions - directions + d}") + d * self.hidden_size
            for d in range(directions)
        ]
        return _each(x, lambda data: _scattered(data, torch.cat(last), directions * self.hidden_size))

    def _wide(self, k: int) -> bool:
        """Whether the first or second of an LSTM's states is as wide as before."""
        return k == 0 and self.proj_size > 0

    def _narrowed(self, hx, rows: range):
        given = hx if self.mode == "LSTM" else (hx,)
        made = []
        for k, state in enumerate(given):
            own = state[rows.start : rows.stop]
            if not self._wide(k):
                kept = [getattr(self, f"kept_{row}") for row in rows]
                narrow = [part.index_select(-1, index) for part, index in zip(own, kept, strict=True)]
                if not torch.compiler.is_compiling():
                    for part, few, index in zip(own, narrow, kept, strict=True):
                        if not _scattered(few, index, self.hidden_size).equal(part):
                            raise ValueError("the state given is not 0 for a unit that was cut out")
                own = torch.stack(narrow)
            made.append(own)
        return tuple(made) if self.mode == "LSTM" else made[0]

    def _widened(self, state, rows: range):
        made = []
        for k, own in enumerate(state if self.mode == "LSTM" else (state,)):
            if not self._wide(k):
                kept = [getattr(self, f"kept_{row}") for row in rows]
                own = torch.stack([_scattered(part, i, self.hidden_size) for part, i in zip(own, kept, strict=True)])
            made.append(own)
        return tuple(made) if self.mode == "LSTM" else made[0]


def _each(x, change: Callable[[Tensor], Tensor]):
    return x._replace(data=change(x.data)) if isinstance(x, PackedSequence) else change(x)


def _scattered(data: Tensor, index: Tensor, width: int) -> Tensor:
    return data.new_zeros(*data.shape[:-1], width).index_copy(-1, index, data)


def _layers(module: nn.RNNBase) -> Shrunk:
    plain = copy.deepcopy(module)
    if keeper := module.__dict__.get(KEEPER):
        Mask(keeper.masks).release(plain)
    kept = _kept(plain)
    widths = [len(index) for index in kept[:: 1 + module.bidirectional]]
    parts, layer = [], 0
    for width, same in groupby(widths):
        count = len([*same])
        parts.append(_part(plain, keeper, kept, layer, count, width))
        layer += count
    return Shrunk(module, parts, kept)


def _kept(module: nn.RNNBase) -> list[Tensor]:
    """Units that stay, ascending, by layer and direction; zeroes what reads silent ones in `module`."""
    while True:
        found = structured.units(module).values()
        before = sum(int((part != 0).sum()) for own in found for part in own.out)
        for own in found:
            for part in own.out:
                part[own.silent] = 0
        if before == sum(int((part != 0).sum()) for own in found for part in own.out):
            break
    directions, silent, kept = 1 + module.bidirectional, [own.silent for own in found], []
    for layer in range(module.num_layers):
        both = silent[layer * directions : (layer + 1) * directions]
        width = max(module.proj_size + 1, *(int((~own).sum()) for own in both))
        kept += [own.int().argsort(stable=True)[:width].sort().values for own in both]
    return kept


def _part(module: nn.RNNBase, keeper, kept: list[Tensor], layer: int, count: int, width: int) -> nn.RNNBase:
    """So many layers of one width, from a layer on, with the weights of the units that stay."""
    directions = 1 + module.bidirectional
    outputs = [module.proj_size] * directions if module.proj_size else None
    given = (
        module.input_size
        if not layer
        else sum(outputs or [len(i) for i in kept[(layer - 1) * directions : layer * directions]])
    )
    options = {name: getattr(module, name) for name in ("bias", "batch_first", "bidirectional", "proj_size")}
    if isinstance(module, nn.RNN):
        options["nonlinearity"] = module.nonlinearity
    if not isinstance(module, nn.LSTM):
        options.pop("proj_size")
    first = next(module.parameters())
    small = type(module)(given, width, count, dropout=module.dropout if count > 1 else 0.0, **options).to(first)
    masks = {}
    for name, parameter in small.named_parameters():
        kind, end = name.rsplit("_l", 1)
        own, reverse = int(end.split("_")[0]) + layer, end.endswith("_reverse")
        old = f"{kind}_l{own}{'_reverse' * reverse}"
        row = own * directions + reverse

        def cut(tensor: Tensor, kind=kind, own=own, row=row) -> Tensor:
            if kind != "weight_hr":
                tensor = tensor.unflatten(0, (-1, module.hidden_size))[:, kept[row]].flatten(0, 1)
            if kind == "weight_hr" or (kind == "weight_hh" and not module.proj_size):
                return tensor[:, kept[row]]
            if kind == "weight_ih" and own and not module.proj_size:
                read = [kept[(own - 1) * directions + d] + d * module.hidden_size for d in range(directions)]
                return tensor[:, torch.cat(read)]
            return tensor

        parameter.data.copy_(cut(module.get_parameter(old).data))
        parameter.requires_grad_(module.get_parameter(old).requires_grad)
        if keeper and old in keeper.masks:
            masks[name] = cut(keeper.masks[old])
    if masks:
        Mask(masks).keep(small)
    return small
