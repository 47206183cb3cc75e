"""`grantway logs`: refused requests, one by their reference, or all of them as they come."""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grantway.cli.commands import NOT_FOUND, USAGE, Failure, Noun, choices, wants_color
from grantway.cli.printing import note, show_json
from grantway.cli.running import as_failures, load_settings, run

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.entries import Entry

Refusal = Mapping[str, str]  # a line of the log, by the names of its fields
_REFERENCE = re.compile(r"[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{2}")
_UNSAFE = re.compile(r"[^\x20-\x7e]")
_POLL = 0.3  # seconds
_FROM = click.option(
    "--from",
    "source",
    metavar="FILE",
    help="Read log lines in JSON instead, - for stdin: of other nodes, or gathered elsewhere.",
)


@click.group(cls=Noun)
def logs() -> None:
    """Refused requests: what was received, what was expected, what differed, and what puts it right."""


@logs.command("show")
@click.argument("reference", metavar="[REF]", required=False)
@_FROM
def show(*, reference: str | None, source: str | None) -> None:
    """One refusal: the last one, or that of REF.

    REF is on the page, in error_uri, and in the header Grantway-Flow: such as 7F3A-91.
    """
    if reference is None:
        found = sorted(_refusals(source), key=_time)[-1:]
        wanted = "any refusal"
    else:
        wanted = _normal(reference)
        found = [refusal for refusal in _refusals(source) if refusal.get("reference") == wanted]
    if not found:
        raise Failure(f"nothing is known here of {wanted}", hint=_where_else(source), code=NOT_FOUND)
    words = [_explained(refusal) | ({} if source else _near(refusal)) for refusal in found]
    if choices().json:
        show_json([{**refusal, **more} for refusal, more in zip(found, words, strict=True)])
        return
    for at, (refusal, more) in enumerate(zip(found, words, strict=True)):
        if at:
            click.echo()
        _print(refusal, more)


@logs.command("tail")
@click.option("-n", "--lines", "count", type=click.IntRange(0), default=10, help="So many of the past first.")
@click.option("--app", "client_id", metavar="APP", help="Of this app alone, as far as it can be told.")
@click.option("--diagnosis", metavar="GW-NNN", help="With this diagnosis alone.")
@click.option("--once", is_flag=True, help="Do not wait for more.")
@_FROM
def tail(*, count: int, client_id: str | None, diagnosis: str | None, once: bool, source: str | None) -> None:
    """Refusals as they come, one a line, until Ctrl-C."""

    def wanted(refusal: Refusal) -> bool:
        return (client_id is None or refusal.get("client_id") == client_id) and (
            diagnosis is None or refusal.get("diagnosis") == diagnosis.upper()
        )

    if source is not None:
        past = [refusal for refusal in _refusals(source) if wanted(refusal)]
        _print_lines(past[len(past) - min(count, len(past)) :])
        return
    from grantway.storage.refusal_files import Followed

    folder = _folder()
    if not folder.is_dir():
        note(f"{folder} is not there yet: is this the folder of the server? logging.refusals names another")
    followed = Followed(folder)

    def new() -> list[Refusal]:
        with as_failures():
            return sorted(filter(wanted, _read(followed.new_lines())), key=_time)

    past = new()
    _print_lines(past[len(past) - min(count, len(past)) :])
    while not once:
        time.sleep(_POLL)
        _print_lines(new())


def _normal(reference: str) -> str:
    text = reference.strip()
    if not _REFERENCE.fullmatch(text):
        raise Failure(f"{reference!r} is no reference", hint="it looks like 7F3A-91", code=USAGE)
    digits = text.replace("-", "").upper()
    return f"{digits[:4]}-{digits[4:]}"


def _folder() -> Path:
    folder = load_settings().settings.refusals_folder()
    if folder is None:
        hint = "set logging.refusals_size, or read the log: grantway logs show REF --from FILE"
        raise Failure("this server keeps no refusals", hint=hint)
    return folder


def _where_else(source: str | None) -> str:
    if source is not None:
        return "the lines are those of logging.format = json; look at the other nodes' too"
    return (
        f"{_folder()} holds this node's last ones; another node has its own: grantway logs show REF there, "
        "or here with --from and its log"
    )


