"""Run the code blocks of a page: Python in one namespace, commands by the command line."""

import doctest
import re
import shlex
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

import click

from landscape.cli import group
from tests.docs.code_blocks import CONSOLE, PYTHON, SHELL, Block, commands, without_assignments
from tests.huggingface import library

_OPEN = re.compile(r"\$|\.[a-z]\w*$")  # a variable, or a file that need not exist
_CUT = {"|", "||", "&&", ">", ">>", "2>", "2>&1", ";", "&", "<"}


class Page:
    """The state in which the blocks of a page run, in the present folder.

    Args:
        path: Of the page, for messages.
        landscape: Runs the command line with these arguments; returns its exit code and output.
    """

    def __init__(self, path: Path, landscape: Callable[..., Any]) -> None:
        self.path, self.landscape = path, landscape
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def take(self, block: Block) -> None:
        """Run a block, or parse it if it is marked as not run.

        Raises:
            AssertionError: It fails, or can be neither run nor left out.
        """
        place = f"{self.path}:{block.line}"
        assert block.language not in {"indented", "directive"}, (
            f"{place}: write a fence with a language"
        )
        if block.file is not None and block.not_run is None:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        if block.language in PYTHON | {"setup"}:
            self._python(block, runs=block.not_run is None and block.file is None)
        elif block.language in SHELL | CONSOLE:
            for line in commands(block):
                if block.not_run is None:
                    self._run(line, place)
                else:
                    parse(line, place)

    def _python(self, block: Block, *, runs: bool) -> None:
        if ">>>" in block.text:
            if runs:
                self._doctest(block)
            return
        lines = "\n" * (block.line - 1)  # so that errors have the lines of the page
        code = compile(lines + block.text, str(self.path), "exec", dont_inherit=True)
        if runs:
            for name in re.findall(r"^(?:from|import) (transformers|peft)", block.text, re.M):
                library(name)
            exec(code, self.names)

    def _doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text, self.names, self.path.name, str(self.path), block.line - 1
        )
        failures: list[str] = []
        doctest.DocTestRunner().run(test, out=failures.append, clear_globs=False)
        self.names.update(test.globs)
        assert not failures, "".join(failures)

    def _run(self, line: str, place: str) -> None:
        words = shlex.split(line, comments=True)
        runnable = words[0] == "landscape" and not _CUT & set(words) and "$" not in line
        assert runnable, f"{place}: only landscape commands are run; mark the block: {line}"
        arguments = [name for word in words[1:] for name in sorted(glob(word)) or [word]]
        done = self.landscape(*arguments)
        assert done.returncode == 0, f"{place}: {line}\n{done.stdout}\n{done.stderr}"


def parse(line: str, place: str) -> None:
    """Check that a command exists with these options, and that their values can be converted.

    Raises:
        AssertionError: It does not.
    """
    words = shlex.split(without_assignments(line), comments=True)
    if words[:1] != ["landscape"] or len(words) == 1:
        return
    end = next((k for k, word in enumerate(words) if word in _CUT), len(words))
    arguments = words[1:end]
    context = click.Context(group, info_name="landscape", resilient_parsing=True)
    if arguments[0].startswith("-"):
        command: click.Command = group
    else:
        found = group.get_command(context, arguments.pop(0))
        assert found is not None, f"{place}: no such command: {line}"
        command = found
    context = click.Context(command, info_name=command.name)
    try:
        values = command.make_parser(context).parse_args(list(arguments))[0]
        for param in command.params:
            value = values.get(param.name or "")
            given = value if isinstance(value, list | tuple) else [value]
            texts = [text for text in given if isinstance(text, str)]
            for text in texts:
                if not isinstance(param.type, click.Path) and not _OPEN.search(text):
                    param.type.convert(text, param, context)
            assert texts or not param.required, f"{param.name} is missing"
    except (click.UsageError, AssertionError) as error:
        reason = error.format_message() if isinstance(error, click.UsageError) else error
        raise AssertionError(f"{place}: {line}: {reason}") from None
