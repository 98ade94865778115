"""What the examples behind a loss are called, and whether it is a mean over tokens."""

from dataclasses import dataclass

from landscape.facts import Facts

TOKEN_LOSSES = ("causal_lm_loss", "masked_lm_loss")
"""Names of the losses of :mod:`landscape.hf`, in nats per token."""


@dataclass(frozen=True)
class Unit:
    """What examples are called.

    Attributes:
        name: Their name, in the plural.
        size: What one consists of, if known, as ``64 tokens``.
    """

    name: str
    size: str = ""

    def counted(self, num: int) -> str:
        """Return a number of them as text.

        Args:
            num: The number.

        Example:
            >>> Unit("sequences", "64 tokens").counted(239), Unit("images").counted(1)
            ('239 sequences of 64 tokens', '1 image')
        """
        return f"{num} {self.single if num == 1 else self.name}" + f" of {self.size}" * bool(
            self.size
        )

    @property
    def single(self) -> str:
        """Their name in the singular."""
        return self.name.removesuffix("s")

    def renamed(self, key: str) -> str:
        """Return the name of a fact, which files always have for images, with their name.

        Args:
            key: Name of a fact.

        Example:
            >>> Unit("sequences").renamed("images_per_batch")
            'sequences_per_batch'
        """
        return key.replace("images", self.name)


def unit_of(settings: Facts, provenance: Facts) -> Unit:
    """Return what the examples of a scan are called, as far as its facts determine it.

    Those of a text are sequences. Data sets that are known by name consist of images;
    user-supplied files may hold anything. In Python data have no name: those of a classification
    are called images, as in files of earlier versions.

    Args:
        settings: Facts that the values depend on.
        provenance: Further facts.

    Example:
        >>> unit_of({"data": "notes.txt", "sequence_length": 64}, {})
        Unit(name='sequences', size='64 tokens')
        >>> unit_of({"data": "cifar10"}, {}).name, unit_of({"data": "mine.npz"}, {}).name
        ('images', 'examples')
    """
    length = settings.get("sequence_length")
    if length is not None:
        return Unit("sequences", f"{length} tokens")
    if is_per_token(settings):
        return Unit("sequences")
    data = settings.get("data")
    if data is None:
        return Unit("images" if "classes" in provenance else "examples")
    is_own = ".py:" in str(data) or str(data).endswith(".npz")
    return Unit("examples" if is_own else "images")


def is_per_token(settings: Facts) -> bool:
    """Return whether the loss is a cross entropy of tokens, of :mod:`landscape.hf`.

    Args:
        settings: Facts that the values depend on.
    """
    return settings.get("loss") in TOKEN_LOSSES