def _refusals(source: str | None) -> Iterator[Refusal]:
    """What is kept on this node, or the lines of a log."""
    from grantway.storage.refusal_files import lines_of

    with as_failures():
        if source is None:
            yield from _read(lines_of(_folder()))
        elif source == "-":
            yield from _read(sys.stdin.buffer)
        else:
            with Path(source).open("rb") as file:
                yield from _read(file)


def _read(lines: Iterable[bytes]) -> Iterator[Refusal]:
    """The refusals among these lines. Whatever else stands in a log is passed over."""
    for line in lines:
        start = line.find(b"{")
        if start < 0 or b'"diagnosis"' not in line:
            continue
        try:
            found = json.loads(line[start:])
        except ValueError:  # the end of a line that was being written, or something else altogether
            continue
        if isinstance(found, dict) and isinstance(found.get("diagnosis"), str):
            yield {str(name): _UNSAFE.sub("?", str(value)) for name, value in found.items()}


def _time(refusal: Refusal) -> str:
    return refusal.get("ts", "")


def _entry(refusal: Refusal) -> "Entry | None":
    from grantway.protocol.catalogue import CATALOGUE
    from grantway.protocol.diagnosis import Gw

    known = refusal["diagnosis"] in set(Gw)
    return CATALOGUE[Gw(refusal["diagnosis"])] if known else None


def _explained(refusal: Refusal) -> dict[str, str]:
    entry = _entry(refusal)
    if entry is None:  # of a newer version
        return {}
    return {
        "title": entry.title,
        "cause": entry.cause,
        "fix": refusal.get("fix") or entry.fix,
        "rule": entry.spec,
    }


def _near(refusal: Refusal) -> dict[str, str]:
    """The registered app whose id is most like this one: looked for here, not when it was refused."""
    if refusal["diagnosis"] != "GW-101" or "client_id" not in refusal:
        return {}
    from grantway.flows.registry import ids_named
    from grantway.protocol.differences import nearest

    async def act(server: "Server") -> "str | None":
        registry, asked = server.snapshots.newest.registry, refusal["client_id"]
        return next(iter(ids_named(registry, asked)), None) or nearest(asked, registry.clients)

    try:
        found = run(act)
    except Failure:  # the database is away, or another user's: what is kept is still told
        return {}
    return {} if found in {None, refusal["client_id"]} else {"nearest": str(found)}


def _print(refusal: Refusal, words: Mapping[str, str]) -> None:
    """A refusal on one screen: the sentence, the three values, the way out."""
    color = wants_color(sys.stdout)
    head = f"{refusal['diagnosis']}  {words.get('title', refusal.get('message', ''))}"
    click.echo(f"  {click.style(head, bold=True)}", color=color)
    where = " ".join(refusal[name] for name in ("method", "path") if name in refusal)
    facts = {
        "Reference": refusal.get("reference"),
        "When": refusal.get("ts"),
        "Where": where,
        "App": _app(refusal),
        "From": refusal.get("network"),
        "Node": refusal.get("node"),
        "Told as": refusal.get("error"),
        "In short": refusal.get("message"),
        "Received": refusal.get("received"),
        "Expected": refusal.get("expected"),
        "Difference": refusal.get("difference"),
        "Nearest": words.get("nearest"),
        "Why": words.get("cause"),
        "Fix": words.get("fix"),
        "Rule": words.get("rule"),
    }
    for name, value in facts.items():
        if value:
            click.echo(f"  {click.style(name.ljust(10), dim=True)}  {value}", color=color)


def _app(refusal: Refusal) -> str | None:
    client_id = refusal.get("client_id")
    return f"{client_id} (as the request says)" if client_id and "path" in refusal else client_id


def _print_lines(refusals: Iterable[Refusal]) -> None:
    for refusal in refusals:
        if choices().json:
            click.echo(json.dumps(refusal, ensure_ascii=False))
        elif choices().quiet:
            click.echo(refusal.get("reference", ""))
        else:
            at = refusal.get("ts", "")[11:19]
            parts = (
                at,
                refusal.get("reference", "").ljust(7),
                refusal.get("client_id", "-")[:30].ljust(16),
                refusal.get("path", "").ljust(10),
                refusal.get("error", "-").ljust(15),
                refusal["diagnosis"],
                refusal.get("message", ""),
            )
            click.echo("  ".join(parts))
    sys.stdout.flush()
