"""Messages and errors of the library, in the terms of the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from landscape import user_code

_OPTIONS = {
    "overwrite=True": "--overwrite",
    "another path": "another --out",
    "planes.pca": "--plane pca",
    "grid=(401, 1)": "--line",
    "quantities=('loss', 'curvature')": "--curvature",
    "kind='line'": "--kind line",
    "smaller images_per_batch": "smaller --images-per-batch",
    "save_every=N": "--save-every N",
    "key='NAME'": "--key NAME",
    "pattern='": "--pattern '",
    "split='test'": "--split test",
    "split='train'": "--split train",
    "align_rows=True": "--align-rows",
    "alpha=(-1, 1)": "--alpha=-1:1",
    "): name one": "): give --trajectory NAME",
    "given by data_dir": "given by --data-dir",
}


def with_options(message: str) -> str:
    """Return a message with the options that stand for the parameters it names.

    Args:
        message: A message of the library.
    """
    for parameter, option in _OPTIONS.items():
        message = message.replace(parameter, option)
    return message


@contextmanager
def usage_errors() -> Iterator[None]:
    """Convert ValueError to click.UsageError, except when user code raised it."""
    try:
        yield
    except ValueError as error:
        if user_code.failure(error) is not None:
            raise
        raise click.UsageError(with_options(str(error))) from error
