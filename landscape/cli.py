"""The command line: lists the commands, imports them on use, prints errors as one line."""

import shlex
import signal
import sys
from difflib import get_close_matches
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click

from landscape import __version__, user_code
from landscape.commands.messages import with_options
from landscape.encoding import write_in_any_encoding
from landscape.errors import LandscapeError, first_line

VERBS = {
    "demo": "Show the surfaces of a plain and a residual network, without training.",
    "train": "Train networks on images.",
    "scan": "Evaluate the loss on a plane through trained parameters.",
    "merge": "Join the parts of a scan.",
    "curvature": "Compute eigenvalues, trace and spectral density of the Hessian.",
    "connect": "Find a low-loss curve between two trained networks (mode connectivity).",
    "plot": "Plot surfaces as static figures or animations.",
    "view": "Open an interactive page of surfaces side by side.",
    "experiment": "Re-run a claim of the literature, and say whether it held.",
    "compare": "Compare surfaces by height, sharpness and roughness.",
    "check": "Look for faults in surfaces: is the picture right?",
    "convert": "Read surfaces of other programs, and write surfaces for them.",
    "info": "Show the contents of a checkpoint or surface file.",
    "doctor": "Check what this machine computes, and how fast.",
}


class _Verbs(click.Group):
    """A group whose commands are imported on use: ``--help`` stays free of torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"landscape.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Commands are {', '.join(VERBS)}."
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="landscape %(version)s")
def group() -> None:
    """Visualize the loss landscape of neural networks.

    \b
    Example:
      landscape train plain56 resnet56 --data digits
      landscape scan runs/plain56/last.pt runs/resnet56/last.pt
      landscape view surfaces/plain56.h5 surfaces/resnet56.h5
    """


def main() -> NoReturn:
    """Run the command line and exit: 0, 1 (error), 2 (usage), 130 (Ctrl-C), 143 (SIGTERM)."""
    signal.signal(signal.SIGTERM, _terminate)
    write_in_any_encoding()
    try:
        sys.exit(group(standalone_mode=False))
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message(), 1)
    except LandscapeError as error:
        _fail(with_options(str(error)), 1)
    except (KeyboardInterrupt, click.Abort):
        _fail(f"interrupted{_how_to_resume()}", 130)
    except _Terminated:
        _fail(f"terminated{_how_to_resume()}", 143)
    except Exception as error:
        if failure := user_code.failure(error):
            _fail(f"your code failed: {failure}{_how_to_resume()}", 1)
        if _is_out_of_memory(error):
            _fail("out of memory: take fewer points, images or images per batch", 1)
        if isinstance(error, OSError):
            _fail(f"{error.filename or 'a file'}: {error.strerror or first_line(error)}", 1)
        raise  # a bug: a report of it needs the traceback


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, RuntimeError) and "torch" in sys.modules:
        from landscape.memory import is_out_of_memory

        return is_out_of_memory(error)
    return isinstance(error, MemoryError)


class _Terminated(BaseException):
    """SIGTERM came; passes through every ``except Exception``, like KeyboardInterrupt."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _how_to_resume() -> str:
    """Return how to resume after an interrupt, for commands that checkpoint their work."""
    words = [word for word in sys.argv[1:] if word != "--overwrite"]
    if words[:1] not in (["scan"], ["train"], ["connect"], ["experiment"]):
        return ""
    return f"; resume with: {shlex.join(['landscape', *words])}"


def _fail(text: str, code: int) -> NoReturn:
    one_line = " ".join(text.split())
    print(f"landscape: {one_line}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
