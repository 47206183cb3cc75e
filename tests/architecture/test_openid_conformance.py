"""docs/openid-conformance.md has every module of the plans, and the tests it names exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "openid-conformance.md").read_text()
BASIC = (
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-alternate-happy-flow",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
)
LOGOUT = (
    "-discovery-endpoint-verification",
    "",
    "-bad-post-logout-redirect-uri",
    "-modified-id-token-hint",
    "-no-id-token-hint",
    "-no-params",
    "-no-post-logout-redirect-uri",
    "-no-state",
    "-only-state",
    "-query-added-to-post-logout-redirect-uri",
    "-bad-id-token-hint",
)
# As in the suite's own lists (net.openid.conformance.openid.OIDCC…TestPlan, August 2026).
PLANS = {
    "oidcc-config-certification-test-plan": ("oidcc-discovery-endpoint-verification",),
    "oidcc-basic-certification-test-plan": BASIC,
    "oidcc-formpost-basic-certification-test-plan": BASIC,
    "oidcc-rp-initiated-logout-certification-test-plan": tuple(
        f"oidcc-rp-initiated-logout{name}" for name in LOGOUT
    ),
    "oidcc-backchannel-rp-initiated-logout-certification-test-plan": (
        "oidcc-backchannel-logout-discovery-endpoint-verification",
        "oidcc-backchannel-rp-initiated-logout",
    ),
    "oidcc-frontchannel-rp-initiated-logout-certification-test-plan": (
        "oidcc-frontchannel-logout-discovery-endpoint-verification",
        "oidcc-frontchannel-rp-initiated-logout",
    ),
}
_ROW = re.compile(r"\| `(?P<module>oidcc-[^`]+)` \| (?P<asks>[^|]+) \| (?P<tests>[^|]+) \|")


def rows_of(plan: str) -> list[tuple[str, list[str]]]:
    """The modules below a plan's heading, each with the tests named beside it."""
    section = DOCUMENT.split(f"\n## {plan}\n")[1].split("\n## ")[0]
    found = (_ROW.fullmatch(line) for line in section.splitlines() if line.startswith("| `"))
    return [(row["module"], re.findall(r"`([^`]+)`", row["tests"])) for row in found if row]


def names_in(file: str) -> set[str]:
    """The names of the tests of a file below tests/."""
    path = ROOT / "tests" / file
    if not path.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("plan", PLANS)
def test_every_module_of_a_plan_has_its_row(plan):
    assert list(PLANS[plan]) == [module for module, _ in rows_of(plan)]


def test_there_is_no_other_plan():
    assert list(PLANS) == re.findall(r"\n## (oidcc-\S+)\n", DOCUMENT)


@pytest.mark.parametrize("plan", PLANS)
def test_every_row_names_tests_that_exist(plan):
    without = [module for module, tests in rows_of(plan) if not tests]
    unknown = [
        test
        for _, tests in rows_of(plan)
        for test in tests
        if test.partition("::")[2] not in names_in(test.partition("::")[0])
    ]
    assert (without, unknown) == ([], [])


def test_nobody_is_promised_a_seal():
    """The plans carry the word in their names; no sentence of ours does."""
    assert "certif" not in re.sub(r"oidcc-\S+", "", DOCUMENT).lower()
