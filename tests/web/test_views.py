"""Every page: renders, keeps hostile text inert, loads nothing foreign, and says what it must."""

import inspect
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from grantway.web import account_views, render, site_views, views
from grantway.web.render import Renderer
from tests.web.parsed import Page
from tests.web.sample_views import CONSENT, LOGIN, VIEWS, row

RENDERER = Renderer()
HOSTILE = (
    '"><svg onload=1>',
    "'><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egpj.exe\u2066",
    "a\x00b\x1bc\ud800",
    "W" * 300,
)
ADDRESSES = {
    *("action", "url", "withdraw_path", "terms_uri", "privacy_uri", "metadata_path"),
    *("account_path", "path", "remove_path", "back"),
    *("end_path", "end_others_path", "sign_out_path", "name_path", "password_path", "explained"),
    *("frames", "next_url", "assets_at"),
}
TEMPLATES = sorted((Path(render.__file__).parents[1] / "templates").glob("*.html"))


def page_of(view, renderer=RENDERER):
    return Page(renderer.render(view, lang="en").decode())


def variants(value, text, name=""):
    """The same value with one text field at a time replaced, paired with that field's name."""
    if isinstance(value, str) and not isinstance(value, Enum):
        yield name, lambda: text
    elif isinstance(value, Mapping):
        yield name, lambda: {**value, "state": text}
        yield name, lambda: {**value, text: "value"}
    elif isinstance(value, tuple):
        for index, part in enumerate(value):
            for inner, make in variants(part, text, name):
                yield inner, lambda i=index, make=make: (*value[:i], make(), *value[i + 1 :])
    elif is_dataclass(value):
        for field in fields(value):
            for inner, make in variants(getattr(value, field.name), text, field.name):
                yield inner, lambda n=field.name, make=make: replace(value, **{n: make()})


@pytest.fixture(params=VIEWS.values(), ids=VIEWS)
def view(request):
    return request.param


def test_every_page_has_a_template_and_an_example():
    rooms = (views, account_views, site_views)
    everything = [member for room in rooms for member in inspect.getmembers(room, inspect.isclass)]
    pages = {cls for name, cls in everything if name.endswith("View")}
    assert pages == set(render.TEMPLATES) == {type(view) for view in VIEWS.values()}


# ------------------------------------------------------------------------------------------ hostile text


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_hostile_text_in_any_field_is_only_text(view, hostile):
    for (name, bad), (_, tame) in zip(variants(view, hostile), variants(view, "Tame"), strict=True):
        if name in ADDRESSES:
            with pytest.raises(ValueError, match="is not a"):
                bad()
        else:
            assert page_of(bad()).outline() == page_of(tame()).outline(), name


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "form_post"])
def test_no_text_can_reorder_or_hide_what_stands_beside_it(name):
    for field, make in variants(VIEWS[name], "a\u202eb\u2066c\u200bd\x1be"):
        if field not in ADDRESSES:
            html = RENDERER.render(make()).decode()
            assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x1b]", html), field


def test_marks_and_joiners_that_real_names_need_stay():
    name = "\u0646\u0645\u06cc\u200c\u0634\u0648\u062f \u200f\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"
    assert name in page_of(replace(LOGIN, client_name=name)).words


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        " https://a.example",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://a.example/1",
        "view-source:https://a.example",
        "//a.example",
        "/path",
        "",
        "https://a.example/\n",
    ],
    ids=ascii,
)
def test_nobody_is_sent_to_an_address_that_is_no_place(address):
    for make in (
        lambda: replace(VIEWS["continue"], url=address),
        lambda: views.Link(text="Back", url=address),
        lambda: replace(VIEWS["form_post"], action=address),
        lambda: replace(CONSENT, terms_uri=address),
        lambda: replace(CONSENT, privacy_uri=address),
    ):
        with pytest.raises(ValueError, match="is not an address"):
            make()


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "login", "/a b", "/a\n"]
)
def test_our_own_forms_post_to_our_own_origin(path):
    for make in (
        lambda: replace(LOGIN, action=path),
        lambda: replace(CONSENT, action=path),
        lambda: replace(CONSENT, withdraw_path=path),
        lambda: replace(VIEWS["logout"], action=path),
    ):
        with pytest.raises(ValueError, match="is not a path on this server"):
            make()


