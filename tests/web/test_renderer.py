"""The renderer: files by their content, the language, times in words."""

import re

import pytest

from grantway.web import render
from grantway.web.render import Renderer
from tests.web.parsed import Page
from tests.web.sample_views import LOGIN

RENDERER = Renderer()


def test_files_are_addressed_by_their_content_below_the_base():
    renderer = Renderer(base="/id")
    url = renderer.asset_url("grantway.css")
    assert re.fullmatch(r"/id/static/grantway\.[0-9a-f]{8}\.css", url)
    asset = renderer.assets[url.removeprefix("/id")]
    assert asset.content_type == "text/css; charset=utf-8"
    assert asset.body.startswith(b"/*")
    assert "immutable" in render.CACHE_FOR_EVER


@pytest.mark.parametrize("base", ["/", "id", "/id/", "//evil.example", '/"'])
def test_a_base_that_is_no_plain_path_is_refused(base):
    with pytest.raises(ValueError, match="base"):
        Renderer(base=base)


@pytest.mark.parametrize("lang", ["en", "en-GB", "tlh", "", '"><svg>'])
def test_the_language_named_is_the_language_written(lang):
    assert Page(RENDERER.render(LOGIN, lang=lang).decode()).one("html").attributes["lang"] == "en"


def test_the_style_sheet_is_small_and_loads_nothing():
    css = RENDERER.assets[RENDERER.asset_url("grantway.css")].body
    assert len(css) <= 20_000
    assert not re.search(rb"url\(|@import|!important", css)
    drawn_with = set(re.findall(rb"#[0-9a-f]{3,8}\b", css.partition(b"@layer reset {")[2]))
    assert drawn_with == set(), "colours are tokens"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a moment"),
        (1, "1 second"),
        (60, "1 minute"),
        (61, "61 seconds"),
        (290, "5 minutes"),
        (3_600, "1 hour"),
        (5_400, "90 minutes"),
        (86_400, "1 day"),
        (90 * 86_400, "90 days"),
    ],
)
def test_durations_are_words_and_never_too_short(seconds, words):
    assert render.duration(seconds) == words


@pytest.mark.parametrize(
    ("at", "words"), [(0, "00:00 UTC"), (1, "00:01 UTC"), (60, "00:01 UTC"), (60.5, "00:02 UTC")]
)
def test_the_time_to_come_back_is_never_too_early(at, words):
    assert render.clock(at) == words
