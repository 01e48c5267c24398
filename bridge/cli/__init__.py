"""The command line: one verb, one file.

A verb's module holds a function of the verb's name, written as Typer wants it. It is imported when the verb is
called and not before, so that `--help` is quick and one verb's needs are no other's. Its docstring is its `--help`,
and ends with a paragraph "Example:", whose lines are kept as they stand.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from bridge import __version__
from bridge.cli.exits import Exit, code_of, epilog
from bridge.errors import ClusterMismatch, ConfigError, OddsbridgeError

VERBS = {
    "run": "carry the streams into Kafka until told to stop",
    "check": "is all there that the bridge needs: configuration, OpticOdds, Kafka, topics",
    "topics": "compare the topics with the plan; make the missing ones",
    "simulate": "serve an OpticOdds to develop against, with faults on demand",
    "demo": "see it all work: an embedded Kafka, the simulator, the daemon killed and resumed",
}
"""Each verb and its line in `--help`; its module has the same name."""


class _Completion(NamedTuple):
    """What a shell offers; Click's own class of this shape is not to be had from Typer."""

    value: str
    help: str


class _Verbs(TyperGroup):
    """Finds a verb's module when the verb is called; lists the verbs without importing any."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(VERBS)  # type: ignore[assignment]  # only the names: for "did you mean"

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # Typer hides its Context's base
        del ctx
        return list(VERBS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        del ctx
        if cmd_name not in VERBS:
            return None
        verb = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        function = getattr(import_module(f"bridge.cli.{cmd_name}"), cmd_name)
        verb.command(cmd_name, help=_help_of(function))(function)
        return typer.main.get_command(verb)

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """The verbs, or the options that may stand before one; Typer's own would import every verb for its line."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)  # type: ignore[no-any-return, unused-ignore]
        return [_Completion(verb, line) for verb, line in VERBS.items() if verb.startswith(incomplete)]

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def format_epilog(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        del ctx
        formatter.write_paragraph()
        for line in epilog().splitlines():
            formatter.write(f"{line}\n")


app = typer.Typer(
    cls=_Verbs,
    name="oddsbridge",
    no_args_is_help=True,
    rich_markup_mode=None,
    # Typer's own tracebacks show local variables, and one of them may be the key.
    pretty_exceptions_enable=False,
)


def _help_of(verb: Callable[..., None]) -> str:
    """A verb's docstring; Typer joins the lines of a paragraph unless a backspace stands before it."""
    return inspect.cleandoc(verb.__doc__ or "").replace("\n\nExample:\n", "\n\n\b\nExample:\n")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 — called by Typer
    if wanted:
        typer.echo(f"oddsbridge {__version__}")
        raise typer.Exit


@app.callback(context_settings={"help_option_names": ["-h", "--help"]})
def _oddsbridge(
    version: Annotated[  # noqa: FBT002 — Typer reads it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Carries the OpticOdds streams into Apache Kafka, exactly once."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code.

    An error that the bridge foresees is a plain sentence on stderr; only one that it doesn't has a traceback.
    """
    try:
        typer.main.get_command(app).main(args=arguments, prog_name="oddsbridge")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else Exit.OK
    except OddsbridgeError as error:
        sys.stderr.write(f"oddsbridge: {_told(error)}\n")
        return code_of(error)
    except Exception as error:  # noqa: BLE001 — the last resort, which keeps secrets out of the traceback
        from bridge.logs import hidden  # noqa: PLC0415 — `--help` doesn't need it

        sys.stderr.write(hidden(traceback.format_exc()))
        sys.stderr.write("oddsbridge: this is a bug; please report it with the lines above\n")
        return code_of(error)
    return Exit.OK


def _told(error: OddsbridgeError) -> str:
    lines = str(error).splitlines()
    if len(lines) < 2 or not isinstance(error, ConfigError | ClusterMismatch):  # others quote logs in their lines
        return str(error)
    return f"{len(lines)} things to mend:\n" + "\n".join(f"  {line}" for line in lines)
