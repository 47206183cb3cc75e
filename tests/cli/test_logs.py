"""Log lines, as operators and their machines read them."""

import io
import json
import logging
import re
import sys

import pytest

from grantway.cli.logs import Columns, JsonLines, log_to_stderr
from grantway.crypto.envelope import MasterKey
from grantway.crypto.jwk import SigningKey
from grantway.crypto.secrets import SecretKind, issue_secret
from tests.gathered import Gathered

SECRET = issue_secret(SecretKind.REFRESH_TOKEN, now=1_700_000_000.0).text
JWT = SigningKey.generate("ES256").sign({"sub": "ada"}, typ="at+jwt")


def record(message, *arguments, failure=None, **extra):
    made = logging.LogRecord("grantway.web", logging.ERROR, __file__, 1, message, arguments, failure)
    made.__dict__ |= extra
    return made


def raised(words):
    try:
        raise ValueError(words)  # noqa: TRY301 - raised to be caught
    except ValueError:
        return sys.exc_info()


def test_a_json_line_has_its_time_level_event_and_reference():
    """Surfaces §4: one object a line, RFC 3339 in UTC."""
    line = JsonLines().format(record("refused %s", "x", reference="7F3A-91", path="/token"))
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("ts"))
    assert told == {
        "level": "error",
        "event": "grantway.web",
        "message": "refused x",
        "reference": "7F3A-91",
        "path": "/token",
    }


@pytest.mark.parametrize("form", [JsonLines(), Columns(color=False), Columns(color=True)])
@pytest.mark.parametrize("secret", [SECRET, JWT], ids=["opaque", "jwt"])
def test_no_form_writes_a_secret_whoever_put_it_there(form, secret):
    """T1: in the message, in a field, in the words of an exception."""
    for one in (
        record("got %s", secret),
        record("got", path=f"/x/{secret}"),
        record("failed", failure=raised(f"cannot read {secret!r}")),
    ):
        assert secret[10:40] not in form.format(one)


@pytest.mark.parametrize("text", ["\r\n12:00:00 forged", "\x1b[31m", "\u2028forged", "\x00", "\x85", "é\n"])
def test_one_event_is_one_line(text):
    """T2: a line that the caller wrote stays inside ours."""
    failure = raised(text)
    line = JsonLines().format(record("%s", text, reference=text, failure=failure))
    assert line.isascii()
    assert line.isprintable()
    first, *more = Columns(color=False).format(record("%s", text, failure=failure)).split("\n")
    assert first.isprintable()
    assert all(one.startswith("    ") and one.isprintable() for one in more)


@pytest.mark.parametrize(("form", "tty", "is_json"), [("auto", True, False), ("auto", False, True)])
def test_a_terminal_gets_columns_and_a_pipe_gets_json(monkeypatch, form, tty, is_json):
    """Surfaces §4."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: tty)
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        log_to_stderr(form, "warning")
        logging.getLogger("grantway.test").warning("seen")
        logging.getLogger("other").info("not seen")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    (line,) = stream.getvalue().splitlines()
    assert is_json == line.startswith("{")


def test_the_search_through_all_logs_finds_what_it_looks_for():
    """T1: raw, inside other text, in base64 and in hex; and nothing where there is nothing."""
    gathered = Gathered()
    made = issue_secret(SecretKind.CODE, now=1_700_000_000.0).text
    gathered.note("gwac", made[21:64])
    key = MasterKey.generate()
    gathered.note("master key", key.secret.hex())
    harmless = issue_secret(SecretKind.CODE, now=1_700_000_000.0).text
    for text in (f"code={harmless}", f"key id {key.key_id}", made[:20]):
        gathered.emit(record(text))
    assert gathered.found() == []
    for text in (f"code={made}&x=1", f"xx{made[20:45]}", made.encode().hex(), key.secret.hex()):
        gathered.lines.clear()
        gathered.emit(record("%s", text))
        assert len(gathered.found()) == 1, text
