"""What may be written down about a person, and how (OpenID Connect Core §5.1)."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from difflib import get_close_matches
from typing import Any

from grantway.protocol.claims import SCOPE_OF_CLAIM, person_claims
from grantway.protocol.people import Address, Person, Profile

MAX_CLAIMS = 3000  # bytes of JSON: everything about a person fits into one signed token
_FLAG = "phone_number_verified"
_OWN = frozenset({"address", "updated_at", _FLAG})  # members of a profile that are no plain text
TEXTS = tuple(one.name for one in fields(Profile) if one.name not in _OWN)
ADDRESS_TEXTS = tuple(one.name for one in fields(Address))
_PATTERNS = {
    **dict.fromkeys(
        ("profile", "picture", "website"), (re.compile(r"https?://[!-~]+"), "an https:// address")
    ),
    "birthdate": (re.compile(r"\d{4}(-\d\d-\d\d)?"), "YYYY-MM-DD, 0000-MM-DD or YYYY"),
    "zoneinfo": (re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*"), "a time zone such as Europe/Paris"),
    "locale": (re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*"), "a language such as en-GB"),
    "phone_number": (re.compile(r"[+(]?[0-9][0-9 ().;=\-/a-z]{2,39}"), "a number such as +44 20 7946 0000"),
}
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")


def person_problems(person: Person) -> list[str]:
    """Everything that forbids writing this down about a person; empty: it may stand."""
    profile = person.profile
    wrong = [] if _is_line(person.name, 200) else ["name: 1 to 200 printable characters"]
    if person.email is not None and not (_EMAIL.fullmatch(person.email) and person.email.isprintable()):
        wrong.append(f"email: {person.email!r} is no address")
    if person.email is None and person.email_verified:
        wrong.append("email_verified: there is no e-mail address")
    for name in TEXTS:
        text = getattr(profile, name)
        pattern, words = _PATTERNS.get(name, (None, ""))
        if text is not None and not _is_line(text, 1000):
            wrong.append(f"{name}: 1 to 1000 printable characters")
        elif text is not None and pattern is not None and not pattern.fullmatch(text):
            wrong.append(f"{name}: {words}, not {text!r}")
    lines = [] if profile.address is None else [text for text in asdict(profile.address).values() if text]
    if not all(_is_line(line, 500) for text in lines for line in text.split("\n")):
        wrong.append("address: lines of 1 to 500 printable characters")
    length = len(json.dumps(person_claims(person, SCOPE_OF_CLAIM), ensure_ascii=False).encode())
    if not wrong and length > MAX_CLAIMS:
        wrong.append(f"profile: {length} bytes together; {MAX_CLAIMS} are the limit")
    return wrong


def merged(profile: Profile, more: Profile) -> Profile:
    """The profile with everything that `more` says."""
    nothing = Profile()
    said: dict[str, Any] = {
        one.name: getattr(more, one.name)
        for one in fields(Profile)
        if getattr(more, one.name) != getattr(nothing, one.name)
    }
    if said.get("phone_number", profile.phone_number) != profile.phone_number:
        said.setdefault(_FLAG, False)  # another number has not been verified by that
    return replace(profile, **said)


def with_claims(profile: Profile, given: Mapping[str, str]) -> Profile:
    """The profile with these claims, by name; an empty text takes one away. Raises ValueError.

    Parts of the address are named `address.locality` and so on.
    """
    address = profile.address or Address()
    texts: dict[str, Any] = {}
    for name, text in given.items():
        member, _, part = name.partition(".")
        if member == "address" and part in ADDRESS_TEXTS:
            address = replace(address, **{part: text or None})
        elif name in TEXTS:
            texts[name] = text or None
        elif name == _FLAG and text in {"true", "false", ""}:
            texts[name] = text == "true"
        else:
            known = [*TEXTS, _FLAG, *(f"address.{one}" for one in ADDRESS_TEXTS)]
            close = get_close_matches(name, known, 1)
            raise ValueError(
                f"claim {name!r}: true or false"
                if name == _FLAG
                else f"claim {name!r} is not known" + (f"; did you mean {close[0]}?" if close else "")
            )
    if texts.get("phone_number", profile.phone_number) != profile.phone_number:
        texts.setdefault(_FLAG, False)
    return replace(profile, **texts, address=None if address == Address() else address)


def _is_line(text: str, longest: int) -> bool:
    return 0 < len(text.strip()) <= longest and text.isprintable()
