"""The catalogue of diagnoses: what each id means, why it happens, what puts it right.

The words here are for everybody: the pages below `/errors/` and docs/reference/errors.md are made from them.
What was received and expected in one case is in its `Diagnosis`, which only the operator reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from grantway.protocol.catalogue_of_apps import OF_APPS
from grantway.protocol.catalogue_of_gateways import OF_GATEWAYS
from grantway.protocol.catalogue_of_people import OF_PEOPLE
from grantway.protocol.diagnosis import Gw
from grantway.protocol.entries import Entry
from grantway.protocol.errors import ONE_FOR_ALL
from grantway.protocol.names import ErrorCode

CATALOGUE: Mapping[Gw, Entry] = MappingProxyType(
    {entry.gw: entry for entry in (*OF_APPS, *OF_GATEWAYS, *OF_PEOPLE)}
)


@dataclass(frozen=True, slots=True)
class Absence:
    """A diagnosis that was planned and cannot be made yet."""

    id: str
    what: str
    why: str


ABSENT = (
    Absence("GW-210", "an upstream identity provider failed", "people sign in here alone so far"),
    Absence(
        "GW-220",
        "a sign-in or consent that was abandoned",
        "it belongs to the record of flows; a person who says no is GW-221",
    ),
)

# What an error code means where it is told in the same words whatever the cause.
_TITLES = {
    ErrorCode.INVALID_CLIENT: "The app has not proven who it is",
    ErrorCode.INVALID_GRANT: "The code or refresh token buys nothing",
    ErrorCode.INVALID_TOKEN: "The access token is not good here",
}
_SPECS = {
    ErrorCode.INVALID_CLIENT: "RFC 6749 §5.2",
    ErrorCode.INVALID_GRANT: "RFC 6749 §5.2",
    ErrorCode.INVALID_TOKEN: "RFC 6750 §3.1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """What stands on the page of an error code that has one page for all causes."""

    code: ErrorCode
    title: str
    spec: str
    causes: tuple[Entry, ...]


CODE_PAGES: Mapping[str, CodePage] = MappingProxyType(
    {
        code.value: CodePage(
            code=code,
            title=_TITLES[code],
            spec=_SPECS[code],
            causes=tuple(entry for entry in CATALOGUE.values() if code in entry.errors),
        )
        for code in sorted(ONE_FOR_ALL)
    }
)
