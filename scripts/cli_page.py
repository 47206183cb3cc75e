"""docs/reference/cli.md, made from the commands themselves."""

import inspect
from collections.abc import Iterator

import click

from grantway.cli.commands import Leaf
from grantway.cli.main import cli
from scripts.made_pages import FOLDER, cell, table

PAGE = FOLDER / "cli.md"
_HEAD = """# Command line

Made from the commands themselves by `make pages`; do not edit. `grantway COMMAND --help` prints the same.

"""
_SHARED = "Every command takes these:"


def page() -> str:
    """The whole page."""
    root = click.Context(cli, info_name="grantway")
    shared = Leaf("shared").params
    names = {param.name for param in shared}
    found = list(commands(cli, root))
    parts = [_HEAD + _told(cli), f"{_SHARED}\n\n{_options(root, shared)}", _contents(found)]
    parts += [_section(context, command, names) for context, command in found]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def commands(group: click.Group, parent: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command that does something, with its context, in the order of the help pages."""
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is None:
            raise LookupError(name)
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from commands(command, context)
        else:
            yield context, command


def _contents(found: list[tuple[click.Context, click.Command]]) -> str:
    rows = []
    for context, command in found:
        path = context.command_path
        rows.append((f"[`{path}`](#{path.replace(' ', '-')})", cell(command.get_short_help_str(limit=200))))
    return table(("command", "what it does"), rows)


def _section(context: click.Context, command: click.Command, shared: set[str | None]) -> str:
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    own = [param for param in command.params if param.name not in shared]
    parts = [f"## {context.command_path}", f"```text\n{usage}\n```", _told(command).rstrip()]
    if options := _options(context, own):
        parts.append(options.rstrip())
    return "\n\n".join(parts) + "\n"


def _told(command: click.Command) -> str:
    """The help text as Markdown: a paragraph that keeps its lines is a block of code."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return (
        "\n\n".join(
            "```text\n" + text.removeprefix("\b\n") + "\n```" if text.startswith("\b") else text
            for text in paragraphs
        )
        + "\n"
    )


def _options(context: click.Context, params: list[click.Parameter]) -> str:
    rows = []
    for param in params:
        if (
            isinstance(param, click.Option)
            and not param.hidden
            and (record := param.get_help_record(context))
        ):
            written, meaning = record
            rows.append((f"`{cell(written)}`", cell(meaning)))
    return table(("option", "meaning"), rows) if rows else ""
