"""What may be written down about a person."""

from dataclasses import replace

import pytest

from grantway.protocol.people import Address, Profile
from grantway.protocol.profiles import merged, person_problems, with_claims
from tests.protocol.samples import ADA


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"email": "ada@id.example", "email_verified": True},
        {"email": "ada+x@localhost"},
        {"profile": Profile(birthdate="1815"), "name": "Ada Łovelace 日本"},
        {"profile": Profile(birthdate="0000-12-10", zoneinfo="America/Argentina/Ushuaia", locale="pt-BR")},
        {"profile": Profile(phone_number="(604) 555-1234;ext=5678", website="https://ada.example/?a=b")},
        {"profile": Profile(address=Address(formatted="12 St James's Square\nLondon"))},
    ],
)
def test_what_may_stand(changes):
    """UI05"""
    assert [] == person_problems(replace(ADA, **changes))


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"email": "ada"}, "email"),
        ({"email": "a b@id.example"}, "email"),
        ({"email_verified": True}, "email_verified"),
        ({"profile": Profile(birthdate="10.12.1815")}, "birthdate"),
        ({"profile": Profile(picture="javascript:alert(1)")}, "picture"),
        ({"profile": Profile(website="https://ada.example/ x")}, "website"),
        ({"profile": Profile(zoneinfo="Europe/../Paris")}, "zoneinfo"),
        ({"profile": Profile(locale="english, please")}, "locale"),
        ({"profile": Profile(phone_number="ada")}, "phone_number"),
        ({"profile": Profile(nickname="x" * 1001)}, "nickname"),
        ({"profile": Profile(address=Address(formatted="London\x00"))}, "address"),
        ({"profile": Profile(nickname="x" * 999, gender="x" * 999, given_name="é" * 600)}, "profile"),
    ],
)
def test_what_may_not_stand(changes, about):
    """UI05: everything about somebody fits into one signed token."""
    problems = person_problems(replace(ADA, **changes))
    assert [about] == [problem.partition(":")[0] for problem in problems]


def test_a_claim_is_set_and_taken_away_by_name():
    """UI05"""
    profile = with_claims(Profile(), {"given_name": "Ada", "address.locality": "London"})
    assert Profile(given_name="Ada", address=Address(locality="London")) == profile
    assert Profile(given_name="Ada") == with_claims(profile, {"address.locality": ""})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("givn_name", "did you mean given_name"),
        ("address.city", "is not known"),
        ("updated_at", "is not known"),
        ("phone_number_verified", "true or false"),
    ],
)
def test_a_claim_that_does_not_exist_is_refused(name, words):
    """UI05"""
    with pytest.raises(ValueError, match=words):
        with_claims(Profile(), {name: "x"})


def test_another_number_has_not_been_verified():
    """UI05: whoever changes the number says so again."""
    verified = with_claims(Profile(), {"phone_number": "+44 1", "phone_number_verified": "true"})
    assert verified.phone_number_verified
    assert not with_claims(verified, {"phone_number": "+44 2"}).phone_number_verified
    assert not merged(verified, Profile(phone_number="+44 2")).phone_number_verified
    assert verified == merged(verified, Profile())
