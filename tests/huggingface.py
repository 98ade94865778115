"""Small models, tokenizers and texts of Hugging Face, made without network."""

import random
from pathlib import Path
from typing import Any

import pytest

from landscape import libraries
from landscape.errors import LandscapeError

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "to", "house", "by", "river"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
LONGEST = 12


def library(name: str = "transformers") -> Any:
    """Return a library of Hugging Face; skip the test if it is not installed."""
    try:
        libraries.transformers()
    except LandscapeError as error:
        pytest.skip(str(error))
    return pytest.importorskip(name)


def text(num_words: int = 100) -> str:
    generator = random.Random(0)
    return " ".join(generator.choice(WORDS) for _ in range(num_words))


def tokenizer(*, masked: bool) -> Any:
    """Return a tokenizer of words; for masked models with special tokens at both ends."""
    tokenizers = library("tokenizers")
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    names = {"unk_token": "[UNK]"}
    if masked:
        own.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        names |= {"pad_token": "[PAD]", "mask_token": "[MASK]"}
    return library().PreTrainedTokenizerFast(tokenizer_object=own, **names)


def gpt2() -> Any:
    config = library().GPT2Config(
        vocab_size=len(VOCABULARY),
        n_positions=LONGEST,
        n_embd=8,
        n_layer=2,
        n_head=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    return library().GPT2LMHeadModel(config).eval()


def bert(vocabulary: int = len(VOCABULARY), length: int = LONGEST) -> Any:
    config = library().BertConfig(
        vocab_size=vocabulary,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=length,
    )
    return library().BertForMaskedLM(config).eval()


def vit(labels: int = 10) -> Any:
    config = library().ViTConfig(
        image_size=8,
        patch_size=4,
        num_channels=1,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=labels,
    )
    return library().ViTForImageClassification(config).eval()


def save(model: Any, folder: Path, own: Any = None) -> None:
    """Save a model, and its tokenizer if it has one."""
    library().logging.disable_progress_bar()
    model.save_pretrained(folder)
    if own is not None:
        own.save_pretrained(folder)
