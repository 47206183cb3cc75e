"""Durations as people write them: `10m`, `1h30m`, `30d`, `PT10M` (ISO 8601) or seconds."""

import re

_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_SHORT = re.compile(r"(?:\d+(?:\.\d+)?[wdhms])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")
_ISO = re.compile(
    r"P(?:(?P<w>\d+)W|(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?)"
)
_PLAIN = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError, whose message shows how to write it."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return float(text)
    if _SHORT.fullmatch(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        return sum(float(number) * _SECONDS[unit] for unit, number in iso.groupdict().items() if number)
    raise ValueError(f"{text!r} is not a duration: write 90s, 10m, 12h, 30d, PT10M or a number of seconds")


def show_duration(seconds: float) -> str:
    """The shortest spelling that `parse_duration` reads back, such as `12h` or `1h30m`."""
    if seconds != int(seconds) or seconds <= 0:
        return f"{seconds:g}s"
    rest, words = int(seconds), ""
    for unit in "dhms":
        count, rest = divmod(rest, _SECONDS[unit])
        words += f"{count}{unit}" if count else ""
    return words
