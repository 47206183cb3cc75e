"""The API definition, read from the TOML file that the server reads too."""

import tomllib
from os import PathLike
from pathlib import Path

from grantway.protocol.api_tables import read_apis
from grantway.protocol.apis import Api, ApiMistakes


def load_api(path: str | PathLike[str], name: str) -> Api:
    """The API of that name among the `[[apis]]` tables of a TOML file; see `protocol.api_tables`.

    Raises OSError when the file cannot be read and ApiMistakes, which holds every mistake, for what it says.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise ApiMistakes([f"{path}: not TOML: {bad}"]) from bad
    apis = read_apis(document.get("apis", []))
    for api in apis:
        if api.name == name:
            return api
    names = ", ".join(api.name for api in apis) or "none"
    raise ApiMistakes([f"{path}: no API is named {name!r}; there: {names}"])
