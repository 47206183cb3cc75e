"""Whatever a browser sends to a site where people sign in: a decision, never a 5xx, never a pass."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decisions.asking import HERE, gate_on
from tests.decisions.sites import FLOW_COOKIE, NAVIGATES, SITE_COOKIE, SiteBrowser, furnish_site
from tests.node import sqlite_url

TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60)
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
PATHS = st.sampled_from(
    ["/.grantway/callback", "/.grantway/sign-out", "/", "/pages/7", "/.grantway/", "/edit"]
)
PARAMETERS = st.lists(
    st.tuples(st.sampled_from(["code", "state", "iss", "error", "x", "a"]), VISIBLE), max_size=5
)
COOKIES = st.lists(st.tuples(st.sampled_from([SITE_COOKIE, FLOW_COOKIE, "a"]), TEXT), max_size=3)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Sec-Fetch-Site", "Origin", "Accept", "Upgrade", "Sec-Fetch-Dest", "Sec-Fetch-Mode"]
        ),
        TEXT,
    ),
    max_size=3,
)


@pytest.mark.parametrize("family", ["forward", "nginx"])
def test_every_answer_at_a_site_is_a_decision(tmp_path, family):
    """O8, DC06, C19: nobody is let in by what they made up."""
    deep = settings.get_current_profile_name() == "decisions-deep"
    chosen = settings.get_profile("decisions-deep" if deep else "decisions")
    with asyncio.Runner() as runner:
        opened = gate_on(sqlite_url(tmp_path), gateways=HERE)
        gate = runner.run(opened.__aenter__())
        try:
            runner.run(furnish_site(gate))

            @chosen
            @given(st.sampled_from(["GET", "POST", "HEAD"]), PATHS, PARAMETERS, COOKIES, HEADERS)
            def asked(method, path, parameters, cookies, headers) -> None:
                browser = SiteBrowser(gate, family=family)
                query = "&".join(f"{name}={value}" for name, value in parameters)
                jar = "; ".join(f"{name}={value}" for name, value in cookies)
                lines = [f"{name}: {value}" for name, value in headers] or list(NAVIGATES)
                target = path + (f"?{query}" if query else "")
                answer = runner.run(browser.ask(target, f"Cookie: {jar}", *lines, method=method))
                assert answer.meant in {302, 400, 401, 403}
                if answer.meant == 302:
                    assert answer["location"].startswith(gate.node.issuer + "/")
                assert SITE_COOKIE not in browser.cookies

            asked()
        finally:
            runner.run(opened.__aexit__(None, None, None))
