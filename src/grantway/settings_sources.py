"""Gathers the settings: flag > environment > credentials directory > `grantway.toml` > default.

Every mistake is collected, with the place it came from, and told at once. A name that is not known is a
mistake, with the nearest one that is.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from grantway.protocol.durations import parse_duration
from grantway.protocol.toml_mistakes import read_toml, toml_mistake
from grantway.settings import (
    SECTIONS,
    Option,
    Settings,
    options,
)
from grantway.settings_rules import BadSettings, Mistake, plain_port
from grantway.settings_server import DEFAULT_PORT

_SQLITE: Final = "sqlite:///"
FILE_NAME: Final = "grantway.toml"
RESOURCES: Final = ("apis", "apps", "people")  # tables of the registry, read by grantway.flows.registry_file
_PREFIX: Final = "GRANTWAY_"
# Of ours, but no setting; and what Kubernetes puts into every container beside a service named "grantway".
_NOT_SETTINGS: Final = re.compile(r"GRANTWAY_(?:CONFIG|DEMO_\w+|SERVICE_(?:HOST|PORT\w*)|PORT(?:_\d+_\w+)?)")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each value came from."""

    settings: Settings
    origins: Mapping[str, str]  # by key; "default" where nobody chose
    config: Path | None


@dataclass(frozen=True, slots=True)
class _Given:
    """A raw value, where it came from, and what relative paths in it are relative to."""

    value: object
    origin: str
    folder: Path
    is_file: bool = False  # the value names a file that holds the real one


_Layer = dict[str, _Given]


