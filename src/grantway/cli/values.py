"""Values as they are written on the command line: durations, and secrets from files."""

import sys
from pathlib import Path
from typing import Any

import click

from grantway.protocol.durations import parse_duration


class Duration(click.ParamType[float]):
    """`90s`, `10m`, `12h`, `30d`, `PT10M` or seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(str(value))
        except ValueError as bad:
            self.fail(str(bad), param, ctx)


DURATION = Duration()


def read_secret_file(path: Path | None) -> str | None:
    """The first line of a file, `-` being stdin; never an argument, which every process could read."""
    if path is None:
        return None
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    return text.strip("\r\n")


SECRET_FILE = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
