"""The standard claims about a person, and which scope stands for which (OpenID Connect Core §5.1, §5.4)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import NOTHING_ASKED, AskedClaims
from grantway.protocol.names import ErrorCode
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
# A claim asked for by itself is consented to like a scope, under this name. No request may use it as a scope.
CLAIM_PREFIX = "claim:"
CLAIM_SENTENCES: Mapping[str, str] = {
    "name": "See your full name",
    "family_name": "See your family name",
    "given_name": "See your given name",
    "middle_name": "See your middle name",
    "nickname": "See your nickname",
    "preferred_username": "See your username",
    "profile": "See the address of your profile page",
    "picture": "See your picture",
    "website": "See the address of your website",
    "gender": "See your gender",
    "birthdate": "See your birthday",
    "zoneinfo": "See your time zone",
    "locale": "See your language",
    "updated_at": "See when your profile last changed",
    "email": "See your e-mail address",
    "email_verified": "See whether your e-mail address has been verified",
    "address": "See your postal address",
    "phone_number": "See your phone number",
    "phone_number_verified": "See whether your phone number has been verified",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsParameter:
    """What the `claims` parameter asks for (OpenID Connect Core §5.5)."""

    asked: AskedClaims = NOTHING_ASKED
    acr_values: tuple[str, ...] = ()  # one of them is demanded; empty: none is
    subject: str | None = None  # nobody else may be told about

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Claims we do not know are passed over (§5.5). Raises `invalid_request` for what is malformed.

        What is said about a claim matters for two: an essential `acr` (§5.5.1.1), and the `value` of `sub`.
        """
        if text is None:
            return cls()
        try:
            document = json.loads(text, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError):
            raise _malformed("claims is not JSON") from None
        if not isinstance(document, dict):
            raise _malformed("claims must be a JSON object")
        id_token, userinfo = (_members(document, place) for place in ("id_token", "userinfo"))
        acr = id_token.get("acr") or {}
        subjects = {_value(about["sub"]) for about in (id_token, userinfo) if about.get("sub")} - {None}
        if len(subjects) > 1:
            raise _malformed("claims names two values of sub")
        return cls(
            asked=AskedClaims(id_token=_standard(id_token), userinfo=_standard(userinfo)),
            acr_values=_values(acr) if acr.get("essential") is True else (),
            subject=next(iter(subjects), None),
        )

    def within(self, scope: Scope) -> AskedClaims:
        """Of the claims asked for, those that a client with this scope may ask for."""

        def allowed(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for name in names if SCOPE_OF_CLAIM[name] in scope)

        return AskedClaims(id_token=allowed(self.asked.id_token), userinfo=allowed(self.asked.userinfo))


def consented_with(asked: AskedClaims, scope: Scope) -> Scope:
    """The scope to consent to: the claims asked for by themselves, where their scope is not asked for too."""
    names = (name for name in (*asked.id_token, *asked.userinfo) if SCOPE_OF_CLAIM[name] not in scope)
    return scope | Scope(tuple(dict.fromkeys(CLAIM_PREFIX + name for name in names)))


def wider_scope(token: str) -> str:
    """The scope that a claim consented to by itself belongs to; any other scope token is its own."""
    claim = token.removeprefix(CLAIM_PREFIX)
    return SCOPE_OF_CLAIM.get(claim, token) if claim != token else token


def allowed_claims(names: Iterable[str], *, granted: Scope, scope: Scope) -> tuple[str, ...]:
    """Of claims asked for by name, those the person allowed: by themselves, or with the token's scope."""
    return tuple(
        name for name in names if CLAIM_PREFIX + name in granted or SCOPE_OF_CLAIM.get(name) in scope
    )


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


_About = Mapping[str, object]


def _members(document: Mapping[str, object], place: str) -> dict[str, _About]:
    """Claim → what is said about it; nothing is the same as an empty object (§5.5.1)."""
    given = document.get(place)
    if given is None:
        return {}
    members = {name: {} if about is None else about for name, about in _object(given, place).items()}
    return {name: _about(about, place) for name, about in members.items()}


def _about(given: object, place: str) -> _About:
    about = _object(given, place)
    if not isinstance(about.get("essential", False), bool) or not isinstance(about.get("values", []), list):
        raise _malformed("claims: essential must be true or false, and values a list")
    return about


def _object(given: object, place: str) -> dict[str, object]:
    if not isinstance(given, dict):
        raise _malformed(f"claims: {place} must hold null or an object for each claim")
    return given


def _standard(members: Mapping[str, _About]) -> tuple[str, ...]:
    return tuple(name for name in members if name in SCOPE_OF_CLAIM)


def _value(about: _About) -> str | None:
    value = about.get("value")
    if value is not None and not isinstance(value, str):
        raise _malformed("claims: value must be a text here")
    return value


def _values(about: _About) -> tuple[str, ...]:
    one, several = _value(about), about.get("values", [])
    listed = several if isinstance(several, list) else []
    return tuple(str(value) for value in ([one] if one is not None else listed))


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _malformed(words: str) -> OAuthError:
    found = Diagnosis(Gw.NOT_SUPPORTED, words, "claims", "JSON as OpenID Connect Core 5.5 has it", words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)
