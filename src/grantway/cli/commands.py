"""What every command shares: the options for all of them, and the errors that name the next command."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

FAILED, USAGE, NOT_FOUND, REFUSED, CONFLICT, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130
_TITLES = {
    FAILED: "failed",
    USAGE: "usage",
    NOT_FOUND: "not-found",
    REFUSED: "refused",
    CONFLICT: "conflict",
    UNREACHABLE: "unreachable",
    INTERRUPTED: "interrupted",
}


_SENTENCE = re.compile(r".*?[.?](?=\s|$)")


class Failure(click.ClickException):
    """A command did not do what was asked. Every one ends with a hint that names what to do next."""

    def __init__(self, message: str, *, hint: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


@dataclass(slots=True)
class Choices:
    """The options that every command takes."""

    config: Path | None = None
    json: bool = False
    yes: bool = False
    quiet: bool = False
    asking: bool = True  # may questions be asked? On a terminal only, and not under --no-input
    color: bool | None = None


def choices() -> Choices:
    """Those of the running command."""
    found: Choices = click.get_current_context().find_root().ensure_object(Choices)
    return found


def _remember(**value: object) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Note this value when the flag is given; for None, what was given."""

    def callback(context: click.Context, _: click.Parameter, given: Any) -> None:
        if given:
            chosen = context.find_root().ensure_object(Choices)
            for name, fixed in value.items():
                setattr(chosen, name, given if fixed is None else fixed)

    return callback


def _switch(flag: str, text: str, **value: object) -> click.Option:
    return click.Option([flag], is_flag=True, expose_value=False, callback=_remember(**value), help=text)


def _shared_options() -> list[click.Option]:
    path = click.Path(dir_okay=False, path_type=Path)
    text = "Configuration file instead of the one that is found."
    return [
        click.Option(["--config"], type=path, expose_value=False, callback=_remember(config=None), help=text),
        _switch("--json", "JSON on stdout, and errors as JSON on stderr.", json=True),
        _switch("--quiet", "Print ids only.", quiet=True),
        _switch("--yes", "Do not ask before something that cannot be undone.", yes=True),
        _switch("--no-input", "Never ask for anything.", asking=False),
        _switch("--no-color", "No colour; NO_COLOR does the same.", color=False),
    ]


class Leaf(click.Command):
    """A command that does something."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {flag for param in self.params for flag in param.opts}
        self.params += [option for option in _shared_options() if option.opts[0] not in own]


class Noun(click.Group):
    """A group of commands about one kind of thing."""

    command_class = Leaf
    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its whole first sentence, which click would cut at the edge of the window."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(one.help or "")) for name, one in found if one])


class Lazy(Noun):
    """The root: imports the module of a command when it is asked for, and tells every error the same way."""

    def __init__(self, *args: Any, places: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = places
        self.params += _shared_options()

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in self._places:
            return None
        module, _, name = self._places[cmd_name][0].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._places.items()])

    def main(self, args: Sequence[str] | None = None, **kwargs: Any) -> NoReturn:  # type: ignore[override]
        """Run, and leave with the exit code that says how it went."""
        given = list(sys.argv[1:] if args is None else args)
        try:
            outcome = super().main(given, **{**kwargs, "standalone_mode": False})
            code = outcome if isinstance(outcome, int) else 0
        except click.exceptions.Exit as done:
            code = done.exit_code
        except (click.Abort, KeyboardInterrupt):
            code = _tell(Failure("interrupted", hint="nothing more was done", code=INTERRUPTED), given)
        except click.exceptions.NoArgsIsHelpError as bare:  # `grantway app`: which commands there are
            click.echo(bare.ctx.get_help(), err=True)
            code = USAGE
        except click.ClickException as failure:
            code = _tell(failure, given)
        except BrokenPipeError:  # the reader of our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        sys.exit(code)


def _first_sentence(text: str) -> str:
    whole = " ".join(text.partition("\n\n")[0].split())
    ended = _SENTENCE.match(whole)
    return ended[0] if ended else whole


def _tell(failure: click.ClickException, given: Sequence[str]) -> int:
    code = failure.code if isinstance(failure, Failure) else failure.exit_code
    context = getattr(failure, "ctx", None)
    help_command = f"{context.command_path if context else 'grantway'} --help"
    hint = failure.hint if isinstance(failure, Failure) else f"{help_command} shows how it is written"
    message = printable(failure.format_message())
    if "--json" in given:
        title = _TITLES.get(code, "failed")
        problem = {"type": f"urn:grantway:cli:{title}", "title": title, "detail": message, "hint": hint}
        click.echo(json.dumps(problem, ensure_ascii=False), err=True)
    else:
        click.echo(f"{click.style('error:', fg='red')} {message}", err=True, color=wants_color(sys.stderr))
        click.echo(f"{click.style('hint:', fg='cyan')} {hint}", err=True, color=wants_color(sys.stderr))
    return code


def printable(text: str) -> str:
    """The text without what would steer a terminal: names and titles come from documents of others (T2)."""
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def wants_color(stream: Any) -> bool:
    """Should this stream get colour? NO_COLOR and FORCE_COLOR are obeyed."""
    if os.environ.get("NO_COLOR") or "--no-color" in sys.argv:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def sure(question: str) -> None:
    """Ask before something that cannot be undone. Raises Failure when nobody can be asked, or says no."""
    chosen = choices()
    if chosen.yes:
        return
    if not (chosen.asking and sys.stdin.isatty()):
        raise Failure(f"not done without an answer: {question}", hint="add --yes", code=USAGE)
    if not click.confirm(question, err=True):
        raise Failure("nothing was done", hint="answer y, or add --yes", code=FAILED)
