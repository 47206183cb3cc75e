"""Password hashes of other servers. The examples were made by Django 5.2, passlib 1.7 and bcrypt 5."""

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.crypto.imported_hashes import check_of

PASSWORD = "Zwölf Boxkämpfer".encode()
DJANGO_PBKDF2 = "pbkdf2_sha256$1000$fixedSalt01$Tks5IRCrlaP86ir1tVo7jWEi3xNDjgr/lmwG2qVl5Eo="
DJANGO_ARGON2 = (
    "argon2$argon2id$v=19$m=1024,t=2,p=8$Zml4ZWRTYWx0MDE$AdNSB+MlhNOH3heB3RXOCozzl/RU0T6T4TLVqMlTirA"
)
DJANGO_BCRYPT_SHA256 = "bcrypt_sha256$$2b$04$3j7e481ssCJnfJvWOi.eIuTRKA50JKgscdhuQ38b4/EVlNWwuocVC"
PASSLIB_PBKDF2 = "$pbkdf2-sha256$1000$Zml4ZWRTYWx0//4$A.B8klqyTINEUHkgGAVT3I4V4wa9t1A8cELwmOxMlTc"
BCRYPT = "$2b$04$XU/lzc5CLRFEik2Wr6Dxt.GVNZjifw1C6SZfxaDlnyxh3XG6uMGXW"
PASSLIB_SHA512 = (
    "$pbkdf2-sha512$1000$WivlXItRaq3VGqO09p4Twg$"
    "xIDojvqn3Lo2S7Wabo4WJrAN7BO/825b76p03PqWjxNfDqB0gPqEyA9ZYpuReN0Hf345A9V6GsBRjhe6LALZeA"
)
EXAMPLES = [
    DJANGO_PBKDF2,
    "pbkdf2_sha1$1000$fixedSalt01$0iTOnzN98pb3ytP37SM3Fl7fh8A=",
    DJANGO_ARGON2,
    DJANGO_BCRYPT_SHA256,
    "bcrypt$$2b$04$BaxcR/VgXOo.0ug5jBfRxON.H34iNT/y8i86yPcLlLPHSnfI9v8Ei",
    PASSLIB_PBKDF2,
    PASSLIB_SHA512,
    BCRYPT,
    BCRYPT.replace("$2b$", "$2a$"),
    BCRYPT.replace("$2b$", "$2y$"),
    "$argon2i$v=19$m=1024,t=1,p=2$fhU8S93Q3P+xW25nJ1HeIg$FHbWpJlzOlzB0eDrlAWkRqrhEbBKawIUgaNrVpOl5XY",
    "$argon2d$v=19$m=1024,t=1,p=2$gmBEKOTwK4dWO1nDsJpQfQ$dFE0qnpz6ZGkoNAkYlR3pya31a0LTU0OVf2MlZxhqhs",
]


@pytest.mark.parametrize("stored", EXAMPLES)
def test_a_hash_of_another_server_verifies_its_password_and_no_other(stored):
    """C16: by case, trailing space, NUL, a missing character, another normal form."""
    check = check_of(stored)
    assert check is not None
    assert check(PASSWORD)
    others = [
        b"",
        PASSWORD.upper(),
        PASSWORD + b" ",
        PASSWORD + b"\0",
        PASSWORD[:-1],
        "Zwo\u0308lf Boxka\u0308mpfer".encode(),
    ]
    assert not any(check(other) for other in others)


def test_bcrypt_never_verifies_more_than_it_reads():
    """C16: bcrypt reads 72 octets; a password that differs after them is another password."""
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    check = check_of(stored)
    assert check is not None
    assert check(b"x" * 72)
    assert not check(b"x" * 73)
    assert not check(b"x" * 71)
    assert not check(b"x" * 72 + b"\0")


def test_prehashed_bcrypt_reads_all_of_a_long_password():
    import hashlib

    digest = hashlib.sha256(b"x" * 100).hexdigest().encode()
    check = check_of("bcrypt_sha256$" + bcrypt.hashpw(digest, bcrypt.gensalt(4)).decode())
    assert check is not None
    assert check(b"x" * 100)
    assert not check(b"x" * 99)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "!unusable",
        "plaintext",
        "md5$salt$0cc175b9c0f1b6a831c399e269772661",
        "$1$salt$hash",
        "$6$rounds=5000$salt$hash",
        "{SSHA}AAAA",
        "$2x$" + BCRYPT[4:],
        BCRYPT[:-1],
        BCRYPT + "\n",
        " " + BCRYPT,
        "\0",
        "\ud800",
        DJANGO_PBKDF2[:-8],
        DJANGO_PBKDF2.replace("$1000$", "$0$"),
        DJANGO_PBKDF2.replace("$1000$", "$-1$"),
        DJANGO_PBKDF2.replace("sha256", "md5"),
        DJANGO_PBKDF2.replace("fixedSalt01", ""),
        PASSLIB_PBKDF2[:-1],
        PASSLIB_PBKDF2.replace("//4", "//455"),
    ],
)
def test_an_unknown_or_damaged_format_has_no_check(stored):
    assert check_of(stored) is None


@pytest.mark.parametrize(
    "stored",
    [
        BCRYPT.replace("$04$", "$31$"),
        BCRYPT.replace("$04$", "$03$"),
        DJANGO_PBKDF2.replace("$1000$", "$99999999$"),
        DJANGO_ARGON2.replace("m=1024", "m=4194304"),
        DJANGO_ARGON2.replace("t=2", "t=999"),
        DJANGO_ARGON2.replace("p=8", "p=99"),
    ],
)
def test_a_hash_that_would_cost_too_much_has_no_check(stored):
    """U1: an import must not make logins a denial of service."""
    assert check_of(stored) is None


@given(st.sampled_from(EXAMPLES), st.data())
def test_no_damaged_hash_makes_a_check_raise(stored, data):
    at = data.draw(st.integers(0, len(stored) - 1))
    damaged = stored[:at] + data.draw(st.characters(codec="ascii")) + stored[at + 1 :]
    check = check_of(damaged) if "$04$" in damaged or "$1000$" in damaged or "m=1024" in damaged else None
    assert check is None or check(PASSWORD) in (True, False)
