"""What the steps choose from. The first choices are what most apps and people do."""

from collections.abc import Mapping

from hypothesis import strategies as st

from grantway.crypto.secrets import _checksum
from tests.machine.example import OPTIONAL, PEOPLE, SCOPES
from tests.machine.fleet import APIS
from tests.machine.model import CLOSE, CODE_LIFETIME, GRACE, Asked, Code, Grant, Wanted

ACCESS, REFRESH = "access_token", "refresh_token"
EVERYTHING, NOTHING = "everything", "nothing"
ALL_SCOPES = sorted(frozenset().union(*SCOPES.values()))

OLD = CODE_LIFETIME + 15  # seconds: signing in takes its time between a link and its code
nodes = st.integers(0, 1)
people = st.sampled_from(PEOPLE)
client_ids = st.sampled_from(tuple(SCOPES))
apis = st.sampled_from([api.identifier for api in APIS])
places = st.integers(0, 69)  # of letters in a code
kinds = st.sampled_from([ACCESS, REFRESH])
scopes = st.lists(st.sampled_from(ALL_SCOPES), min_size=1, max_size=3, unique=True).map(" ".join)
common_scopes = st.sampled_from(["photos:read", "photos:read notes:read", "notes:read"])  # every client's
requests = st.builds(Asked, common_scopes | scopes, st.none() | apis, st.booleans())
ticks = st.sampled_from([EVERYTHING, NOTHING, *sorted(OPTIONAL)])
wanteds = st.just(Wanted()) | st.builds(Wanted, st.none() | common_scopes | scopes, st.none() | apis)
endings = st.sampled_from(["revoke", "withdraw", "disable the person", "replay the code"])
waits = st.sampled_from([0, CLOSE + 1, GRACE + CLOSE + 1])  # seconds: at once, inside the grace, after it
acts = st.sampled_from(["disable the person", "disable the client", "rotate the keys"])
# Tokens of grants that live: most are dead after a while, and no longer of interest to those who race.
living = st.runner().flatmap(lambda machine: st.sampled_from(machine.living_tokens()))
NO_MISTAKE: Mapping[str, str | None] = {}


def mistakes(code: Code, place: int) -> list[Mapping[str, str | None]]:
    """Parameters of a redemption, each set of them with one thing wrong; `place` is the wrong letter's."""
    return [
        {"redirect_uri": code.grant.client.redirect_uri + "/"},
        {"code_verifier": altered(code.verifier, place)},
        {"code_verifier": None},
        {"code": altered(code.text, place)},
        {"code": with_checksum(altered(code.text[:-6], 21 + place % 43))},  # its random part
    ]


def beyond(grant: Grant) -> list[Wanted]:
    """Each scope and each API that this grant is not for."""
    scopes = [Wanted(scope=token) for token in ALL_SCOPES if token not in grant.scope]
    return scopes + [Wanted(resource=api.identifier) for api in APIS if api.identifier not in grant.resources]


def with_checksum(body: str) -> str:
    """Well-formed, so that nothing but its hash tells it from a real one."""
    return body + _checksum(body.encode())


def ticked(choice: str) -> frozenset[str]:
    """The boxes that a person ticks."""
    return {EVERYTHING: OPTIONAL, NOTHING: frozenset[str]()}.get(choice, frozenset({choice}))


def altered(text: str, place: int) -> str:
    """The same with another letter at this place."""
    place %= len(text)
    return text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
