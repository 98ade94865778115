"""Messages of the library, in the terms of the command line."""

_OPTIONS = {
    "overwrite=True": "--overwrite",
    "another path": "another --out",
    "planes.pca": "--plane pca",
    "grid=(401, 1)": "--line",
    "quantities=('loss', 'curvature')": "--curvature",
    "kind='line'": "--kind line",
    "smaller images_per_batch": "smaller --images-per-batch",
    "save_every=N": "--save-every N",
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
