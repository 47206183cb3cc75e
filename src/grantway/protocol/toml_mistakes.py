"""What is wrong with a TOML file, in words that say what to do."""

import re
import tomllib

_TWICE = re.compile(r"Cannot declare \((?P<table>.*?),?\) twice \(at line (?P<line>\d+), column \d+\)")


def read_toml(text: str) -> dict[str, object]:
    """What the text holds. Raises ValueError for whatever cannot be read, however deep or long it is."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables or lists stand too deep in each other") from None


def toml_mistake(bad: Exception) -> str:
    """The parser's words; a table that stands twice is named as it is written, with the way out."""
    found = _TWICE.fullmatch(str(bad))
    if found is None:
        return str(bad)
    table = ".".join(one.strip().strip("'\"") for one in found["table"].split(","))
    return (
        f"line {found['line']}: the table [{table}] stands twice; write all of it below the first [{table}]"
    )
