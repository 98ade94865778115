"""``landscape view``."""

import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from landscape import page
from landscape.commands.options import PATH, scale_options
from landscape.commands.surfaces import report_left_out
from landscape.errors import SurfaceFileError
from landscape.page.catalog import Shelf
from landscape.page.server import Server


@click.command()
@click.argument("paths", metavar="SURFACE...|FOLDER", nargs=-1, required=True, type=PATH)
@click.option(
    "--html",
    type=PATH,
    help="Write the page to a file that works offline, and exit.",
)
@click.option(
    "--open/--no-open",
    "open_browser",
    default=None,
    help="Open the page in the browser, on a machine with a display.  [default: without --html]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the live page.  [default: a free one]",
)
@click.option("--wait", is_flag=True, help="Wait for files that do not exist yet.")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when stdin does.")
@scale_options
def command(
    paths: tuple[Path, ...],
    html: Path | None,
    open_browser: bool | None,
    port: int | None,
    wait: bool,
    with_parent: bool,
    **options: Any,
) -> None:
    """Open an interactive page of surfaces side by side, or a gallery of a folder.

    The page updates while a scan is running. It is served to this machine only, until Ctrl-C.
    With --html it is written to one file instead.

    \b
    Example:
      landscape view surfaces/plain56.h5 surfaces/resnet56.h5
      landscape view surfaces
      landscape view surfaces/resnet56.h5 --html resnet56.html
    """
    if any(path.is_dir() for path in paths) and len(paths) > 1:
        raise click.UsageError("give surfaces, or one folder")
    is_folder = paths[0].is_dir()
    if html is not None and (port is not None or wait):
        raise click.UsageError("--port and --wait are for the live page, without --html")
    shelf = Shelf(paths, wait=wait)
    surfaces = shelf.load() if html is not None else {}
    report_left_out(shelf.left_out)
    if html is not None:
        if not surfaces:
            raise SurfaceFileError(f"{paths[0]} holds no surface: scan one into it first")
        written = page.view(
            *surfaces.values(),
            html=html,
            names=list(surfaces),
            files=shelf.files,
            gallery=is_folder,
            open_browser=open_browser or False,
            **options,
        )
        click.echo(written)
        return
    try:
        server = Server(shelf, paths, port=port, **options)
    except OSError as error:
        raise click.ClickException(f"port {port}: {error.strerror}; give another --port") from error
    click.echo(server.address)
    click.echo("the page is live until Ctrl-C", err=True)
    if open_browser is not False:
        page.open_in_browser(server.address)
    if with_parent:
        threading.Thread(target=_end_with_stdin, args=[server], daemon=True).start()
    with suppress(KeyboardInterrupt):  # the usual end
        server.run()


def _end_with_stdin(server: Server) -> None:
    """Stop the server when the process that started it is gone, however it went."""
    sys.stdin.read()
    server.shutdown()
