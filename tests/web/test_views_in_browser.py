"""Every page in a real browser, under the policy it is served with: accessible, calm, and it works."""

from dataclasses import replace

import pytest

from grantway.protocol.session_clients import origin_of
from grantway.web.render import Renderer
from grantway.web.views import Account, Destination, DestinationKind, ScopeGroup
from tests.web.axe import assert_accessible
from tests.web.sample_account_views import APPS, PRINTER, SENSITIVE, SESSIONS, SURE, THERE
from tests.web.sample_views import CONSENT, VIEWS, row

HERE = "http://id.example"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "{form}base-uri 'none'; frame-ancestors 'none'{frames}"
)
RENDERER = Renderer()
WORD = "W" * 300
LONG = replace(
    CONSENT,
    client_name=WORD,
    account=Account(name=WORD, username=f"{WORD}@"),
    destination=Destination(kind=DestinationKind.WEB, shown=WORD),
    groups=(ScopeGroup(api_name=WORD, rows=(row("a", WORD, kind=SENSITIVE),)),),
)
PAGES = {
    **VIEWS,
    "consent_long": LONG,
    "login_long": replace(VIEWS["login_wrong_pair"], client_name=WORD, client_host=WORD),
    "account_apps_long": replace(APPS, cards=(replace(PRINTER, name=WORD, hosts=(WORD,), changes=(WORD,)),)),
    "account_sessions_long": replace(SESSIONS, cards=(replace(THERE, browser=WORD, network=WORD),)),
    "account_sure_long": replace(SURE, question=WORD, consequences=(WORD,), answer=WORD),
    "explained_long": replace(VIEWS["explained"], title=WORD, cause=WORD, fix=WORD, spec=WORD),
    "error_long": replace(VIEWS["error"], heading=WORD, sentence=WORD, reference=WORD, spec=WORD),
}


async def show(page, view, *, elsewhere=None):
    """Open the page as the server would answer it. Returns what the browser refused to do.

    Another host answers with the page `elsewhere`, or in a way that leaves the browser where it is.
    """
    refused = []
    form = "" if view is VIEWS["form_post"] else "form-action 'self'; "
    shown = sorted({origin_of(frame) for frame in getattr(view, "frames", ())})
    frames = f"; frame-src {' '.join(shown)}" if shown else ""

    async def answer(route):
        path = route.request.url.removeprefix(HERE)
        if path == "/":
            headers = {"Content-Security-Policy": POLICY.format(form=form, frames=frames)}
            await route.fulfill(
                body=RENDERER.render(view), content_type="text/html; charset=utf-8", headers=headers
            )
        elif path in RENDERER.assets:
            asset = RENDERER.assets[path]
            await route.fulfill(body=asset.body, content_type=asset.content_type)
        elif elsewhere:
            await route.fulfill(body=elsewhere, content_type="text/html")
        else:
            await route.fulfill(status=204)

    def listen(message):
        if "Content Security Policy" in message.text:
            refused.append(message.text)

    page.on("console", listen)
    await page.route("**/*", answer)
    await page.goto(f"{HERE}/", wait_until="commit")  # some pages leave before they have loaded
    await page.locator("h1").wait_for()
    return refused


@pytest.mark.parametrize("name", PAGES)
async def test_pages_are_accessible_in_both_themes_on_phones_and_desks(page, name):
    refused = await show(page, PAGES[name])
    await page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true })")
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        for width in (320, 1280):
            await page.set_viewport_size({"width": width, "height": 640})
            await assert_accessible(page)
    assert not refused


async def test_focus_goes_to_what_went_wrong_and_from_there_to_the_field(page):
    await show(page, VIEWS["login_wrong_pair"])
    assert await page.evaluate("() => document.activeElement.getAttribute('role')") == "alert"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await page.evaluate("() => document.activeElement.id") == "username"


