"""What drf-spectacular says about views behind the guard: the flow, and the scopes of each operation.

Imported once, in `urls.py`; that is all:

    import grantway.sdk.spectacular  # noqa: F401
"""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from grantway.sdk.django import protection, template_of
from grantway.sdk.drf import required_scopes
from grantway.sdk.openapi import code_flow, known_api, scopes_to_say

__all__ = ["GrantwayScheme"]


class GrantwayScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`GrantwayAuthentication` in an OpenAPI document: the rules' scopes beside `required_scopes`."""

    target_class = "grantway.sdk.drf.GrantwayAuthentication"
    match_subclasses = True
    name = "Grantway"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:  # noqa: ARG002 - theirs
        """The code flow with this issuer's addresses, and the sentences of the scopes."""
        return {"type": "oauth2", "flows": {"authorizationCode": code_flow(protection())}}

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        """Scopes that are enough for this operation; none for a public one."""
        api, view, method = known_api(protection()), auto_schema.view, auto_schema.method
        template = template_of(auto_schema.path_regex)
        scopes = scopes_to_say(api, method, template, required_scopes(view, method))
        return [] if scopes is None else [{"Grantway": scopes}]
