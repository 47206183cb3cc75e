"""The pages of docs/reference are made from the code, and say what the code does."""

import re

import pytest

from grantway.cli.main import cli
from grantway.protocol.catalogue import CATALOGUE
from grantway.protocol.errors import ERRORS
from grantway.settings import options
from grantway.web.routes import ROUTES
from scripts import screenshots
from scripts.endpoints_page import details
from scripts.made_pages import FOLDER, pages
from tests.cli.test_help_pages import PAGES as HELP
from tests.node import seeded_node, sqlite_url

MADE = dict(pages())


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_a_page_is_current(path):
    """FN17, FN21: what is read is what the server takes."""
    assert MADE[path] == path.read_text("utf-8"), "next: make pages"


def test_the_gallery_shows_every_page():
    """FN17: in both themes and widths; that each picture is there is the test of links."""
    shown = (screenshots.FOLDER / "README.md").read_text("utf-8")
    assert screenshots.gallery() == shown, "next: .venv/bin/python scripts/screenshots.py"


def test_the_page_of_settings_names_every_one():
    """FN21: none is without a line."""
    text = (FOLDER / "settings.md").read_text("utf-8")
    assert [one.key for one in options() if f"| `{one.key.rpartition('.')[2]}` |" not in text] == []


def test_the_page_of_commands_names_every_one_with_every_option():
    """FN17: and each link leads to its section."""
    text = (FOLDER / "cli.md").read_text("utf-8")
    leaves = [words for words in HELP if not any(other.startswith(f"{words} ") for other in HELP if words)]
    missing = [words for words in leaves if words and f"\n## grantway {words}\n" not in text]
    assert missing == []
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) == {
        found.replace(" ", "-") for found in re.findall(r"^## (.+)$", text, re.MULTILINE)
    }
    assert all(f"`grantway {name}" in text for name in cli.list_commands(None))


def test_each_diagnosis_has_an_anchor():
    """FU1, FN17: what a developer reads is what the server says."""
    lines = (FOLDER / "errors.md").read_text("utf-8").splitlines()
    assert [gw for gw in CATALOGUE if f"## {gw}" not in lines] == []


async def test_every_endpoint_answers_the_methods_of_the_page_and_no_other(tmp_path):
    """MD04, FN17: the page is asked of a running server, route by route."""
    text = (FOLDER / "endpoints.md").read_text("utf-8")
    assert [path for path in ROUTES if f"`{path}`" not in text and not path.startswith(ERRORS)] == []
    assert f"`{ERRORS}{{name}}`" in text
    async with seeded_node(sqlite_url(tmp_path)) as node, node.http() as http:
        for path in details():
            listed = re.search(
                rf"^## {re.escape(path)}\n.*?Methods\*\*: (.*?)\n", text, re.DOTALL | re.MULTILINE
            )
            refused = await http.request("PATCH", path)
            assert refused.status_code == 405
            assert set(refused.headers["allow"].split(", ")) == set(re.findall(r"\w+", listed[1])), path


async def test_forms_are_all_that_machines_may_post(tmp_path):
    """FS23: the content type of the page, and no other."""
    async with seeded_node(sqlite_url(tmp_path)) as node, node.http() as http:
        for path, detail in details().items():
            if "POST" in ROUTES[path] and "x-www-form-urlencoded" in detail.takes:
                reply = await http.post(path, json={"client_id": "printer"})
                assert reply.status_code == 400, path
