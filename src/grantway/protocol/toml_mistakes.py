"""What is wrong with a TOML file, in words that say what to do."""

import re

_TWICE = re.compile(r"Cannot declare \((?P<table>.*?),?\) twice \(at line (?P<line>\d+), column \d+\)")


def toml_mistake(bad: Exception) -> str:
    """The parser's words; a table that stands twice is named as it is written, with the way out."""
    found = _TWICE.fullmatch(str(bad))
    if found is None:
        return str(bad)
    table = ".".join(one.strip().strip("'\"") for one in found["table"].split(","))
    return (
        f"line {found['line']}: the table [{table}] stands twice; write all of it below the first [{table}]"
    )
