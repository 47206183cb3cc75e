"""Client certificates through a real nginx, with curl: configured as the how-to page prints it."""

import asyncio
import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from grantway.protocol.clients import CertificateName
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from grantway.sdk import Guard, Protection, certificate_header
from grantway.settings import ServerSettings
from tests.certificates import Authority, self_signed
from tests.crypto.certified import registrable
from tests.node import CALLBACK, PHOTOS, Node, Visitor, seeded_node, web_client
from tests.printed import blocks, commands, grantway
from tests.services.nginx import nginx
from tests.serving import PATIENCE, serving

PAGE = "docs/howto/authenticate-an-app.md"
AUTHORITY, ANOTHER = Authority("CN=Clients"), Authority("CN=Another")
NAMED = AUTHORITY.issue("CN=app", dns=["app.example"])
EXPIRED = AUTHORITY.issue("CN=app", dns=["app.example"], days=(-30, -1))
IMITATION = ANOTHER.issue("CN=app", dns=["app.example"])
OWN, STRANGER = self_signed("CN=own"), self_signed("CN=own")
ASKED = {"grant_type": "client_credentials", "scope": "photos:read"}


def excerpt() -> str:
    """The lines of configuration that the page prints."""
    return blocks(PAGE, "nginx")[0]


@dataclass
class Front:
    """The server as the world sees it."""

    port: int
    folder: Path
    node: Node

    async def post(self, path: str, *, certificate=None, headers=(), **form: str) -> tuple[int, dict]:
        return await self.curl(
            path,
            *(part for name, value in form.items() for part in ("--data-urlencode", f"{name}={value}")),
            *(part for line in headers for part in ("--header", line)),
            certificate=certificate,
        )

    async def curl(self, path: str, *words: str, certificate=None) -> tuple[int, dict]:
        """What curl gets: the status, and the JSON."""
        shown: list[str] = []
        if certificate is not None:
            crt, key = certificate.write(self.folder, f"client-{certificate.thumbprint}")
            shown = ["--cert", crt, "--key", key]
        out = await self.run_curl(
            *("--silent", "--show-error", "--write-out", "\n%{http_code}"),
            *shown,
            *words,
            f"https://id.example:{self.port}{path}",
        )
        body, _, status = out.rpartition("\n")
        return int(status), json.loads(body) if body.startswith("{") else {"text": body}

    async def run_curl(self, *words: str) -> str:
        """curl with these words, on this machine, believing our authority: what it prints."""
        command = [
            *("curl", "--max-time", "20", "--noproxy", "*"),
            *("--resolve", f"id.example:{self.port}:127.0.0.1"),
            *("--cacert", str(self.folder / "authority.crt")),
            *words,
        ]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode == 0, err.decode()
        return out.decode()


def machine(client_id: str, **members):
    return web_client(
        client_id,
        **{
            "redirect_uris": (),
            "grant_types": frozenset({GrantType.CLIENT_CREDENTIALS}),
            "scope": Scope.of(["photos:read"]),
            "optional_scope": Scope(),
            **members,
        },
    )


@pytest.fixture(scope="module")
async def front(tmp_path_factory):
    """nginx before a server on SQLite, and before an API that the SDK guards."""
    folder = tmp_path_factory.mktemp("nginx")
    settings = ServerSettings(
        trusted_proxies=("127.0.0.1",),
        client_certificate_header="X-Client-Cert",
        client_certificate_verify_header="X-Client-Verify",
        hosts=("id.example",),
    )
    async with seeded_node(f"sqlite:///{folder}/a.db", server=settings) as node:
        await node.put_client(
            machine(
                "named",
                auth_method=AuthMethod.TLS_CLIENT_AUTH,
                certificate_name=CertificateName.parse("san_dns=app.example"),
            )
        )
        await node.put_client(
            machine("own", auth_method=AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, jwks=registrable(OWN))
        )
        await node.put_client(
            web_client(
                "printer_tls",
                auth_method=AuthMethod.TLS_CLIENT_AUTH,
                certificate_name=CertificateName.parse("san_dns=app.example"),
            )
        )
        source = certificate_header("X-Client-Cert", proxies=["127.0.0.1"])

        def api(_origin: str) -> Guard:
            return Guard(_photos, Protection(api=PHOTOS, issuer=node.issuer, certificate=source))

        async with serving(api) as origin:
            with (
                nginx(folder / "id", excerpt(), authority=AUTHORITY, upstream=node.issuer) as port,
                nginx(folder / "api", excerpt(), authority=AUTHORITY, upstream=origin) as api_port,
            ):
                yield Front(port, folder / "id", node), Front(api_port, folder / "api", node)


