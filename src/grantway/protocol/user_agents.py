"""A browser's User-Agent header (RFC 9110 §10.1.5) in words by which its owner knows it again.

Only the words are kept: the header itself tells more than anybody needs.
"""

import re

# Each browser claims to be those after it, so the order decides.
_BROWSERS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\bOPR/|\bOpera\b")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Vivaldi", re.compile(r"\bVivaldi/")),
    ("Firefox", re.compile(r"\bFirefox/|\bFxiOS/")),
    ("Chrome", re.compile(r"\bChrome/|\bCriOS/|\bHeadlessChrome/")),
    ("Safari", re.compile(r"\bSafari/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("a Mac", re.compile(r"\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_LONGEST = 512  # characters that are looked at


def browser_in_words(user_agent: str | None) -> str | None:
    """Such as "Firefox on Linux", or the half of it that is known; None when nothing is."""
    text = (user_agent or "")[:_LONGEST]
    browser = next((name for name, sign in _BROWSERS if sign.search(text)), None)
    system = next((name for name, sign in _SYSTEMS if sign.search(text)), None)
    if browser is None:
        return None if system is None else f"A browser on {system}"
    return browser if system is None else f"{browser} on {system}"
