"""What commands print steers no terminal, wherever its words come from."""

import json

import pytest

from grantway.cli.commands import printable


def test_nothing_that_steers_a_terminal_is_printed():
    """T2: escape sequences, and what turns the direction of writing round."""
    assert printable("Photos\x1b[30;40m\u202e\a\nnext") == "Photos\\x1b[30;40m\\u202e\\x07\nnext"
    assert printable("Fotós – „schön“") == "Fotós – „schön“"


@pytest.mark.parametrize(
    ("path", "code"), [("/photos", 5), ("x\x1b]0;PWNED\x07", 1)], ids=["plan", "mistake"]
)
def test_a_document_cannot_hide_its_plan(gw, folder, path, code):
    """T2, FC1: the title and the paths of a document of others are shown as they are written."""
    words = {"openapi": "3.1.0", "info": {"title": "Photos\x1b[30;40m", "version": "1"}}
    document = folder / "photos.json"
    document.write_text(json.dumps({**words, "paths": {path: {"get": {"responses": {}}}}}))
    done = gw("api", "import", document, "--audience", "https://api.example", "--dry-run", code=code)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout + done.stderr
