"""Tables as TOML text: what the standard library reads and does not write."""

import json
from collections.abc import Mapping, Sequence


def tables_as_toml(name: str, tables: Sequence[Mapping[str, object]]) -> str:
    """A list of tables, those within them as lists of tables of their own.

    They hold texts, numbers, booleans, lists, tables in values, and lists of tables under names of their own.
    """
    return "\n".join(_table(name, table) for table in tables)


def _table(name: str, table: Mapping[str, object]) -> str:
    plain = {key: value for key, value in table.items() if not _is_tables(value)}
    lines = [f"[[{name}]]", *(f"{_key(key)} = {toml_value(value)}" for key, value in plain.items()), ""]
    for key, value in table.items():
        if key not in plain and isinstance(value, list):
            lines += [_table(f"{name}.{_key(key)}", one) for one in value]
    return "\n".join(lines)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _text(key)


def toml_value(value: object) -> str:
    """One value on one line. Raises TypeError for what TOML has no word for."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return _text(value)
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {toml_value(one)}" for key, one in value.items()) + " }"
        case Sequence():
            return "[" + ", ".join(map(toml_value, value)) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _text(value: str) -> str:
    """A basic string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
