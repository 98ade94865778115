"""The text of ``--text``, as sequences of tokens for a language model."""

from dataclasses import dataclass
from pathlib import Path

import click

from landscape import hf, trees
from landscape.commands.loaded import Examples, LoadedModel
from landscape.commands.options import given
from landscape.errors import DataError
from landscape.facts import Facts


@dataclass(frozen=True)
class Text:
    """A text, cut into sequences.

    Attributes:
        path: Its file.
        sequence_length: Tokens in a sequence.
    """

    path: Path
    sequence_length: int

    def examples(self, net: LoadedModel, num: int | None) -> Examples:
        """Return the sequences for a language model.

        Args:
            net: The model, whose tokenizer is used.
            num: Number of sequences, from the first on; None for all.

        Raises:
            DataError: The file cannot be read, or holds fewer sequences.
            click.UsageError: The model is none of language, or takes shorter sequences.
        """
        if net.library is None or net.library.predicts == "image":
            raise click.UsageError("--text is for language models: hf:PATH_OR_NAME")
        length, longest = self.sequence_length, net.library.longest
        if longest is not None and length > longest:
            if given("sequence_length"):
                raise click.UsageError(f"--sequence-length {length}: the model takes {longest}")
            length = longest
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise DataError(f"{self.path}: no such file", path=self.path) from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path}: expected a text in UTF-8: {error}") from error
        is_masked = net.library.predicts == "masked"
        data = hf.text_batches(net.library.tokenizer(), text, length, masked=is_masked)
        found = len(data[0]["input_ids"])
        if num is not None and num > found:
            raise DataError(f"{num} sequences asked of {self.path}, it has {found}")
        facts: Facts = {"net": net.name, "data": self.path.name, "sequence_length": length}
        return Examples(trees.taken(data, slice(num)), facts)
