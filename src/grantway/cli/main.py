"""`grantway`: the list of commands. None of their modules is imported before it is needed."""

import click

from grantway import __version__
from grantway.cli.commands import Lazy

PLACES = {
    "demo": ("grantway.cli.demo:demo", "Try it: the server, a sample app and a sample API"),
    "init": ("grantway.cli.init:init", "Write a configuration file and a master key"),
    "serve": ("grantway.cli.serve:serve", "Run the server"),
    "app": ("grantway.cli.apps:app", "Register client apps, change them, change their secrets"),
    "api": ("grantway.cli.apis:api", "Register APIs with their scopes, and ask what may pass"),
    "user": ("grantway.cli.people:user", "People with a local account"),
    "keys": ("grantway.cli.keys:keys", "Signing keys and master keys"),
    "sessions": ("grantway.cli.sessions:sessions", "Where people are signed in, and how to end it"),
    "grants": ("grantway.cli.grants:grants", "What people allowed apps, and how to take it back"),
    "import": ("grantway.cli.imports:import_", "Bring apps, APIs and people in from a file"),
    "db": ("grantway.cli.db:db", "Upgrade, check and back up the database"),
    "logs": ("grantway.cli.refusals:logs", "Refused requests: what differed, and what puts it right"),
    "token": ("grantway.cli.tokens:token", "Look into a token"),
    "settings": ("grantway.cli.settings:settings", "Every setting, with its meaning and default"),
    "config": ("grantway.cli.settings:config", "The settings in force, and where they came from"),
    "doctor": ("grantway.cli.doctor:doctor", "Is it set up as it should be? Says what to do next"),
    "healthcheck": ("grantway.cli.health:healthcheck", "Is the server ready? Tells by its exit code"),
}


@click.command(cls=Lazy, places=PLACES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="grantway")
def cli() -> None:
    """Grantway, an OAuth 2.0 / 2.1 authorization server.

    \b
    Start here:  grantway demo     everything on this machine, to click through
                 grantway init     a server of your own

    Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 conflict or drift, 6 unreachable.
    """  # noqa: D301 - click wants the character


def main() -> None:
    """The entry point of the installed command."""
    cli.main(prog_name="grantway")
