"""Losses and data of the language models of Hugging Face's transformers."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from landscape.errors import DataError
from landscape.losses import IGNORED, labels_of, tensor_of
from landscape.trees import Tree

_MASKED = 0.15  # of the tokens, as in the training of BERT
_SEED = 0


def causal_lm_loss(outputs: Tree, batch: Tree) -> tuple[Tensor, Tensor]:
    """Return the loss of every token given those before it, and its weight.

    The mean over a batch is the loss that transformers computes for ``labels``, but in float64 and
    over all tokens of all batches.

    Args:
        outputs: What a causal language model returns; its logits have shape
            (sequences, tokens, vocabulary).
        batch: Labels, shape (sequences, tokens), or a dictionary with ``labels``; without these,
            ``input_ids`` where ``attention_mask`` is not 0. Labels of -100 do not count.

    Returns:
        Losses and weights (1 or 0), shape (sequences, tokens - 1).

    Example:
        >>> import torch, landscape
        >>> from landscape.hf import causal_lm_loss
        >>> model = torch.nn.Embedding(7, 7)  # its outputs are logits
        >>> tokens = torch.randint(7, (5, 4))
        >>> objective = landscape.Objective(model, causal_lm_loss, (tokens, tokens))
        >>> objective.has_standard_error
        True
    """
    return _losses(tensor_of(outputs)[:, :-1], _labels(batch)[:, 1:])


def masked_lm_loss(outputs: Tree, batch: Tree) -> tuple[Tensor, Tensor]:
    """Return the loss of every token that is to be predicted, and its weight.

    Args:
        outputs: What a masked language model returns; its logits have shape
            (sequences, tokens, vocabulary).
        batch: Labels, shape (sequences, tokens), or a dictionary with ``labels``. Labels of -100
            do not count.

    Returns:
        Losses and weights (1 or 0), shape (sequences, tokens).
    """
    return _losses(tensor_of(outputs), _labels(batch))


def text_batches(
    tokenizer: Any, text: str, sequence_length: int, *, masked: bool = False
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a text as inputs and labels of a language model.

    The text is cut into sequences of equal length; the last one is padded, and the padding does
    not count.

    Args:
        tokenizer: Tokenizer of transformers.
        text: The text.
        sequence_length: Tokens in a sequence, those that the tokenizer adds included.
        masked: For masked language models: 15 % of the tokens, the same ones in every call, are
            replaced by the mask and are to be predicted.

    Returns:
        Inputs and ``labels``: the data of an :class:`landscape.Objective`.

    Raises:
        DataError: The text is too short, or the tokenizer has no mask.
    """
    if masked and tokenizer.mask_token_id is None:
        raise DataError("the tokenizer has no mask: it is not one of a masked language model")
    tokens = tokenizer(text, add_special_tokens=not masked, verbose=False)["input_ids"]
    before, after = _around(tokenizer) if masked else ([], [])
    room = sequence_length - len(before) - len(after)
    if len(tokens) < 2 or room < 1:
        raise DataError(f"a text of {len(tokens)} tokens has no sequences of {sequence_length}")
    rows = [before + tokens[k : k + room] + after for k in range(0, len(tokens), room)]
    length = max(map(len, rows))
    padding = tokenizer.pad_token_id or 0
    ids = torch.tensor([row + [padding] * (length - len(row)) for row in rows])
    there = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    inputs = {"input_ids": ids}
    labels = ids.where(there == 1, IGNORED)
    if masked:
        inner = there.clone()
        for row, each in zip(inner, rows, strict=True):
            row[: len(before)] = row[len(each) - len(after) : len(each)] = 0
        chosen = _chosen(inner == 1)
        inputs["input_ids"] = ids.where(~chosen, tokenizer.mask_token_id)
        labels = ids.where(chosen, IGNORED)
    if not there.all():
        inputs["attention_mask"] = there
    return inputs, {"labels": labels}


def _labels(batch: Tree) -> Tensor:
    """Return the labels of a batch.

    Raises:
        DataError: It has none.
    """
    found = labels_of(batch)
    if isinstance(found, Mapping) and "input_ids" in found:
        ids, mask = found["input_ids"], found.get("attention_mask")
        found = ids if mask is None else ids.where(mask != 0, IGNORED)
    if not isinstance(found, Tensor) or found.dim() != 2:
        raise DataError("expected labels or input_ids of shape (sequences, tokens)")
    return found


def _losses(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    # One sequence at a time: the logits of all in float64 would be the most of the memory.
    values = [
        F.cross_entropy(row.double(), label, reduction="none", ignore_index=IGNORED)
        for row, label in zip(logits, labels, strict=True)
    ]
    return torch.stack(values), (labels != IGNORED).double()


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens that a tokenizer puts before and after a sequence."""
    one = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    first = next((k for k in range(len(whole)) if whole[k : k + len(one)] == one), 0)
    return whole[:first], whole[first + len(one) :]


def _chosen(possible: Tensor) -> Tensor:
    """Return 15 % of the places in every sequence, at least one."""
    generator = torch.Generator().manual_seed(_SEED)
    order = torch.rand(possible.shape, generator=generator).where(possible, 2.0).argsort(1)
    ranks = order.argsort(1)
    numbers = (_MASKED * possible.sum(1, keepdim=True)).round().clamp(min=1)
    return (ranks < numbers) & possible
