"""A trained network for inference on a CPU: its weights in compressed form, all steps in one compiled call.

Of the kit's networks all layers (`Compiled`), of torch's own modules a layer at a time (`CompiledLayers`).
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from sparsekit.networks import kernels, processor
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.core import EMBEDDING, PARAMETERS, Layout, check
from sparsekit.registry import check_name
from sparsekit.variants import GATES, VARIANTS

FORMS = ("auto", "sparse", "dense")
"""How a matrix is held: without its zeros, with them, or as whichever of the two is faster."""

Packed = tuple[np.ndarray, list[np.ndarray], int]
"""A network's cells (`kernels.FAST`), the arrays that they point into, and the rows of all its states."""


class Compiled:
    """A network as it is now, to be called as the network is; what becomes of the network later does not change it.

    Up to four sequences are computed one by one, more of them side by side, from a copy of the weights of its own each,
    made when it is first needed. No gradient comes back. ``nbytes`` is what the copies made so far take.

    Parameters
    ----------
    network : Classifier
        On a CPU in float32.
    form : {"auto", "sparse", "dense"}

    Raises
    ------
    ValueError
        Of another network, or as UnknownName of another form.
    """

    def __init__(self, network: Classifier, form: str = "auto"):
        if not isinstance(network, Classifier):
            raise ValueError(f"given a {type(network).__name__}: the compiled form is one of the kit's own Classifiers")
        check_name("form", form, FORMS)
        own = next(network.parameters())
        if own.dtype != torch.float32 or own.device.type != "cpu":
            raise ValueError(f"the network is of {own.dtype} on {own.device}: compiled are those of float32 on a CPU")
        self.layout, self.form = network.layout, form
        masked = network.layout.flat(network.parameters()) * network.flat_mask()
        self._flat = masked.detach()
        self._weights = {name: view[0].numpy() for name, view in self.layout.named(self._flat[None]).items()}
        self._packed: dict[str, Packed] = {}
        self._cell = list(VARIANTS).index(self.layout.variant), len(GATES[self.layout.variant])
        self._read = {filled: self._seen(filled) for filled in (1, kernels.REACH)}
        self._readout = self._weights["readout.weight"].T.copy(), self._weights["readout.bias"]

    def pack(self, few: bool = True) -> "Compiled":
        """Make the copy for few sequences, or for many, before the first call needs it."""
        self._for_few() if few else self._for_many()
        return self

    @staticmethod
    def takes_few(batch: int) -> bool:
        """Whether so many sequences are computed one by one."""
        return batch <= kernels.FEW

    def _for_few(self) -> Packed:
        return self._pack("few", _tiles, _blocks, kernels.REACH)

    def _for_many(self) -> Packed:
        return self._pack("many", _rows, np.ravel, 1)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for _, arrays, _ in self._packed.values() for array in arrays)

    def __call__(self, inputs: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits, (batch, classes), of what the network takes: :meth:`Classifier.forward`."""
        check(self.layout, self._flat, inputs, positions)
        if positions is None:
            positions = torch.full((len(inputs),), inputs.shape[1] - 1)
        count, at = len(inputs), positions.numpy()
        if not count:
            seen = np.empty((0, self.layout.readout_width), np.float32)
        else:
            seen = (self._few if self.takes_few(count) else self._many)(inputs.detach().numpy(), at)
        weight, bias = self._readout
        return torch.from_numpy(seen @ weight + bias)

    def _few(self, inputs: np.ndarray, positions: np.ndarray) -> np.ndarray:
        cells, (numbers, places, starts), rows = self._for_few()
        tokens, given = _NO_TOKENS, _NOTHING
        if self.layout.tokens:
            tokens = inputs
        else:
            given = np.zeros((*inputs.shape[:2], _filled(inputs.shape[2], kernels.REACH)), np.float32)
            given[:, :, : inputs.shape[2]] = inputs
        states = np.zeros((inputs.shape[1], rows), np.float32)
        read = np.empty((len(inputs), rows), np.float32)
        common = *self._cell, cells, numbers, places, starts
        kernels.infer_few(*common, tokens, given, positions, states, read)
        return read[:, self._read[kernels.REACH]]

    def _many(self, inputs: np.ndarray, positions: np.ndarray) -> np.ndarray:
        cells, (numbers, columns, starts), rows = self._for_many()
        count, steps = len(inputs), int(positions.max()) + 1
        width = kernels.WIDTHS[0] if count <= kernels.WIDTHS[0] else _filled(count, kernels.WIDTHS[1])
        beside = np.zeros((steps, *inputs.shape[2:], width), inputs.dtype)
        beside[..., :count] = np.moveaxis(inputs[:, :steps], 0, -1)
        tokens, given = (beside, _NOTHING) if self.layout.tokens else (_NO_TOKENS, beside)
        states = np.empty((steps, rows, width), np.float32)
        common = *self._cell, cells, numbers, columns, starts
        kernels.infer_many(*common, tokens, given, steps, states)
        return states[positions, :, np.arange(count)][:, self._read[1]]

    def _seen(self, filled: int) -> np.ndarray | slice:
        """The rows of all states that the readout sees."""
        nodes = [n for _, n in self.layout.stages]
        starts = np.cumsum([0, *(_filled(n, filled) for n in nodes)])
        if self.layout.readout_width == nodes[-1]:
            return slice(starts[-2], starts[-2] + nodes[-1])
        return np.concatenate([start + np.arange(n) for start, n in zip(starts, nodes, strict=False)])

    def _pack(self, name: str, sparse: Callable, dense: Callable, filled: int) -> Packed:
        if name not in self._packed:
            self._packed[name] = _Packer(self.layout, self._weights, self.form, sparse, dense, filled).packed()
        return self._packed[name]


_NO_TOKENS, _NOTHING = np.empty((0, 0), np.int64), np.empty((0, 0, 0), np.float32)


class CompiledLayers(nn.Module):
    """What stands in the place of an nn.RNN, nn.GRU or nn.LSTM for inference: called as it is, with the same results.

    From the weights as they are now, without their zeros. It has no parameters, no gradient comes back, and nothing is
    dropped out. As in :class:`Compiled`, few sequences and many are computed from a copy of the weights of their own
    each, made when it is first needed.

    Parameters
    ----------
    module : nn.RNN, nn.GRU or nn.LSTM
        Of any number of layers, one direction or both, with biases or without; on a CPU in float32.
    form : {"auto", "sparse", "dense"}

    Raises
    ------
    ValueError
        Of another module, or of an LSTM with projections; as UnknownName of another form.
    """

    def __init__(self, module: nn.RNNBase, form: str = "auto"):
        super().__init__()
        check_name("form", form, FORMS)
        if type(module) not in (nn.RNN, nn.GRU, nn.LSTM):
            raise ValueError(f"given a {type(module).__name__}: compiled are nn.RNN, nn.GRU and nn.LSTM themselves")
        if module.proj_size:
            raise ValueError(f"an nn.LSTM with proj_size={module.proj_size}: compiled are those without projections")
        weights = {name: weight.detach() for name, weight in module.state_dict().items()}
        if odd := {f"{w.dtype} on {w.device}" for w in weights.values()} - {"torch.float32 on cpu"}:
            raise ValueError(f"the layer is of {', '.join(odd)}: compiled are those of float32 on a CPU")
        for name in ("mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "proj_size"):
            setattr(self, name, getattr(module, name))
        self.bidirectional, self.form = module.bidirectional, form
        ends = [f"l{k}{'_reverse' * back}" for k in range(self.num_layers) for back in range(1 + self.bidirectional)]
        self._weights = [
            {name: weights[f"{name}_{end}"].numpy().copy() for name in PARAMETERS if f"{name}_{end}" in weights}
            for end in ends
        ]
        self._made: dict[bool, list[Packed]] = {}
        self.eval()

    def flatten_parameters(self) -> None:
        """There are none; models call this of their layers."""

    @torch.compiler.disable
    def forward(self, input: Tensor, hx: Tensor | tuple[Tensor, Tensor] | None = None):
        x, h, c = self._checked(input, hx)
        (count, steps, _), n, directions = x.shape, self.hidden_size, 1 + self.bidirectional
        few = Compiled.takes_few(count)
        if few:
            x, h, layer = _wide(x, kernels.REACH), _wide(h, kernels.REACH), kernels.layer_few
            shape = count, steps, _filled(directions * n, kernels.REACH)
        else:  # side by side
            x, h, c = np.moveaxis(x, 0, -1), np.moveaxis(h, 1, -1), np.moveaxis(c, 1, -1)
            x, h, c = (_wide(part, kernels.WIDTHS[count > kernels.WIDTHS[0]]) for part in (x, h, c))
            shape, layer = (steps, directions * n, x.shape[-1]), kernels.layer_many
        variant = self.mode.lower()
        for k, (cells, arrays, _) in enumerate(self._packed(few)):
            back = k % directions
            if not back:
                given, x = x, np.zeros(shape, np.float32)
            names = list(VARIANTS).index(variant), len(GATES[variant])
            layer(*names, cells, *arrays, given, h[k], c[k], x, back * n, back)
        if few:
            x, h = x[..., : directions * n], h[..., :n]
        else:
            x, h, c = np.moveaxis(x, -1, 0)[:count], np.moveaxis(h, -1, 1)[:, :count], np.moveaxis(c, -1, 1)[:, :count]
        out, *states = (torch.from_numpy(np.ascontiguousarray(part)) for part in (x, h, c))
        if input.dim() == 2:
            out, *states = out[0], *(state[:, 0] for state in states)
        elif not self.batch_first:
            out = out.transpose(0, 1)
        return out, (tuple(states) if self.mode == "LSTM" else states[0])

    def _packed(self, few: bool) -> list[Packed]:
        """Each layer and direction, for few sequences or for many."""
        if few not in self._made:
            how, n, made = (_tiles, _blocks, kernels.REACH) if few else (_rows, np.ravel, 1), self.hidden_size, []
            for own in self._weights:
                rows, inputs = own["weight_ih"].shape
                layout = Layout(self.mode.lower(), inputs, False, (((EMBEDDING,), n),), {}, n)
                weights = {f"stages.0.{name}": own.get(name, np.zeros(rows, np.float32)) for name in PARAMETERS}
                made.append(_Packer(layout, weights, self.form, *how).packed())
            self._made[few] = made
        return self._made[few]

    def _checked(self, input: Tensor, hx) -> list[np.ndarray]:
        """The input (sequences, steps, features), and copies of states (layers and directions, sequences, units)."""
        if isinstance(input, PackedSequence):
            raise ValueError("given a packed sequence: compiled layers take a padded tensor, or one sequence at a time")
        if self.training or torch.jit.is_tracing():
            raise RuntimeError("compiled layers are for inference: they are neither trained nor traced")
        one = isinstance(input, Tensor) and input.dim() == 2
        axes = ("steps",) if one else ("batch", "steps") if self.batch_first else ("steps", "batch")
        _check_float("input", input, (*axes, self.input_size))
        x = input[None] if one else input if self.batch_first else input.transpose(0, 1)
        if not x.shape[1]:
            raise ValueError("input has no steps: give sequences of at least one")
        names, given = ("h_0", "c_0")[: 1 + (self.mode == "LSTM")], hx if isinstance(hx, tuple | list) else (hx,)
        shape = (len(self._weights), len(x), self.hidden_size)
        states = [np.zeros(shape, np.float32), np.zeros(shape, np.float32)]
        if hx is not None:
            if len(given) != len(names):
                raise ValueError(f"hx holds {len(given)} states: give {' and '.join(names)}")
            for name, own, state in zip(names, given, states, strict=False):
                _check_float(name, own, (shape[0], shape[2]) if one else shape)
                state[...] = own.detach().numpy().reshape(shape)
        return [x.detach().numpy(), *states]


class _Packer:
    """Lays the cells of a network out for the compiled loop, each matrix in the form that is asked for or faster."""

    def __init__(self, layout, weights, form, sparse: Callable, dense: Callable, filled: int):
        self.layout, self.weights, self.form = layout, weights, form
        self.sparse, self.dense, self.fill = sparse, dense, partial(_filled, to=filled)
        self.parts = [[part[:0]] for part in sparse(np.zeros((1, 1), np.float32))[:3]]  # empty, and of the right type

    def packed(self) -> Packed:
        at, row, cells = {EMBEDDING: kernels.GIVEN}, 0, []
        for k, (_, nodes) in enumerate(self.layout.stages):
            at[k], row = row, row + self.fill(nodes)
        for k, (reads, nodes) in enumerate(self.layout.stages):
            for c, source in enumerate(reads):
                w_ih, w_hh, b_ih, b_hh = self._cell(k, c)
                shared = len(b_ih) - (nodes if self.layout.variant == "gru" else 0)
                bias, inner = b_ih.copy(), b_hh.copy()
                bias[:shared] += b_hh[:shared]
                inner[:shared] = 0
                place, inner = self._put(0, _rows_filled(bias)), self._put(0, _rows_filled(inner))
                if source == EMBEDDING and self.layout.tokens:
                    # What a token adds to the gates is the same wherever it stands: it is looked up.
                    table = self.weights["embedding.weight"] @ w_ih.T + bias
                    ih = kernels.TOKENS, self._put(0, _rows_filled(table)), 0, 0
                else:
                    ih = self._matrix(w_ih)
                own = nodes, w_ih.shape[1], at[source], at[k], c > 0, place, inner, ih, self._matrix(w_hh)
                cells.append(own)
        joined = [np.concatenate(part) for part in self.parts]
        return np.array(cells, kernels.FAST), joined, row

    def _cell(self, k: int, c: int) -> list[np.ndarray]:
        """Weights and biases of one cell of a stage, gate by gate."""
        (reads, nodes), gates = self.layout.stages[k], len(GATES[self.layout.variant])
        widths = [self.layout.width if source == EMBEDDING else self.layout.stages[source][1] for source in reads]
        columns = {
            "weight_ih": slice(sum(widths[:c]), sum(widths[: c + 1])),
            "weight_hh": slice(c * nodes, (c + 1) * nodes),
        }
        found = []
        for name in PARAMETERS:
            stacked = self.weights[f"stages.{k}.{name}"]
            own = stacked.reshape(gates, len(reads), nodes, *stacked.shape[1:])[:, c].reshape(
                gates * nodes, *stacked.shape[1:]
            )
            found.append(np.ascontiguousarray(own[:, columns[name]] if name in columns else own))
        return found

    def _matrix(self, matrix: np.ndarray) -> tuple[int, int, int, int]:
        made = self.sparse(matrix)
        if self.form == "dense" or (self.form == "auto" and made[0].size * made[3] > matrix.size):
            return kernels.DENSE, self._put(0, self.dense(matrix)), 0, 0
        return kernels.SPARSE, *(self._put(k, part) for k, part in enumerate(made[:3]))

    def _put(self, which: int, part: np.ndarray) -> int:
        """Where the numbers begin that are laid down now."""
        place = sum(map(len, self.parts[which]))
        self.parts[which].append(part.ravel())
        return place


def _filled(n: int, to: int) -> int:
    """The next multiple."""
    return -(-n // to) * to


def _check_float(name: str, given: Tensor, shape: Sequence[int | str]) -> None:
    """Whether it is a float32 tensor on a CPU of this shape, in which a name stands for any size."""
    told = type(given).__name__
    if isinstance(given, Tensor):
        sizes = given.shape
        same = len(sizes) == len(shape) and all(
            isinstance(s, str) or s == own for s, own in zip(shape, sizes, strict=True)
        )
        if same and (given.dtype, given.device.type) == (torch.float32, "cpu"):
            return
        told = f"{given.dtype} on {given.device} of shape {tuple(sizes)}"
    raise ValueError(f"{name} is {told}: give torch.float32 on a CPU of shape ({', '.join(map(str, shape))})")


def _wide(values: np.ndarray, to: int) -> np.ndarray:
    """With zeros after each row, up to a multiple."""
    wide = np.zeros((*values.shape[:-1], _filled(values.shape[-1], to)), np.float32)
    wide[..., : values.shape[-1]] = values
    return wide


def _rows_filled(values: np.ndarray) -> np.ndarray:
    """With zeros after each row, up to whole blocks."""
    wide = np.zeros((*values.shape[:-1], _filled(values.shape[-1], kernels.BLOCK)), np.float32)
    wide[..., : values.shape[-1]] = values
    return wide


def _blocks(matrix: np.ndarray) -> np.ndarray:
    """Dense weights in blocks of rows, each column by column."""
    rows, columns = matrix.shape
    filled = np.zeros((_filled(rows, kernels.BLOCK), columns), np.float32)
    filled[:rows] = matrix
    return filled.reshape(-1, kernels.BLOCK, columns).swapaxes(1, 2).ravel()


def _tiles(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Weights that are not 0 by tiles of 16 rows and 32 columns: a row's in its lane, one after the other.

    Slots of 16 weights, as many as the fullest row needs and an even number; where a row has fewer there are zeros.
    Values, their columns within the tile, and where each tile begins, in slots.
    """
    (rows, columns), lanes, reach = matrix.shape, kernels.LANES, kernels.REACH
    filled = np.zeros((_filled(rows, lanes), _filled(columns, reach)), np.float32)
    filled[:rows, :columns] = matrix
    tiles = filled.reshape(-1, lanes, filled.shape[1] // reach, reach).swapaxes(1, 2)  # block, group, lane, column
    exists = tiles != 0
    slots = (exists.sum(3).max(2) + 1) // 2 * 2
    starts = np.concatenate([[0], np.cumsum(slots)])
    block, group, lane, column = np.nonzero(exists)
    slot = starts[:-1].reshape(slots.shape)[block, group] + (np.cumsum(exists, 3) - 1)[exists]
    values, places = np.zeros((starts[-1], lanes), np.float32), np.zeros((starts[-1], lanes), np.uint8)
    values[slot, lane], places[slot, lane] = tiles[exists], column
    return values.ravel(), places.ravel(), starts.astype(np.int32), TILES.get(processor.level(), TILE)


def _rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Compressed sparse rows."""
    rows, columns = np.nonzero(matrix)
    starts = np.searchsorted(rows, np.arange(len(matrix) + 1))
    return matrix[rows, columns], columns.astype(np.int32), starts.astype(np.int32), ROW


TILES, TILE, ROW = {"x86-64-v4": 1.25}, 6, 1.5
"""How much longer a weight takes in each sparse form than in the dense one; in tiles little with AVX-512 alone."""
