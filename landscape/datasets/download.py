"""Files of well-known data sets: from a user-supplied folder, or downloaded once into the cache.

What is read is checked against the official checksums of its content, so that a repacked archive
is accepted and one data set is never mistaken for another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from landscape.environment import DATA_DIR_VARIABLE
from landscape.errors import DataError

Reader = Callable[[str, Path | None], tuple[NDArray[Any], NDArray[Any]]]
"""``read("train" or "test", data_dir)``: images, shape (n, channels, h, w), and labels."""


@dataclass(frozen=True)
class Remote:
    """A file that can be downloaded."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rsplit("/", 1)[1]

    def find(self, data_dir: Path | None, other_names: tuple[str, ...] = ()) -> Path:
        """Return the path of this file, or of the same under another name; else download it.

        Raises:
            DataError: It cannot be downloaded, or is damaged.
        """
        import pooch

        cache = Path(pooch.os_cache("landscape"))
        for name in (*other_names, self.name):
            path = (data_dir or cache) / name
            if path.exists():
                return path
        if data_dir is not None:
            raise DataError(f"{data_dir} holds no {self.name}: put it there, from {self.url}")
        pooch.get_logger().setLevel("WARNING")
        try:
            return Path(pooch.retrieve(self.url, f"md5:{self.md5}", self.name, cache))
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot download {self.name} ({type(error).__name__}): put the file from "
                f"{self.url} into {cache}, or into a folder given by data_dir or "
                f"{DATA_DIR_VARIABLE}"
            ) from error
