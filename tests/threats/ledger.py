"""Everything secret that a run of the server gave out or was given, and a search for it in any octets."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import httpx2

from tests.node import PASSWORD, Visitor
from tests.threats.attacks import Target, consent_page, login_page

_CODE = re.compile(r"gwac_[0-9A-Za-z]{65}")
_KNOWN_WRONG = "my other password"


class Ledger:
    """The secrets of one run."""

    def __init__(self) -> None:
        self.secrets: set[str] = {PASSWORD, _KNOWN_WRONG}

    def visitor(self, target: Target) -> Visitor:
        """A browser whose every cookie, code and token is written down."""
        visitor = Visitor(target)
        visitor.http.event_hooks["response"].append(self.note)
        return visitor

    async def note(self, response: httpx2.Response) -> None:
        await response.aread()
        for header in response.headers.get_list("set-cookie"):
            value = header.partition(";")[0].partition("=")[2]
            if value:
                self.secrets.add(value)
        text = response.headers.get("location", "") + response.text
        self.secrets |= set(_CODE.findall(text))
        if response.headers.get("content-type") == "application/json":
            answer = json.loads(response.text)
            self.secrets |= {answer[name] for name in ("access_token", "refresh_token") if name in answer}

    def disguises(self) -> dict[bytes, str]:
        """Every form in which a secret might lie somewhere: what to look for → the secret."""
        found: dict[bytes, str] = {}
        for secret in self.secrets:
            forms = {secret, quote(secret, safe=""), quote_plus(secret), secret.encode().hex(), secret[::-1]}
            if secret.startswith("gw"):
                forms.add(secret[21:64])  # its random part
            if secret.startswith("ey"):
                forms.add(secret.rpartition(".")[2])  # its signature
            encoded = {form.encode() for form in forms} | set(_base64_of(secret.encode()))
            found |= dict.fromkeys(encoded, secret)
        return found

    def found_in(self, octets: bytes) -> list[str]:
        """The secrets that can be read there."""
        return sorted({secret for form, secret in self.disguises().items() if form in octets})


def _base64_of(octets: bytes) -> list[bytes]:
    """What base64 of a longer text holds of these octets, wherever they begin in it."""
    pieces = []
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + octets)
        inside = text[4 if shift else 0 : -4]
        pieces += [inside, inside.replace(b"+", b"-").replace(b"/", b"_")]
    return pieces


async def run_everything(target: Target, ledger: Ledger) -> None:
    """Every flow there is, and every way to fail in it that carries a secret."""
    ledger.secrets |= set(target.secrets.values())
    visitor = ledger.visitor(target)
    await visitor.sign_in(await login_page(visitor), "ada", _KNOWN_WRONG)
    form = {"redirect_uri": "https://printer.example/callback"}
    for scope in ("photos:read offline_access", "notes:read"):
        page = await consent_page(visitor, scope=scope)
        await visitor.submit(page, answer="deny")
        code = await visitor.code(scope=scope, prompt="consent")
        ledger.secrets.add(code)
        for verifier in ("w" * 43, visitor.verifier, visitor.verifier):
            reply = await target.redeem(code, verifier, **form)
            await ledger.note(reply)
        tokens = await visitor.tokens(scope=scope)
        ledger.secrets |= {tokens["access_token"], tokens["refresh_token"]}
        for _ in range(2):
            await ledger.note(await target.refresh(tokens["refresh_token"]))
        await target.introspect(tokens["access_token"])
        await target.introspect(tokens["refresh_token"])
        await target.introspect(code)
        await target.post("/revoke", "printer", token=tokens["access_token"])
        await target.refresh(tokens["refresh_token"], "other")
        await target.post("/revoke", "printer", token=tokens["refresh_token"])
        await misplaced(target, {"code": code, **tokens})
    for scope in ("calendar:read", "notes:read"):
        await ledger.note(await target.token("machine", grant_type="client_credentials", scope=scope))
    await ledger.note(await visitor.get(visitor.link(response_mode="form_post")))
    await own_pages(visitor, ledger)
    await visitor.submit(await visitor.get("/logout"))


async def own_pages(visitor: Visitor, ledger: Ledger) -> None:
    """A person's own pages, with every secret they carry."""
    new = "a password of tomorrow"
    ledger.secrets.add(new)
    for path in ("", "/apps", "/apps/remove?client_id=printer", "/sessions", "/profile"):
        await visitor.get(f"/account{path}")
    page = await visitor.get("/account/password")
    await visitor.submit(page, current=_KNOWN_WRONG, new=new, again=new)
    await visitor.submit(page, current=PASSWORD, new=new, again=PASSWORD)


async def misplaced(target: Target, secrets: dict) -> None:
    """Secrets where they do not belong: in addresses, names, other parameters and headers."""
    held = {**secrets, "client_secret": target.secrets["printer"]}
    async with target.http() as http:
        for name, secret in held.items():
            for path in ("/token", "/introspect", "/revoke", "/authorize", "/login", "/nowhere"):
                await http.get(path, params={name: secret})
                await http.get(f"{path}/{quote(str(secret), safe='')}")
                for form in (
                    {name: secret},
                    {"grant_type": secret},
                    {"client_id": secret},
                    {"token": secret},
                ):
                    await http.post(path, data=form)
                    headers = {"authorization": f"Bearer {secret}", "user-agent": str(secret)}
                    await http.post(path, data=form, headers=headers)
