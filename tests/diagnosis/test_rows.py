"""Every diagnosis, provoked over HTTP and looked up by its reference."""

import re

import pytest

from grantway.protocol.catalogue import ABSENT, CATALOGUE
from grantway.protocol.diagnosis import Gw
from grantway.protocol.errors import ONE_FOR_ALL
from tests.diagnosis.looked_up import kept, looked_up, told_in
from tests.diagnosis.provoked import CASES

# Planned in the table of surfaces 2.4, and the ranges that this form of the catalogue has to cover.
ROWS = (101, 102, 103, 110, 111, 120, 121, 122, 123, 130, 131, 132, 140, 141, 150, 160, 170, 180, 190)
BEHIND_A_GATEWAY = "tests/decisions/test_diagnoses.py"
ELSEWHERE = {
    Gw.CODE_NEVER_CAME: "tests/diagnosis/test_codes_that_never_came.py: nothing is refused",
    Gw.PASSWORDS_BUSY: "tests/threats/test_u_load.py, which fills the queue",
    Gw.TOO_MANY_STREAMS: "tests/revocations/test_running.py, which opens them",
    Gw.API_REFUSED: BEHIND_A_GATEWAY,
    Gw.API_UNKNOWN: BEHIND_A_GATEWAY,
    Gw.API_UNLISTED: BEHIND_A_GATEWAY,
    Gw.API_DENIED: BEHIND_A_GATEWAY,
    Gw.API_LACKS_SCOPE: BEHIND_A_GATEWAY,
    Gw.GATEWAY_UNREADABLE: BEHIND_A_GATEWAY,
    Gw.GATEWAY_UNKNOWN: BEHIND_A_GATEWAY,
    Gw.SITE_LOGIN: "tests/decisions/test_sites.py, which stands before a gateway, too",
}


@pytest.mark.parametrize(
    ("gw", "case"),
    [pytest.param(gw, case, id=f"{gw}-{at}") for gw, cases in CASES.items() for at, case in enumerate(cases)],
)
async def test_a_refusal_is_looked_up_by_its_reference(scene, gw, case):
    """FU1, FU2: its id, what was received, what was expected, what differs, and what puts it right."""
    scene.member.http.event_hooks["response"].clear()  # 503 and 500 are answers here
    reply = await case.act(scene)
    record = await looked_up(scene.node, reply)
    assert gw == record["diagnosis"], record
    fix = record.get("fix") or CATALOGUE[Gw(gw)].fix
    for part, text in zip(
        (case.received, case.expected, case.difference, case.fix),
        (record["received"], record["expected"], record["difference"], fix),
        strict=True,
    ):
        assert part in text, record
    assert record["message"]
    told = told_in(reply)
    if "error" in told:
        assert told["error"] in {code.value for code in CATALOGUE[Gw(gw)].errors}
        page = told["error"] if told["error"] in ONE_FOR_ALL else gw
        assert told["error_uri"] == f"{scene.node.issuer}/errors/{page}?ref={record['reference']}"


async def test_an_origin_that_is_not_registered_stands_beside_the_refusal_it_hides(scene):
    """FU1: the page sees "Failed to fetch"; under the one reference are both, with the exact command."""
    form = {"client_id": "spa", "grant_type": "refresh_token", "refresh_token": "x"}
    reply = await scene.post("/token", {"origin": "https://spa.example:8443"}, **form)
    assert "access-control-allow-origin" not in reply.headers
    found = {}
    while len(found) < 2:
        same = [
            one for one in kept(scene.node.refusals) if one["reference"] == reply.headers["grantway-flow"]
        ]
        found = {one["diagnosis"]: one for one in same}
    assert {"GW-171", "GW-180"} == set(found)
    origin = found["GW-180"]
    assert (
        "grantway app edit spa --origin https://spa.example --origin https://spa.example:8443"
        in origin["fix"]
    )
    assert "from character 20: ':8443' instead of the end" == origin["difference"]


def test_every_diagnosis_is_in_the_catalogue_and_provoked():
    """FU1: none without its words, none that nobody has seen."""
    assert set(Gw) == set(CATALOGUE)
    assert {gw.value for gw in Gw} - {gw.value for gw in ELSEWHERE} == set(CASES)


def test_what_was_planned_is_there_or_is_said_to_be_absent():
    """FU1: all rows from 101 to 190 of the plan; what is absent of the others says why."""
    planned = {f"GW-{row}" for row in ROWS}
    absent = {one.id for one in ABSENT}
    assert absent.isdisjoint(set(Gw))
    assert planned <= set(Gw)
    assert all(one.why for one in ABSENT)


def test_ids_stay_what_they_are():
    """FU1: they are in people's notes and on their dashboards."""
    assert [gw.value for gw in Gw] == sorted(gw.value for gw in Gw)
    assert all(re.fullmatch(r"GW-[0-9]{3}", gw) for gw in Gw)


def test_every_command_in_the_catalogue_exists():
    """FU1: a fix that names a command names one that there is."""
    from grantway.cli.main import cli

    texts = [text for entry in CATALOGUE.values() for text in (entry.cause, entry.fix)]
    commands = [words for text in texts for words in re.findall(r"`grantway ([^`]+)`", text)]
    assert len(commands) > 10
    for words in commands:
        command, context = cli, None
        rest = words.split()
        while rest and hasattr(command, "get_command"):
            found = command.get_command(context, rest[0])
            assert found is not None, words
            command, rest = found, rest[1:]
        options = {name for param in command.params for name in param.opts}
        assert {word for word in rest if word.startswith("--")} <= options, words