def test_a_name_a_template_does_not_find_is_an_error_not_a_blank():
    class Empty:
        pass

    with pytest.raises(UndefinedError):
        Renderer(templates={Empty: "login.html"}).render(Empty())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_turns_escaping_off(template):
    assert not re.search(r"\|\s*safe|autoescape|Markup", template.read_text())


# --------------------------------------------------------------------------------------- what all pages share


@pytest.mark.parametrize("base", ["", "/id"])
def test_nothing_is_inline_and_every_file_is_ours(view, base):
    renderer = Renderer(base=base)
    page = page_of(view, renderer)
    assert not page.all("style")
    for element in page.elements:
        assert not [name for name in element.attributes if name == "style" or name.startswith("on")]
    loaded = [element.attributes["src"] for element in page.all("script") + page.all("img")]
    loaded += [element.attributes["href"] for element in page.all("link")]
    assert loaded
    elsewhere = getattr(view, "assets_at", "")  # a page at a site of somebody else
    assert {url.removeprefix(elsewhere + base) for url in loaded} <= set(renderer.assets)
    assert all(script.text == "" for script in page.all("script"))


def test_every_page_has_the_frame_that_assistive_technology_needs(view):
    page = page_of(view)
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("h1").text.strip()
    assert page.one("main").attributes["id"] == "main"
    assert page.one("a", href="#main")
    assert re.fullmatch(r"\S.* – Grantway", page.one("title").text)
    ids = Counter(element.attributes["id"] for element in page.elements if "id" in element.attributes)
    assert ids.most_common(1)[0][1] == 1
    referred = {ref for e in page.elements for ref in e.attributes.get("aria-describedby", "").split()}
    assert referred <= set(ids)
    labelled = {label.attributes["for"] for label in page.all("label")}
    assert labelled == {e.attributes["id"] for e in page.all("input") if e.attributes["type"] != "hidden"}


def test_help_is_the_same_link_on_every_page_if_there_is_one(view):
    """WCAG 2.2, 3.2.6."""
    assert page_of(view, Renderer(help_url="https://help.example/")).one("footer").text.strip() == "Help"
    assert not page_of(view).all("footer")


# ------------------------------------------------------------------------------------------------- pages


def test_login_asks_for_a_pair_a_password_manager_can_fill():
    page = page_of(replace(LOGIN, username="ada"))
    assert page.one("input", name="x").attributes["value"] == LOGIN.seal
    assert page.one("input", name="username", autocomplete="username").attributes["value"] == "ada"
    assert "value" not in page.one("input", name="password", autocomplete="current-password").attributes
    submit, cancel = page.all("button")
    assert submit.attributes == {
        "id": "login-submit",
        "class": "button primary",
        "name": "answer",
        "value": "login",
    }
    assert cancel.attributes["id"] == "login-cancel"
    assert cancel.attributes["value"] == "cancel"
    assert "formnovalidate" in cancel.attributes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("login_wrong_pair", "The username or the password is not right."),
        ("login_too_many_tries", "Too many tries. Try again in 5 minutes, at 12:05 UTC."),
    ],
)
def test_a_failed_try_says_so_first_and_in_the_title(name, words):
    page = page_of(VIEWS[name])
    assert page.one("title").text.startswith("Error: ")
    problem = page.one("div", role="alert")
    assert "autofocus" in problem.attributes
    assert words in " ".join(problem.text.split())


def test_a_retry_time_goes_with_too_many_tries_only():
    with pytest.raises(ValueError, match="retry"):
        replace(LOGIN, problem=views.LoginProblem.TOO_MANY_TRIES)
    with pytest.raises(ValueError, match="retry"):
        replace(LOGIN, retry=views.Retry(after=1, at=0.0))


def test_allow_is_the_first_button_of_the_consent_form():
    """So that Enter never means the opposite of what the primary button says."""
    buttons = [b for b in page_of(CONSENT).all("button") if "form" not in b.attributes]
    assert [b.attributes["id"] for b in buttons] == ["consent-allow", "consent-deny"]
    assert [b.attributes["value"] for b in buttons] == ["allow", "deny"]