async def _photos(_scope, _receive, send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def bound_to(token: str) -> str:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["cnf"]["x5t#S256"]


@pytest.mark.parametrize(("client_id", "certificate"), [("named", NAMED), ("own", OWN)], ids=["named", "own"])
async def test_a_certificate_gets_a_token_that_is_bound_to_it(front, client_id, certificate):
    """MT01, FS30: and the API behind the same kind of proxy lets it in beside that certificate alone."""
    server, api = front
    status, reply = await server.post("/token", certificate=certificate, client_id=client_id, **ASKED)
    assert status == 200, reply
    assert bound_to(reply["access_token"]) == certificate.thumbprint
    bearer = ("--header", f"Authorization: Bearer {reply['access_token']}")
    assert (await api.curl("/photos", *bearer, certificate=certificate))[0] == 200
    assert (await api.curl("/photos", *bearer, certificate=STRANGER))[0] == 401
    assert (await api.curl("/photos", *bearer))[0] == 401
    status, told = await server.post(
        "/introspect", certificate=certificate, client_id=client_id, token=reply["access_token"]
    )
    assert (status, told["active"], told["cnf"]) == (200, True, {"x5t#S256": certificate.thumbprint})


@pytest.mark.parametrize(
    ("client_id", "certificate"),
    [
        ("named", None),
        ("named", IMITATION),
        ("named", OWN),
        ("own", None),
        ("own", STRANGER),
        ("own", NAMED),
    ],
    ids=["none", "another authority", "self-made", "nothing", "a stranger", "vouched for"],
)
async def test_any_other_certificate_gets_nothing(front, client_id, certificate):
    """MT01: the names are right, the authority or the key is not."""
    status, reply = await front[0].post("/token", certificate=certificate, client_id=client_id, **ASKED)
    assert (status, reply["error"]) == (401, "invalid_client")


async def test_an_expired_certificate_gets_nothing(front):
    """MT01: nginx refuses it itself."""
    status, reply = await front[0].post("/token", certificate=EXPIRED, client_id="named", **ASKED)
    assert status == 400
    assert "access_token" not in reply


@pytest.mark.parametrize("certificate", [None, STRANGER], ids=["none", "a stranger"])
async def test_headers_of_the_caller_do_not_pass_the_proxy(front, certificate):
    """MT01, O3: the proxy replaces what the caller says about itself."""
    headers = (
        f"X-Client-Cert: {NAMED.escaped}",
        "X-Client-Verify: SUCCESS",
        f"x-client-cert: {NAMED.escaped}",
    )
    for client_id in ("named", "own"):
        status, reply = await front[0].post(
            "/token", certificate=certificate, headers=headers, client_id=client_id, **ASKED
        )
        assert (status, reply["error"]) == (401, "invalid_client")


async def test_a_code_is_exchanged_and_its_tokens_renewed_beside_the_certificate_alone(front):
    """MT01, FS30, FS36: a person's grant to an app that proves itself by certificate, with curl."""
    server, api = front
    visitor = Visitor(server.node)
    code = await visitor.code("printer_tls", scope="photos:read")
    form = {
        "client_id": "printer_tls",
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": visitor.verifier,
    }
    for certificate in (None, IMITATION, STRANGER):
        status, reply = await server.post("/token", certificate=certificate, **form)
        assert (status, reply["error"]) == (401, "invalid_client"), "and the code is not spent"
    status, first = await server.post("/token", certificate=NAMED, **form)
    assert (status, bound_to(first["access_token"])) == (200, NAMED.thumbprint)
    bearer = ("--header", f"Authorization: Bearer {first['access_token']}")
    assert (await api.curl("/photos", *bearer, certificate=NAMED))[0] == 200
    assert (await api.curl("/photos", *bearer))[0] == 401

    renewal = {
        "client_id": "printer_tls",
        "grant_type": "refresh_token",
        "refresh_token": first["refresh_token"],
    }
    assert (await server.post("/token", certificate=STRANGER, **renewal))[0] == 401
    status, second = await server.post("/token", certificate=NAMED, **renewal)
    assert (status, bound_to(second["access_token"])) == (200, NAMED.thumbprint)
    gone = {"client_id": "printer_tls", "token": second["refresh_token"]}
    assert (await server.post("/revoke", **gone))[0] == 401
    assert (await server.post("/revoke", certificate=NAMED, **gone))[0] == 200


async def test_the_commands_of_a_service_with_a_certificate_work_as_printed(front, tmp_path):
    """MT01, FS57, FN17: openssl makes the certificate, the server registers it, curl shows it."""
    server, _ = front
    heading = "## With a certificate instead of a secret"
    make, register, ask = commands("docs/howto/service.md", heading)
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE)
    own = {"GRANTWAY_DEV": "true", "GRANTWAY_ISSUER": server.node.issuer}
    await asyncio.to_thread(
        grantway,
        register[1:],
        tmp_path,
        **own,
        GRANTWAY_DATABASE__URL=f"sqlite:///{server.folder.parent}/a.db",
    )
    await server.node.server.snapshots.refresh()
    here = [
        word.replace("https://id.example/", f"https://id.example:{server.port}/").replace(
            "report.", f"{tmp_path}/report."
        )
        for word in ask[1:]
    ]
    told = json.loads(await server.run_curl(*here))
    assert (told["token_type"], told["scope"]) == ("Bearer", "photos:read")
    assert bound_to(told["access_token"])


async def test_who_needs_no_certificate_is_not_asked_for_one(front):
    """MT01: secrets and browsers go on as before, through the same address."""
    status, reply = await front[0].post(
        "/token", client_id="cli", grant_type="refresh_token", refresh_token="x"
    )
    assert (status, reply["error"]) == (400, "invalid_grant")
    assert (await front[0].curl("/.well-known/oauth-authorization-server"))[0] == 200