def find_config(config: Path | None, env: Mapping[str, str], cwd: Path) -> Path | None:
    """The configuration file. One that was named must exist. Raises BadSettings."""
    named = config or (Path(env["GRANTWAY_CONFIG"]) if env.get("GRANTWAY_CONFIG") else None)
    if named is not None:
        path = cwd / named
        if not path.is_file():
            raise BadSettings([Mistake("config", f"there is no file {named}")])
        return path
    home = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/nonexistent")) / ".config")
    places = (cwd / FILE_NAME, home / "grantway" / FILE_NAME, Path("/etc/grantway") / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def load(
    flags: Mapping[str, object] | None = None,
    *,
    config: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Loaded:
    """Read everything. `flags` are values by key ("server.port"), None where not given."""
    env, cwd = os.environ if env is None else env, cwd or Path.cwd()
    known = {option.key: option for option in options()}
    mistakes: list[Mistake] = []
    path = find_config(config, env, cwd)
    layers = [
        {key: _Given(value, "flag", cwd) for key, value in (flags or {}).items() if value is not None},
        _from_environment(env, cwd, known, mistakes),
        _from_credentials(env, known),
        {} if path is None else _from_file(path, known, mistakes),
    ]
    chosen = _chosen(layers, known, mistakes)
    values = {
        key: value for key, option in known.items() if (value := _value(option, chosen, mistakes)) is not None
    }
    origins = {key: chosen[key].origin if key in chosen else "default" for key in known}
    _defaults_that_follow_others(values, origins, env)
    return Loaded(_made(values, origins, mistakes), origins, path)


# --- the sources ------------------------------------------------------------------------------------


def _from_environment(
    env: Mapping[str, str], cwd: Path, known: Mapping[str, Option], mistakes: list[Mistake]
) -> _Layer:
    by_name = {option.env: option for option in known.values()}
    layer: _Layer = {}
    for name, value in sorted(env.items()):
        if not name.startswith(_PREFIX) or _NOT_SETTINGS.fullmatch(name):
            continue
        secret = by_name.get(name.removesuffix("_FILE"))
        if name in by_name:
            layer[by_name[name].key] = _Given(value, name, cwd)
        elif name.endswith("_FILE") and secret is not None and secret.secret:
            layer.setdefault(secret.key, _Given(value, name, cwd, is_file=True))
        else:
            mistakes.append(Mistake(name, "is not a setting" + _nearest(name, by_name), "the environment"))
    return layer


def _from_credentials(env: Mapping[str, str], known: Mapping[str, Option]) -> _Layer:
    """Secrets that systemd hands over as files, each named like its key: `LoadCredential=secrets.key:…`."""
    folder = env.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    return {
        key: _Given(key, f"$CREDENTIALS_DIRECTORY/{key}", Path(folder), is_file=True)
        for key, option in known.items()
        if option.secret and (Path(folder) / key).is_file()
    }


def _from_file(path: Path, known: Mapping[str, Option], mistakes: list[Mistake]) -> _Layer:
    try:
        tables = read_toml(path.read_text("utf-8"))
    except (OSError, ValueError) as bad:
        raise BadSettings([Mistake(str(path), f"cannot be read: {toml_mistake(bad)}")]) from None
    layer: _Layer = {}
    if any(name in tables for name in RESOURCES):
        if "registry" in tables:
            words = f"give the tables {', '.join(RESOURCES)} here or in the file of `registry`, not in both"
            mistakes.append(Mistake("registry", words, str(path)))
        layer["registry"] = _Given(path.name, str(path), path.parent)
    for key, value in _flat(tables):
        if key in known:
            layer[key] = _Given(value, str(path), path.parent)
        elif key.endswith("_file") and (plain := known.get(key.removesuffix("_file"))) and plain.secret:
            layer.setdefault(plain.key, _Given(value, str(path), path.parent, is_file=True))
        elif key.split(".")[0] not in RESOURCES:
            mistakes.append(Mistake(key, "is not a setting" + _nearest(key, [*known, *RESOURCES]), str(path)))
    return layer


def _flat(tables: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in tables.items():
        if name in SECTIONS and isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _nearest(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _chosen(layers: list[_Layer], known: Mapping[str, Option], mistakes: list[Mistake]) -> _Layer:
    """The strongest value of each key. A secret and the file that holds it are one choice, made once."""
    chosen: _Layer = {}
    for layer in layers:
        for key, given in layer.items():
            partner = key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
            if partner in layer and partner in known:
                if key < partner:
                    mistakes.append(Mistake(key, f"give {key} or {partner}, not both", given.origin))
            elif partner in chosen:
                continue
            chosen.setdefault(key, given)
    return chosen


# --- single values ----------------------------------------------------------------------------------


def _value(option: Option, chosen: _Layer, mistakes: list[Mistake]) -> object:
    given = chosen.get(option.key)
    if given is None:
        return None
    try:
        if given.is_file:
            return _read_secret(given)
        return _KINDS[option.kind](given)
    except ValueError as bad:
        mistakes.append(Mistake(option.key, str(bad), given.origin))
        return None


def _read_secret(given: _Given) -> str:
    path = given.folder / str(given.value)
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as bad:
        raise ValueError(f"{path} cannot be read: {getattr(bad, 'strerror', 'not text')}") from None


def _text(given: _Given) -> str:
    if not isinstance(given.value, str) or not given.value.strip():
        raise ValueError("must be a text that is not empty")
    text = given.value.strip()
    if text.startswith(_SQLITE) and not text.startswith(f"{_SQLITE}/") and text != _SQLITE:
        return f"{_SQLITE}{quote(str(given.folder.absolute()))}/{text.removeprefix(_SQLITE)}"
    return text


def _number(given: _Given) -> int:
    value = given.value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"must be a whole number, not {value!r}")


def _switch(given: _Given) -> bool:
    if isinstance(given.value, bool):
        return given.value
    word = str(given.value).strip().lower()
    if not isinstance(given.value, str) or word not in _TRUE | _FALSE:
        raise ValueError(f"must be true or false, not {given.value!r}")
    return word in _TRUE


def _list(given: _Given) -> tuple[str, ...]:
    value = given.value
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError('must be a list of texts such as ["one", "two"]')
    return tuple(value)


def _duration(given: _Given) -> float:
    if isinstance(given.value, str):
        return parse_duration(given.value)
    if isinstance(given.value, int | float) and not isinstance(given.value, bool):
        return float(given.value)
    raise ValueError(f"must be a duration such as 10m, not {given.value!r}")


def _seconds(given: _Given) -> int:
    seconds = _duration(given)
    if seconds != int(seconds):
        raise ValueError(f"must be whole seconds, not {given.value!r}")
    return int(seconds)


def _path(given: _Given) -> Path:
    return given.folder / Path(_text(given)).expanduser()


_KINDS: Final[Mapping[str, Callable[[_Given], object]]] = {
    "text": _text,
    "number": _number,
    "switch": _switch,
    "list": _list,
    "duration": _duration,
    "seconds": _seconds,
    "path": _path,
}


# --- putting it together ----------------------------------------------------------------------------


def _defaults_that_follow_others(
    values: dict[str, object], origins: dict[str, str], env: Mapping[str, str]
) -> None:
    """What nobody chose, but follows from what was chosen."""
    state = env.get("STATE_DIRECTORY", "").partition(":")[0]
    if "database.url" not in values and state:
        values["database.url"] = f"sqlite:///{state}/grantway.db"
        origins["database.url"] = "default in $STATE_DIRECTORY"
    on_postgres = str(values.get("database.url", "")).startswith(("postgresql:", "postgres:"))
    if "database.auto_migrate" not in values and on_postgres and not values.get("dev"):
        values["database.auto_migrate"] = False
        origins["database.auto_migrate"] = "default on PostgreSQL"
    if "server.port" not in values and values.get("dev") and (port := plain_port(str(values.get("issuer")))):
        values["server.port"] = port
        origins["server.port"] = "default: the port of the issuer"
    if "issuer" not in values and values.get("dev"):
        values["issuer"] = f"http://localhost:{values.get('server.port', DEFAULT_PORT)}"
        origins["issuer"] = "default with dev"


def _made(values: Mapping[str, Any], origins: Mapping[str, str], mistakes: list[Mistake]) -> Settings:
    """The settings, unless there are mistakes; then all of them, those of the rules included."""
    tables: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for section, kind in SECTIONS.items():
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{section}.")}
        tables[section] = kind(**own)
    faulty = {mistake.key for mistake in mistakes}
    if "issuer" not in tables:
        if "issuer" not in faulty:
            mistakes.append(Mistake("issuer", "is missing: the public https:// address of this server"))
        tables["issuer"] = "https://missing.invalid"  # lets the other rules be checked
    try:
        settings = Settings(**tables)
    except BadSettings as bad:
        again = [one for one in bad.mistakes if one.key not in faulty]
        raise BadSettings(
            [*mistakes, *(replace(one, origin=_origin(origins, one.key)) for one in again)]
        ) from None
    if mistakes:
        raise BadSettings(mistakes)
    return settings


def _origin(origins: Mapping[str, str], key: str) -> str:
    origin = origins.get(key, "")
    return "" if origin == "default" else origin
