"""`grantway init`: the files of a new server."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grantway.cli.commands import CONFLICT, USAGE, Failure, Leaf, choices
from grantway.cli.printing import note, show_json
from grantway.cli.toml_words import toml_value
from grantway.protocol.durations import show_duration

if TYPE_CHECKING:
    from grantway.settings import Option

KEY_NAME = "grantway.key"
DEV_ISSUER = "http://localhost:8600"
_API = "https://api.example/photos"


@click.command(cls=Leaf)
@click.option("--issuer", metavar="URL", help="Public https:// address of the server.")
@click.option(
    "--db",
    "database",
    metavar="URL",
    default="sqlite:///grantway.db",
    show_default=True,
    help="sqlite:///file.db or postgresql://user@host/name.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Where to write them.",
)
@click.option("--dev", is_flag=True, help="For this machine alone: plain http on loopback.")
@click.option("--force", is_flag=True, help="Replace a configuration file. A master key is never replaced.")
def init(*, issuer: str | None, database: str, folder: Path, dev: bool, force: bool) -> None:
    """Write a commented grantway.toml and a master key for a new server."""
    from grantway.settings_keys import write_new_key
    from grantway.settings_rules import issuer_problem
    from grantway.settings_sources import FILE_NAME

    if issuer is None:
        issuer = DEV_ISSUER if dev else _asked_issuer()
    if problem := issuer_problem(issuer, dev=dev):
        raise Failure(f"issuer: {problem}", hint=_better_issuer(issuer, dev=dev), code=USAGE)
    config, key = folder / FILE_NAME, folder / KEY_NAME
    if config.exists() and not force:
        raise Failure(f"{config} exists", hint="--force replaces it, but not the master key", code=CONFLICT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = key.exists()
        if not kept:
            write_new_key(key)
        config.write_text(configuration(issuer, database, dev=dev), "utf-8")
    except OSError as failed:
        raise Failure(f"{failed.filename}: {failed.strerror}", hint="choose another --dir") from None
    if choices().json:
        show_json({"config": str(config), "key_file": str(key), "issuer": issuer})
        return
    click.echo(f"  Wrote {config}" + (f"; kept {key}" if kept else f" and {key} (0600)"))
    click.echo("  Keep the key apart from the database: without it, a backup cannot be used.")
    _say_what_is_next("" if folder == Path() else f" --config {config}", database)
    if not dev:
        note("It listens on 127.0.0.1:8600; put a reverse proxy that speaks TLS in front of it.")


def _asked_issuer() -> str:
    if not (choices().asking and sys.stdin.isatty()):
        raise Failure(
            "no issuer: nobody can be asked here", hint="add --issuer https://id.example", code=USAGE
        )
    answer: str = click.prompt("Public address of this server (https://…)", err=True)
    return answer


def _say_what_is_next(at: str, database: str) -> None:
    click.echo("  Next")
    if database.startswith("postgres"):
        click.echo(f"    grantway{at} db upgrade")
    click.echo(
        f"    grantway{at} api create photos --audience {_API} --scope 'photos:read=See your photos' "
        "--rule 'GET /photos photos:read'"
    )
    click.echo(f"    grantway{at} app create NAME --redirect-uri https://… --scope photos:read")
    click.echo(f"    grantway{at} user add YOU")
    click.echo(f"    grantway{at} serve")


def _better_issuer(issuer: str, *, dev: bool) -> str:
    """What to write instead of an address that cannot be an issuer."""
    from grantway.settings_rules import issuer_problem

    for written, flag in ((issuer.rstrip("/"), dev), (f"https://{issuer}".rstrip("/"), dev), (issuer, True)):
        if not issuer_problem(written, dev=flag):
            return f"--issuer {written}" if flag == dev else f"--dev --issuer {written}"
    return "an address such as https://id.example; for this machine alone: grantway init --dev"


def configuration(issuer: str, database: str, *, dev: bool = False) -> str:
    """A configuration file with every option, those that are not used as comments."""
    from grantway.settings import SECTIONS, options

    chosen: dict[str, object] = {"issuer": issuer, "database.url": database, "secrets.key_file": KEY_NAME}
    chosen |= {"dev": True} if dev else {}
    lines = [
        "# Settings of a Grantway server; paths are relative to this file. Every one can also be given as",
        "# an environment variable: GRANTWAY_ISSUER, GRANTWAY_SERVER__PORT, … (`grantway settings`).",
        "",
    ]
    section = ""
    for option in options():
        head, _, name = option.key.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"[{section}]", f"# {_first_line(SECTIONS[section].__doc__)}"]
        lines.append(f"# {option.help}")
        if option.key in chosen:
            lines.append(f"{name} = {toml_value(chosen[option.key])}")
        else:
            lines.append(f"#{name} = {_default(option)}")
    lines += [
        "",
        "# Apps, APIs and people can stand here too, or in the file of `registry`:",
        "#[[apis]]",
        '#name = "photos"',
        f"#audience = {toml_value(_API)}",
        '#scopes = [{ name = "photos:read", description = "See your photos", default = true }]',
        "",
    ]
    return "\n".join(lines)


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def _default(option: "Option") -> str:
    value = option.default
    if option.kind in {"duration", "seconds"} and isinstance(value, int | float):
        return toml_value(show_duration(value))
    return toml_value("" if value is None else value)
