"""Help of commands with many options: in groups, all of them or the most used ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import click


class Verb(click.Command):
    """A command whose ``--help`` shows all options in groups, and ``-h`` the most used ones.

    Args:
        groups: Names of parameters by title of their group; each option is in one.
        essential: Names of the parameters that ``-h`` shows.
    """

    def __init__(
        self,
        *args: Any,
        groups: Mapping[str, Sequence[str]],
        essential: Sequence[str],
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.groups, self.essential = groups, essential
        self._short = self._flag("-h", "Show the most used options.")
        self._long = self._flag("--help", "Show all options.")

    def _flag(self, flag: str, text: str) -> click.Option:
        def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
            if wanted and not ctx.resilient_parsing:
                ctx.meta[_SHORT] = flag == "-h"
                click.echo(ctx.get_help(), color=ctx.color)
                ctx.exit()

        return click.Option(
            [flag, "short_help" if flag == "-h" else "long_help"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=show,
            help=text,
        )

    def get_help_option(self, ctx: click.Context) -> click.Option:  # noqa: D102
        return self._long

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:  # noqa: D102
        return [*self.params, self._short, self._long]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, below the titles of their groups."""
        params = {str(param.name): param for param in self.get_params(ctx)}
        if ctx.meta.get(_SHORT):
            sections = {"Most used options": [*self.essential, "long_help"]}
        else:
            sections = {title: list(names) for title, names in self.groups.items()}
            sections["Help"] = ["short_help", "long_help"]
        for title, names in sections.items():
            records = [params[name].get_help_record(ctx) for name in names]
            with formatter.section(title):
                formatter.write_dl([record for record in records if record])


_SHORT = f"{__name__}.short"
