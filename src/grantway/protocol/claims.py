"""The standard claims about a person, and which scope stands for which (OpenID Connect Core §5.1, §5.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from grantway.protocol.people import Person
from grantway.protocol.scope import Scope

Claim = str | int | bool | dict[str, str]

CLAIMS_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
SCOPE_OF_CLAIM = {claim: scope for scope, claims in CLAIMS_OF_SCOPE.items() for claim in claims}


def claims_of_scope(scope: Scope) -> tuple[str, ...]:
    """The names of the claims that these scopes stand for."""
    return tuple(claim for token in scope for claim in CLAIMS_OF_SCOPE.get(token, ()))


def person_claims(person: Person, names: Iterable[str]) -> dict[str, Claim]:
    """Those of these claims that are known about a person; the others are left out (§5.3.2)."""
    profile = person.profile
    known: dict[str, object] = {
        **asdict(profile),
        "name": person.name,
        "preferred_username": profile.preferred_username or person.username,
        "email": person.email,
        "email_verified": None if person.email is None else person.email_verified,
        "phone_number_verified": None if profile.phone_number is None else profile.phone_number_verified,
        "updated_at": None if profile.updated_at is None else int(profile.updated_at),
    }
    if profile.address is not None:
        known["address"] = {part: text for part, text in asdict(profile.address).items() if text}
    return {name: value for name in names if isinstance(value := known.get(name), str | int | dict)}
