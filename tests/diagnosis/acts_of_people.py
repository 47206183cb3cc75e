"""What is refused to browsers and people, and what fails on our side."""

import sqlite3
import time
from dataclasses import replace

import httpx2

from grantway.flows.browser import Browser
from grantway.flows.interaction import open_interaction, seal_interaction
from tests.checks.answers import fresh_code
from tests.diagnosis.scene import SPA_ORIGIN
from tests.node import (
    FETCH,
    SAME_ORIGIN,
    Visitor,
    forms,
)

# --- browsers and proxies -----------------------------------------------------


async def unregistered_origin(scene):
    headers = {"origin": SPA_ORIGIN + ":8443"}
    return await scene.post("/token", headers, client_id="spa", grant_type="refresh_token", refresh_token="x")


async def preflight(scene):
    async with scene.node.http() as http:
        headers = {"origin": "http://spa.example", "access-control-request-method": "POST"}
        return await http.request("OPTIONS", "/token", headers=headers)


async def another_host(scene):
    host = scene.node.issuer.removeprefix("http://")
    async with scene.node.http() as http:
        return await http.get("/authorize", headers={"host": "backend:8600", "x-forwarded-host": host})


def description(host):
    """What a client asks for that takes the host of an API for all of its address."""

    async def act(scene):
        async with scene.node.http() as http:
            path = "/.well-known/oauth-protected-resource"
            reply = await http.get(path, headers={"host": host})
        assert f"{path}/PATH" in reply.text
        return reply

    return act


# --- people ---------------------------------------------------------------------


async def bad_return(scene):
    async with scene.node.http() as http:
        there = "https://printer.example/bye"
        return await http.get(
            "/end-session", params={"client_id": "printer", "post_logout_redirect_uri": there}
        )


async def posted_login(scene, *, visitor=None, password="wrong", headers=SAME_ORIGIN, **more):
    visitor = visitor or Visitor(scene.node)
    page = await visitor.get(visitor.link())
    form = forms(page)[0]
    fields = dict(form["fields"]) | {"username": "ada", "password": password, "answer": "login", **more}
    return await visitor.http.post(form["action"], data=fields, headers=headers)


async def wrong_password(scene):
    return await posted_login(scene)


async def too_many_tries(scene):
    for _ in range(12):
        reply = await posted_login(scene, username="grace")
        if reply.status_code == 429:
            return reply
    raise AssertionError("never throttled")


async def from_elsewhere(scene):
    return await posted_login(scene, headers={**FETCH, "sec-fetch-site": "cross-site"})


async def page_of_another(scene):
    page = await scene.member.get(scene.member.link(prompt="login"))
    return await scene.stranger.http.get(f"/login?x={dict(forms(page)[0]['fields'])['x']}", headers=FETCH)


async def old_page(scene):
    visitor = Visitor(scene.node)
    page = await visitor.get(visitor.link("home"))
    cookies = {name.rpartition("_")[2]: value for name, value in visitor.http.cookies.items()}
    browser = Browser(
        session_cookie=None,
        flow_cookies=cookies,
        device_cookie=None,
        network="127.0.0.1",
        user_agent=None,
        sends_fetch_metadata=True,
        framed=False,
    )
    server = scene.node.server
    flow = open_interaction(server, browser, dict(forms(page)[0]["fields"])["x"])
    old = seal_interaction(server, replace(flow, started_at=server.now() - 3600))
    return await visitor.http.get(f"/login?x={old}", headers=FETCH)


async def no_such_app(scene):
    return await scene.member.http.get("/account/apps/remove?client_id=nobody", headers=FETCH)


# --- our side -------------------------------------------------------------------


async def database_held(scene):
    code, verifier = await fresh_code(scene.member)
    with sqlite3.connect(scene.node.database.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        reply = await scene.post("/token", scene.node.basic("printer"), **form)
        other.execute("ROLLBACK")
    other.close()
    return reply


async def broken_row(scene):
    code, verifier = await fresh_code(scene.member)
    with sqlite3.connect(scene.node.database.removeprefix("sqlite:///"), isolation_level=None) as db:
        db.execute(
            "UPDATE grants SET resources = '{' WHERE id = (SELECT grant_id FROM codes WHERE id = ?)",
            (code[5:21],),
        )
    db.close()
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return await scene.post("/token", scene.node.basic("printer"), **form)


async def get_token(scene):
    async with scene.node.http() as http:
        return await http.get("/token")


async def large(scene) -> httpx2.Response:
    return await scene.post("/token", client_id="x" * 70_000)


def now_off(seconds: float) -> float:
    return time.time() + seconds