@pytest.mark.parametrize("name", ["consent", "consent_loopback"])
@pytest.mark.parametrize(("width", "height"), [(320, 480), (320, 568), (360, 640), (1280, 600)])
async def test_both_answers_of_a_consent_are_in_sight(page, name, width, height):
    """One is as easy to give as the other, on a small phone, too."""
    await page.set_viewport_size({"width": width, "height": height})
    await show(page, VIEWS[name])
    for answer in ("#consent-allow", "#consent-deny"):
        box = await page.locator(answer).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, answer


async def test_consent_can_be_given_with_the_keyboard_and_focus_is_never_covered(page):
    """WCAG 2.2, 2.4.11: no focused control hides behind the answer that stays in sight."""
    await page.set_viewport_size({"width": 320, "height": 640})
    await show(page, CONSENT)
    covered = """() => { const one = document.activeElement.getBoundingClientRect(),
        bar = document.querySelector('.sticky').getBoundingClientRect();
        return !document.activeElement.closest('.sticky') && one.bottom > bar.top }"""
    for _ in range(30):
        await page.keyboard.press("Tab")
        assert not await page.evaluate(covered), await page.evaluate("() => document.activeElement.outerHTML")
        if await page.evaluate("() => document.activeElement.value") == "photos:write":
            await page.keyboard.press("Space")
        if await page.evaluate("() => document.activeElement.id") == "consent-allow":
            break
    async with page.expect_request(f"{HERE}/consent") as sent:
        await page.keyboard.press("Enter")
    body = (await sent.value).post_data
    assert body == "x=v1.c2VhbGVk.aGlkZGVu&scope=email&answer=allow"


async def test_another_account_is_asked_for_without_an_answer_to_the_app(page):
    await show(page, CONSENT)
    async with page.expect_request(f"{HERE}/consent") as sent:
        await page.locator("#consent-switch").click()
    assert (await sent.value).post_data == "answer=switch&x=v1.c2VhbGVk.aGlkZGVu"


async def test_cancel_needs_no_password(page):
    await show(page, VIEWS["login"])
    async with page.expect_request(f"{HERE}/login") as sent:
        await page.locator("#login-cancel").click()
    assert (await sent.value).post_data.endswith("&answer=cancel")


async def test_enter_in_the_password_field_signs_in(page):
    await show(page, VIEWS["login"])
    await page.locator("#username").fill("ada")
    await page.locator("#password").fill("secret")
    async with page.expect_request(f"{HERE}/login") as sent:
        await page.keyboard.press("Enter")
    assert (await sent.value).post_data.endswith("&username=ada&password=secret&answer=login")


async def test_the_continue_page_leaves_by_itself_and_tells_nobody_where_from(page):
    view = VIEWS["continue"]
    async with page.expect_request(view.url) as left:
        await show(page, view)
    assert "referer" not in await (await left.value).all_headers()


async def test_form_post_posts_by_itself(page):
    view = VIEWS["form_post"]
    async with page.expect_request(view.action) as left:
        refused = await show(page, view)
    request = await left.value
    assert request.method == "POST"
    assert request.post_data_json == view.fields
    assert not refused


async def test_form_post_works_without_scripts(browser):
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    view = VIEWS["form_post"]
    await show(page, view)
    async with page.expect_request(view.action) as left:
        await page.locator("#form-post-submit").click()
    assert (await left.value).post_data_json == view.fields
    await context.close()


async def test_the_back_button_does_not_post_a_second_time(page):
    view = VIEWS["form_post"]
    posts = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    await page.goto("about:blank#before")
    await show(page, view, elsewhere="<h1>The app</h1>")
    await page.wait_for_url(view.action)
    await page.go_back()
    await page.wait_for_url("about:blank#before")
    assert posts == [view.action]


async def test_borders_stay_where_colours_are_forced(browser):
    context = await browser.new_context(forced_colors="active")
    page = await context.new_page()
    await show(page, CONSENT)
    for part in ("#consent-allow", "#consent-deny", ".badge", ".panel >> nth=0"):
        width = await page.locator(part).first.evaluate("(one) => getComputedStyle(one).borderTopWidth")
        assert width == "1px", part
    await context.close()
