"""mozilla-django-oidc as the client: a Django project with what the how-to page adds to it, served."""

import asyncio
import subprocess
import sys

from playwright.async_api import expect

from tests.certificates import Authority
from tests.clients.person import press
from tests.clients.web_apps import PAGE, printed_app, sign_in_and_allow
from tests.node import free_port
from tests.printed import blocks, clean_environment
from tests.services.nginx import nginx
from tests.serving import PATIENCE

HEADING = "## Django: mozilla-django-oidc"
# What `django-admin startproject` writes, as far as this site needs it.
PROJECT = """
DEBUG = True
SECRET_KEY = "not a secret of anybody"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
"""
DJANGO = (sys.executable, "-m", "django")
PATIENT = 3  # seconds until the site asks again
COMMAND = (*DJANGO, "runserver", "--noreload", "127.0.0.1:{port}")


# Behind a proxy that speaks TLS.
PROXIED = 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")'
EXCERPT = """
        location / {
            proxy_pass http://127.0.0.1:8600;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto https;
        }
"""


def club(node, database, folder, *, asked_again_after: int = 600, **served):
    """The project in this folder, with an empty database."""
    settings, club, urls = blocks(PAGE, "python", HEADING)
    added = settings.replace("EXPIRY_SECONDS = 600", f"EXPIRY_SECONDS = {asked_again_after}")
    (folder / "settings.py").write_text(f"{PROJECT}\n{added}\n{PROXIED}")
    (folder / "club.py").write_text(club)
    (folder / "urls.py").write_text(urls)
    own = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}
    none = {"ISSUER": "", "CLIENT_ID": "", "CLIENT_SECRET": ""}
    subprocess.run(
        [*DJANGO, "migrate", "--verbosity", "0"],
        cwd=folder,
        env=clean_environment(**own, **none),
        check=True,
        timeout=PATIENCE,
    )
    return printed_app(node, folder, HEADING, COMMAND, database=database, **own, **served)


async def test_a_django_site_knows_its_member_by_subject(node, database, page, tmp_path):
    """FS29, FN17, ID01, ID03, UI01, LO01: state, nonce, signature and claims, then signed out of both.

    On the way out nobody is asked: the ID token says who it is.
    """
    async with club(node, database, tmp_path) as app:
        await page.goto(f"{app.origin}/members/")
        await sign_in_and_allow(page)
        await expect(page.locator("body")).to_contain_text("Members: Ada Lovelace")
        await press(page, "Leave")
        await expect(page.locator("body")).to_have_text("Hello stranger")
        assert page.url == f"{app.origin}/"
        await page.goto(f"{node.issuer}/account")
        await expect(page.get_by_label("Password")).to_be_visible()

        await page.goto(f"{app.origin}/members/")
        await sign_in_and_allow(page)
        await expect(page.locator("body")).to_contain_text("Members: Ada Lovelace")
        await page.goto(app.origin)
        await expect(page.locator("body")).to_have_text("Hello Ada Lovelace")


async def test_a_django_site_finds_out_that_somebody_has_left(node, database, browser, tmp_path):
    """AZ24, AZ25: the library asks again with prompt=none; the answer is silent, then `login_required`.

    Behind a proxy with TLS: what people allowed is remembered for apps that nobody can imitate.
    """
    port = free_port()
    with nginx(
        tmp_path / "nginx", EXCERPT, authority=Authority(), upstream=f"http://127.0.0.1:{port}"
    ) as tls:
        origin = f"https://127.0.0.1:{tls}"
        async with club(node, database, tmp_path, asked_again_after=PATIENT, port=port, origin=origin) as app:
            context = await browser.new_context(ignore_https_errors=True)
            page = await context.new_page()
            await page.goto(f"{app.origin}/members/")
            await sign_in_and_allow(page)
            await expect(page.locator("body")).to_contain_text("Members: Ada Lovelace")

            seen = []
            page.on("request", lambda request: seen.append(request.url))
            await asyncio.sleep(PATIENT + 0.5)
            await page.goto(f"{app.origin}/members/")
            await expect(page.locator("body")).to_contain_text("Members: Ada Lovelace")
            assert any("prompt=none" in url for url in seen)
            assert not any("/consent" in url for url in seen)

            await context.clear_cookies(name="gw_s")
            await asyncio.sleep(PATIENT + 0.5)
            await page.goto(f"{app.origin}/members/")
            await expect(page.locator("body")).to_have_text("Hello stranger")
            await context.close()
