"""The overview of docs/howto/guard-with-a-gateway; tests/proxies runs the pages of nginx and Caddy."""

import re
import tomllib
from pathlib import Path

from grantway.protocol.api_tables import read_apis
from grantway.protocol.registry import Registry
from grantway.settings import GatewaySettings
from tests.decisions.asking import IDENTITY

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "guard-with-a-gateway" / "README.md"
TEXT = PAGE.read_text()


def test_the_definition_of_the_page_is_one():
    """FC2, FS48: the settings are settings, and the API is found where the gateway passes requests on."""
    (block,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    tables = tomllib.loads(block)
    assert GatewaySettings(trusted=tuple(tables["gateways"]["trusted"])).trusted[0] == "127.0.0.1"
    (api,) = read_apis(tables["apis"])
    assert (api, "/photos/7") == Registry.of(1, (), (api,)).api_at("api.example", "/v1/photos/7")
    assert "GET /photos/{id}" == str(api.rule_for("GET", "/photos/7"))


def test_every_identity_header_is_on_the_page_and_no_other():
    """DC01: what the API may rely on is written down."""
    assert sorted(IDENTITY) == sorted(
        name.lower() for name in re.findall(r"^\| `(X-Grantway-\w+)` \|", TEXT, re.MULTILINE)
    )