def test_locked_rows_are_ticked_and_disabled():
    page = page_of(CONSENT)
    boxes = {box.attributes["value"]: box.attributes for box in page.all("input", name="scope")}
    assert {scope for scope, box in boxes.items() if "disabled" in box} == {"openid", "photos:read"}
    assert {scope for scope, box in boxes.items() if "checked" in box} == set(boxes) - {"photos:delete"}


def test_each_permission_says_whether_it_reads_or_changes():
    """FS44: in words beside the box and read out with it: nobody has to guess it from the sentence."""
    page = page_of(CONSENT)
    boxes = {box.attributes["value"]: box.attributes for box in page.all("input", name="scope")}
    notes = {
        scope: " ".join(page.one("p", id=box["aria-describedby"]).text.split())
        for scope, box in boxes.items()
    }
    assert notes == {
        "openid": "Part of signing in",
        "email": "Can see",
        "photos:read": "Can see Always needed by this app",
        "photos:write": "Can change",
        "photos:delete": "Sensitive",
    }
    folded = page.all("details")[0]
    assert "See your name and your picture Can see" in " ".join(folded.text.split())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("consent", ["Verified", "printer.example", "Ada Lovelace", "ada@example.org", "up to 90 days"]),
        ("consent", ["It never sees your password", "your connected apps", "terms of use", "privacy policy"]),
        (
            "consent_first_party",
            ["Part of this service", "until you take it back", "It asks for nothing new"],
        ),
        ("consent_loopback", ["Not verified", "127.0.0.1:49321", "This app runs on your own device."]),
        ("consent_loopback", ["12 permissions, 6 ticked", "With every box empty, nothing is shared."]),
        ("consent_scheme", ["example.photopocket:", "Another app could answer in its place."]),
        ("continue_app", ["Open Photo Pocket", "You can close this window"]),
        ("logout", ["Sign out of Grantway and 2 apps?"]),
        ("signed_out_stays", ["an address it has not registered, so you stay here"]),
        ("home", ["This is the Grantway server of id.example"]),
    ],
)
def test_pages_say_what_people_must_know(name, words):
    said = " ".join(page_of(VIEWS[name]).words.split())
    assert [missing for missing in words if missing not in said] == []


@pytest.mark.parametrize(("rows", "folded"), [(8, False), (9, True)])
def test_more_than_eight_rows_are_folded(rows, folded):
    group = views.ScopeGroup(api_name="Files", rows=tuple(row(f"f:{n}", "See") for n in range(rows)))
    page = page_of(replace(CONSENT, groups=(group,), already=()))
    assert bool(page.all("details")) == folded
    assert len(page.all("input", name="scope")) == rows


def test_the_way_back_arrives_byte_for_byte():
    url = "https://a.example/cb?code=1&state=a'b%22;&iss=https%3A%2F%2Fid.example"
    page = page_of(replace(VIEWS["continue"], url=url))
    assert page.one("meta", **{"http-equiv": "refresh"}).attributes["content"] == f"0;url={url}"
    assert page.one("a", id="continue-link").attributes["href"] == url


def test_form_post_sends_every_value_exactly():
    view = VIEWS["form_post"]
    page = page_of(view)
    assert page.one("form").attributes["action"] == view.action
    sent = {field.attributes["name"]: field.attributes["value"] for field in page.all("input")}
    assert sent == view.fields


def test_the_error_page_names_the_error_and_links_nothing_it_received():
    page = page_of(VIEWS["error"])
    assert page.one("main").attributes["data-error"] == "invalid_request"
    assert page.one("code", **{"class": "reference"}).text == "7F3A-91"
    assert page.one("time").attributes["datetime"] == "2026-11-21T12:00:00Z"
    assert "http://localhost:3000/callback/" in page.one("details").text
    links = [a.attributes["href"] for a in page.all("a")]
    assert links == ["#main", "https://printer.example/", "/errors/GW-102?ref=7F3A-91"]
