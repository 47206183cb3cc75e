"""What differs between two records, in words for a plan."""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import TypeVar

from grantway.protocol.api_access import in_words
from grantway.protocol.api_changes import scope_words, value_words
from grantway.protocol.apis import Api, ApiScope, Rule
from grantway.protocol.clients import Client
from grantway.protocol.people import Address, Person, Profile

_Record = TypeVar("_Record", Api, Client, Person, Profile)


def differences(old: _Record, new: _Record) -> str:
    """Field by field, `a → b` or the members that come and go; empty when they are the same."""
    told = []
    for one in fields(old):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if before == after:
            continue
        if isinstance(before, Profile) and isinstance(after, Profile):
            told.append(differences(before, after))
            continue
        if one.name == "managed_by_file":
            told.append("from now on managed by the file" if after else "no longer managed by the file")
        elif isinstance(before, Iterable) and not isinstance(before, str):
            told.append(f"{one.name} {_members(before, after)}")
        else:
            told.append(f"{one.name} {_word(before)} → {_word(after)}")
    return "; ".join(told)


def _members(before: Iterable[object], after: Iterable[object]) -> str:
    old, new = list(before), list(after)
    gone = [f"−{_word(one)}" for one in old if one not in new]
    come = [f"+{_word(one)}" for one in new if one not in old]
    return " ".join([*come, *gone]) or "in another order"


def _word(value: object) -> str:
    if isinstance(value, ApiScope):
        return scope_words(value)
    if isinstance(value, Rule):
        return f"{value} {in_words(value)}"
    if isinstance(value, str) and value.startswith('{"'):
        return f"key {json.loads(value).get('kid', 'without kid')}"
    if isinstance(value, Address):
        return ", ".join(" ".join(part.split("\n")) for part in asdict(value).values() if part)
    return "none" if value == "" else value_words(value)
