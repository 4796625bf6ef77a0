"""A model of torch's for inference on a CPU: its recurrent layers compute from their weights without the zeros."""

import copy

from torch import nn

from sparsekit.networks.classifier import Classifier
from sparsekit.networks.sparse import FORMS, CompiledLayers
from sparsekit.pruning.matrices import KEEPER, hidden
from sparsekit.registry import check_name


def compiled(model: nn.Module, form: str = "auto") -> nn.Module:
    """A copy for inference on a CPU whose recurrent layers are compiled; its outputs and states are the model's.

    Each nn.RNN, nn.GRU and nn.LSTM, also of a model that `shrink` made, becomes a `networks.sparse.CompiledLayers` of
    its weights as they are now, of a mask that is kept without what it removes. All else stays, a cell such as
    nn.LSTMCell too. The copy is in evaluation mode, and no gradient comes back through the layers.

    Parameters
    ----------
    model : torch.nn.Module
        With nn.RNN, nn.GRU or nn.LSTM inside, or one of them.
    form : {"auto", "sparse", "dense"}
        Each matrix as whichever is faster, without its zeros, or with them.

    Returns
    -------
    torch.nn.Module
        Called as the model is.

    Raises
    ------
    TypeError
        Of what is no module.
    ValueError
        Of a model without such layers, and by name of a layer that cannot be compiled: with projections, of another
        type or device, derived from torch's, with hooks or weights that are no parameters; of a Classifier, which has
        ``compiled`` of its own; as UnknownName of another form.

    Examples
    --------
    >>> import torch
    >>> from sparsekit.pruning import prune
    >>> model = nn.Sequential(nn.Embedding(128, 16), nn.LSTM(16, 50, batch_first=True))
    >>> _ = prune.magnitude(model, sparsity=0.9)
    >>> tokens = torch.randint(0, 128, (1, 40))
    >>> torch.allclose(compiled(model)(tokens)[0], model(tokens)[0], atol=1e-5)
    True
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"given a {type(model).__name__} to compile: give the torch.nn.Module itself")
    check_name("form", form, FORMS)
    if lost := hidden(model):
        raise ValueError(
            f"cannot see weights of {', '.join(lost)}: take the norm, parametrization or torch's pruning off"
        )
    memo = {}
    for path, module in model.named_modules():
        name = path or "the model"
        if isinstance(module, Classifier):
            raise ValueError(f"{name} is a Classifier of the kit's: call its own compiled()")
        if not isinstance(module, nn.RNNBase):
            continue
        keeper = module.__dict__.get(KEEPER)
        hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
        if not all(keeper and keeper in (hook, getattr(hook, "__self__", None)) for hook in hooks):
            raise ValueError(f"{name} has hooks, which compiled layers would not call: remove them first")
        try:
            memo[id(module)] = CompiledLayers(module, form)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if not memo:
        raise ValueError(f"{type(model).__name__} has no nn.RNN, nn.GRU or nn.LSTM inside: there is nothing to compile")
    return copy.deepcopy(model, memo).eval()
