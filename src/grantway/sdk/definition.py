"""The API definition, read from the TOML file that the server reads too."""

import tomllib
from dataclasses import replace
from os import PathLike
from pathlib import Path

from grantway.protocol.api_tables import read_apis
from grantway.protocol.apis import Api, ApiMistakes


def load_api(path: str | PathLike[str], name: str, *, below: str = "") -> Api:
    """The API of that name among the `[[apis]]` tables of a TOML file; see `protocol.api_tables`.

    `below` is the path at which the application has its routes, such as /v2, where the rules leave it out.
    Raises OSError when the file cannot be read and ApiMistakes, which holds every mistake, for what it says.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise ApiMistakes([f"{path}: not TOML: {bad}"]) from bad
    apis = read_apis(document.get("apis", []))
    for api in apis:
        if api.name == name:
            return moved(api, below)
    names = ", ".join(api.name for api in apis) or "none"
    raise ApiMistakes([f"{path}: no API is named {name!r}; there: {names}"])


def moved(api: Api, below: str) -> Api:
    """The same with every rule below that path. Raises ApiMistakes for what is no path."""
    try:
        rules = tuple(replace(rule, path=below + rule.path) for rule in api.rules)
    except ValueError as bad:
        raise ApiMistakes([f"below {below!r}: {bad}"]) from bad
    return replace(api, rules=rules)
