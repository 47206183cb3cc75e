"""The reference of settings is made from the settings."""

from grantway.settings import options
from scripts.settings_page import PAGE, page


def test_the_page_is_current():
    """FN21: what an operator reads is what the server takes."""
    assert page() == PAGE.read_text(), "next: .venv/bin/python scripts/settings_page.py"


def test_the_page_names_every_setting():
    text = PAGE.read_text()
    assert [one.key for one in options() if f"| `{one.key.rpartition('.')[2]}` |" not in text] == []
