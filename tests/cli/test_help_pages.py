"""Help is what newcomers read first: no mark-up of the library shows in it."""

import click
import pytest

from grantway.cli.main import cli


def pages(command, words=(), parent=None):
    context = click.Context(command, info_name=" ".join(words) or "grantway", parent=parent)
    yield " ".join(words), command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from pages(command.get_command(context, name), (*words, name), context)


PAGES = dict(pages(cli))


@pytest.mark.parametrize("words", PAGES, ids=lambda words: words or "grantway")
def test_a_help_page_reads_as_text(words):
    assert "\\" not in PAGES[words]
    assert "\b" not in PAGES[words]


@pytest.mark.parametrize("words", PAGES, ids=lambda words: words or "grantway")
def test_no_sentence_about_a_command_is_cut(words):
    cut = [line for line in PAGES[words].splitlines() if line.endswith("...") and "[ARGS]" not in line]
    assert cut == []


def test_every_command_is_among_them():
    assert {"serve", "app create", "api check", "user add", "keys rotate", "db backup"} <= PAGES.keys()
