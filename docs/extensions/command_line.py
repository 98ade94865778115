"""The reference of the command line: the help of every command, made when the site is built."""

import click
from sphinx.application import Sphinx

from landscape.cli import VERBS, group

PLACE = "<!-- the help of every command -->"
_COLUMNS = 78  # as click takes it on a terminal of 80


def help_text(*verbs: str) -> str:
    """Return what ``landscape VERB --help`` prints.

    Args:
        verbs: One, or none for the help of the program.
    """
    context = _context(group, "landscape")
    for verb in verbs:
        command = group.get_command(context, verb)
        assert command is not None, verb  # noqa: S101
        context = _context(command, verb, context)
    return context.command.get_help(context)


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    settings = {"terminal_width": _COLUMNS, **command.context_settings}
    return click.Context(command, parent, name, **settings)


def _sections() -> str:
    texts = [f"```text\n{help_text()}\n```"]
    texts += [f"## landscape {verb}\n\n```text\n{help_text(verb)}\n```" for verb in VERBS]
    return "\n\n".join(texts)


def _fill(_app: Sphinx, _name: str, source: list[str]) -> None:
    source[0] = source[0].replace(PLACE, _sections()) if PLACE in source[0] else source[0]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}
