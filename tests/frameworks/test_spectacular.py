"""drf-spectacular's document of a guarded project: the flow, and each operation's scopes."""

from django.test import override_settings
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate

from grantway.sdk import Protection
from tests.frameworks import django_site
from tests.frameworks.definition import API, READ, WRITE


def document(urls=django_site.REST):
    protection = Protection(api=API, issuer="https://id.example")
    with override_settings(GRANTWAY=protection, ROOT_URLCONF=urls):
        import grantway.sdk.spectacular  # noqa: F401 - as the page says

        return SchemaGenerator().get_schema(public=True)


def test_operations_say_the_scopes_of_their_rules_and_of_their_code():
    """FS45: as FastAPI's do; a public one needs no token."""
    paths = document()["paths"]
    assert [{"Grantway": [READ]}] == paths["/photos"]["get"]["security"]
    assert [{"Grantway": [WRITE]}] == paths["/photos"]["post"]["security"]
    assert [{"Grantway": [READ]}] == paths["/inner/albums/{name}"]["get"]["security"]
    assert [{"Grantway": [WRITE]}] == paths["/extra"]["get"]["security"]
    assert [{"Grantway": []}] == paths["/files/{rest}"]["get"]["security"], "refused, and never public"
    assert "security" not in paths["/health"]["get"]


def test_the_document_describes_the_flow_and_is_a_valid_one():
    """FS45"""
    told = document()
    validate(told)
    scheme = told["components"]["securitySchemes"]["Grantway"]
    flow = scheme["flows"]["authorizationCode"]
    assert ("oauth2", "https://id.example/token") == (scheme["type"], flow["tokenUrl"])
    assert "Words for photos:read" == flow["scopes"][READ]
