"""Who calls? Clients that prove themselves by certificate, and tokens bound to one (RFC 8705).

The certificate comes in a header, as from the proxy that this test stands in for; tests/proxies has nginx.
"""

import base64
import json

import pytest

from grantway.protocol.apis import Api, ApiScope, TokenFormat
from grantway.protocol.clients import CertificateName, ClientType
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from grantway.settings import ServerSettings
from tests.certificates import Authority, self_signed
from tests.checks.answers import FORM, CheckedNode, is_error, is_unauthenticated, tokens_of
from tests.crypto.certified import registrable
from tests.node import Visitor, seeded_node, web_client

BEHIND_A_PROXY = {
    "trusted_proxies": ("127.0.0.1",),
    "client_certificate_header": "X-Client-Cert",
    "client_certificate_verify_header": "X-Client-Verify",
}
NOTES = Api(
    identifier="https://api.example/notes",
    name="Notes",
    scopes=(ApiScope(name="notes:read", description="Read your notes"),),
    token_format=TokenFormat.OPAQUE,
)
AUTHORITY = Authority()
NAMED = AUTHORITY.issue(
    "CN=Photo Printer,O=Example",
    dns=["Printer.example", "other.example"],
    uris=["https://printer.example/id"],
    ips=["192.0.2.7", "2001:db8::7"],
    emails=["printer@example.org"],
)
OWN, SECOND, STRANGER = self_signed("CN=own"), self_signed("CN=second"), self_signed("CN=own")
ASKED = {"grant_type": "client_credentials", "scope": "calendar:read"}
KINDS = {
    "by_dn": "subject_dn=CN=Photo\\20Printer,O=Example",
    "by_dns": "san_dns=printer.example",
    "by_uri": "san_uri=https://printer.example/id",
    "by_ip": "san_ip=192.0.2.7",
    "by_ip6": "san_ip=2001:DB8:0::7",
    "by_email": "san_email=printer@example.org",
}


def machine(client_id: str, **members):
    return web_client(
        client_id,
        **{
            "grant_types": frozenset(GrantType),
            "redirect_uris": (f"https://{client_id}.example/cb",),
            "scope": Scope.of(["calendar:read", "notes:read", "photos:read", "offline_access"]),
            "optional_scope": Scope(),
            **members,
        },
    )


@pytest.fixture(scope="module")
async def node(database):
    async with seeded_node(database, server=ServerSettings(**BEHIND_A_PROXY)) as started:
        node = CheckedNode(**vars(started), database=database)
        await node.put_api(NOTES)
        for client_id, name in KINDS.items():
            await node.put_client(
                machine(
                    client_id,
                    auth_method=AuthMethod.TLS_CLIENT_AUTH,
                    certificate_name=CertificateName.parse(name),
                )
            )
        self_made = {"auth_method": AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH}
        await node.put_client(machine("own", jwks=registrable(OWN, SECOND), **self_made))
        await node.put_client(machine("bound", certificate_bound_tokens=True))
        await node.put_client(machine("machine"))
        for api in ("photos", "notes"):
            await node.put_client(
                machine(
                    f"{api}_api",
                    type=ClientType.RESOURCE_SERVER,
                    api=f"https://api.example/{api}",
                    grant_types=frozenset(),
                )
            )
        yield node


def shown(certificate, verify: str | None = "SUCCESS", **more: str) -> dict[str, str]:
    """The headers of the proxy."""
    verified = {} if verify is None else {"x-client-verify": verify}
    return {**FORM, "x-client-cert": certificate.escaped, **verified, **more}


async def ask(node, client_id: str, headers: dict, **form):
    return await node.send("POST", "/token", headers=headers, **{**ASKED, "client_id": client_id, **form})


def claims_of(token: str) -> dict:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@pytest.mark.parametrize("client_id", KINDS)
async def test_the_registered_name_of_a_certificate_is_a_proof(node, client_id):
    """MT01, FS30: RFC 8705 §2.1.2; spelt as anybody may spell it."""
    token = tokens_of(await ask(node, client_id, shown(NAMED)))["access_token"]
    assert claims_of(token)["cnf"] == {"x5t#S256": NAMED.thumbprint}


@pytest.mark.parametrize("certificate", [OWN, SECOND], ids=["first", "second"])
async def test_a_certificate_that_certifies_itself_is_a_proof_where_it_is_registered(node, certificate):
    """MT01, FS30: RFC 8705 §2.2; whatever the proxy thinks of it, which cannot know it."""
    for verify in ("SUCCESS", "FAILED:self-signed certificate", "NONE", None):
        token = tokens_of(await ask(node, "own", shown(certificate, verify)))["access_token"]
        assert claims_of(token)["cnf"] == {"x5t#S256": certificate.thumbprint}


async def test_it_may_come_as_rfc_9440_says(node):
    """MT01"""
    headers = {**FORM, "x-client-cert": OWN.rfc9440}
    assert claims_of(tokens_of(await ask(node, "own", headers))["access_token"])["cnf"]


@pytest.mark.parametrize("client_id", KINDS)
async def test_a_certificate_with_another_name_is_refused(node, why, client_id):
    """MT01: and the operator reads which names it has."""
    for other in (
        AUTHORITY.issue(
            "CN=Photo Printer", dns=["printer.example.evil"], uris=["https://printer.example/ID"]
        ),
        AUTHORITY.issue("O=Example,CN=Photo Printer", ips=["192.0.2.8"], emails=["Printer@example.org"]),
        AUTHORITY.issue("CN=printer.example", dns=["*.example"], emails=["x@example.org"]),
    ):
        is_unauthenticated(await ask(node, client_id, shown(other)))
        assert f"{client_id} is registered as" in why()


@pytest.mark.parametrize("verify", [None, "", "NONE", "FAILED:certificate has expired", "success"])
async def test_a_name_counts_only_where_an_authority_vouches_for_it(node, why, verify):
    """MT01: anybody can make a certificate with any name."""
    is_unauthenticated(await ask(node, "by_dns", shown(NAMED, verify)))
    assert "verified" in why()


async def test_two_opinions_of_the_proxy_are_none(node):
    """MT01: one of them may be the caller's."""
    headers = [*shown(NAMED).items(), ("x-client-verify", "SUCCESS")]
    is_unauthenticated(await ask(node, "by_dns", headers))


async def test_a_certificate_that_is_not_registered_is_refused(node, why):
    """MT01"""
    for certificate in (STRANGER, NAMED):
        is_unauthenticated(await ask(node, "own", shown(certificate)))
        assert "not among the 2 registered" in why()


async def test_without_a_certificate_nobody_is_proven(node, why):
    """MT01, H4: nor by a secret, nor by any other client's certificate."""
    for client_id in ("own", "by_dns"):
        is_unauthenticated(await ask(node, client_id, FORM))
        assert "no certificate came" in why()
        is_unauthenticated(await ask(node, client_id, shown(OWN), client_secret="x"))
        is_unauthenticated(await ask(node, client_id, {**shown(OWN), **node.basic(client_id, "x")}))
    is_unauthenticated(await ask(node, "by_dns", shown(OWN)))
    is_unauthenticated(await ask(node, "machine", shown(OWN)))
    is_unauthenticated(await ask(node, "nobody", shown(OWN)))


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["expired", "early"])
async def test_a_certificate_out_of_its_time_is_refused(node, why, days):
    """MT01: registered, and vouched for by a proxy that does not look."""
    late = self_signed("CN=late", days=days)
    await node.change_client("own", jwks=registrable(OWN, SECOND, late))
    is_unauthenticated(await ask(node, "own", shown(late)))
    assert "look at its dates" in why()
    issued = AUTHORITY.issue("CN=Photo Printer,O=Example", dns=["printer.example"], days=days)
    is_unauthenticated(await ask(node, "by_dns", shown(issued)))


JUNK = {
    "nothing": "",
    "a letter": "x",
    "percent": "%",
    "colons": "::",
    "no base64": ":!:",
    "a beginning": "-----BEGIN CERTIFICATE-----",
    "cut off": OWN.escaped[:-60],
    "one line": OWN.pem.decode().split("\n")[1],
}


@pytest.mark.parametrize("what", JUNK)
async def test_a_header_that_cannot_be_read_is_a_mistake_of_the_proxy(node, what):
    """MT01: found at once, not when somebody needs it."""
    for client_id in ("own", "cli"):
        headers = {**FORM, "x-client-cert": JUNK[what]}
        is_error(await ask(node, client_id, headers), "invalid_request")
    twice = [*shown(OWN).items(), ("x-client-cert", OWN.escaped)]
    is_error(await ask(node, "own", twice), "invalid_request")


async def test_what_is_no_certificate_proves_nobody(node):
    """MT01"""
    junk = f":{base64.b64encode(b'0' * 400).decode()}:"
    is_unauthenticated(await ask(node, "own", {**FORM, "x-client-cert": junk}))


@pytest.mark.parametrize(("scope", "api"), [("photos:read", "photos_api"), ("notes:read", "notes_api")])
async def test_introspection_says_to_which_certificate_a_token_is_bound(node, scope, api):
    """MT01, FS30: JWT and opaque (RFC 8705 §3.2)."""
    token = tokens_of(await ask(node, "own", shown(OWN), scope=scope))["access_token"]
    told = await node.introspect(token, api)
    assert told.json()["cnf"] == {"x5t#S256": OWN.thumbprint}
    plain = tokens_of(await node.token("machine", grant_type="client_credentials", scope=scope))
    assert "cnf" not in (await node.introspect(plain["access_token"], api)).json()


async def test_every_endpoint_of_machines_takes_a_certificate(node):
    """MT01"""
    token = tokens_of(await ask(node, "own", shown(OWN)))["access_token"]
    form = {"client_id": "own", "token": token}
    told = await node.send("POST", "/introspect", headers=shown(SECOND), **form)
    assert told.json()["active"] is True
    assert (await node.send("POST", "/revoke", headers=shown(SECOND), **form)).status_code == 200
    told = await node.send("POST", "/introspect", headers=shown(OWN), **form)
    assert told.json() == {"active": False}
    for path in ("/introspect", "/revoke"):
        is_unauthenticated(await node.send("POST", path, headers=shown(STRANGER), **form))


async def code_tokens(
    node, client_id: str, headers: dict, redirect_uri: str, scope="photos:read offline_access", **proof
):
    visitor = Visitor(node)
    code = await visitor.code(client_id, redirect_uri=redirect_uri, scope=scope)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": visitor.verifier,
        "client_id": client_id,
        **proof,
    }
    return tokens_of(await node.send("POST", "/token", headers=headers, **form))


async def renew(node, token: str, headers: dict, client_id: str = "cli"):
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client_id}
    return await node.send("POST", "/token", headers=headers, **form)


async def test_the_refresh_token_of_a_public_client_is_good_beside_its_certificate_alone(node, why):
    """MT01, I10, FS30: RFC 8705 §4; for the successor as well, and inside the grace."""
    first = await code_tokens(node, "cli", shown(STRANGER), "http://127.0.0.1/cb")
    assert claims_of(first["access_token"])["cnf"] == {"x5t#S256": STRANGER.thumbprint}
    token = first["refresh_token"]
    for _ in range(2):
        for headers in (FORM, shown(OWN)):
            is_error(await renew(node, token, headers), "invalid_grant")
            assert "bound to x5t#S256" in why()
        after = tokens_of(await renew(node, token, shown(STRANGER)))
        for headers in (FORM, shown(OWN)):
            is_error(await renew(node, token, headers), "invalid_grant")
        again = tokens_of(await renew(node, token, shown(STRANGER)))
        assert again["refresh_token"] == after["refresh_token"]
        assert claims_of(after["access_token"])["cnf"] == {"x5t#S256": STRANGER.thumbprint}
        token = after["refresh_token"]


async def test_a_public_client_without_a_certificate_gets_ordinary_tokens(node):
    """MT01: the counter-example."""
    tokens = await code_tokens(node, "cli", FORM, "http://127.0.0.1/cb")
    assert "cnf" not in claims_of(tokens["access_token"])
    assert "cnf" not in claims_of(tokens_of(await renew(node, tokens["refresh_token"], FORM))["access_token"])


async def test_a_client_may_change_its_certificate_and_keep_its_grants(node):
    """MT01: RFC 8705 §7.1; each access token is bound to the certificate of its own request."""
    first = await code_tokens(node, "own", shown(OWN), "https://own.example/cb")
    after = tokens_of(await renew(node, first["refresh_token"], shown(SECOND), "own"))
    bound = [claims_of(tokens["access_token"])["cnf"]["x5t#S256"] for tokens in (first, after)]
    assert bound == [OWN.thumbprint, SECOND.thumbprint]


async def test_a_client_with_a_secret_may_have_its_tokens_bound(node, why):
    """MT01, FS30: `certificate_bound_tokens`; then the certificate is demanded."""
    headers = {**FORM, **node.basic("bound")}
    reply = await node.send("POST", "/token", headers=headers, **ASKED)
    is_error(reply, "invalid_request")
    assert "certificate_bound_tokens" in why()
    headers = {**shown(STRANGER), **node.basic("bound")}
    token = tokens_of(await node.send("POST", "/token", headers=headers, **ASKED))["access_token"]
    assert claims_of(token)["cnf"] == {"x5t#S256": STRANGER.thumbprint}
    headers = {**shown(STRANGER), **node.basic("machine")}
    token = tokens_of(await node.send("POST", "/token", headers=headers, **ASKED))["access_token"]
    assert "cnf" not in claims_of(token), "nobody asked for it"


async def test_userinfo_wants_the_certificate_that_the_token_is_bound_to(node):
    """MT01, I10, UI01: RFC 8705 §3: it is an API as any other."""
    self_made = {"auth_method": AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, "jwks": registrable(OWN)}
    await node.put_client(machine("knower", scope=Scope.of(["openid"]), **self_made))
    tokens = await code_tokens(node, "knower", shown(OWN), "https://knower.example/cb", scope="openid")
    assert claims_of(tokens["access_token"])["cnf"] == {"x5t#S256": OWN.thumbprint}
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    told = await node.send("GET", "/userinfo", headers={**shown(OWN), **bearer})
    assert told.json() == {"sub": claims_of(tokens["id_token"])["sub"]}
    for headers in ({}, shown(SECOND)):
        refused = await node.send("GET", "/userinfo", headers={**headers, **bearer})
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_the_metadata_says_so(node):
    """MD07, MT01: RFC 8705 §3.3; without a proxy that hands certificates over, nothing of it is there."""
    found = (await node.send("GET", "/.well-known/oauth-authorization-server")).json()
    methods = {"tls_client_auth", "self_signed_tls_client_auth"}
    for endpoint in ("token", "revocation", "introspection"):
        assert methods <= set(found[f"{endpoint}_endpoint_auth_methods_supported"])
    assert found["tls_client_certificate_bound_access_tokens"] is True
    assert "mtls_endpoint_aliases" not in found


async def test_the_header_of_anybody_else_counts_for_nothing(tmp_path, caplog):
    """MT01, O3: who is not a trusted proxy cannot show a certificate, right or wrong, nor harm itself."""
    settings = ServerSettings(**{**BEHIND_A_PROXY, "trusted_proxies": ("192.0.2.1",)})
    async with seeded_node(f"sqlite:///{tmp_path}/a.db", server=settings) as started:
        node = CheckedNode(**vars(started))
        await node.put_client(
            machine("own", auth_method=AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, jwks=registrable(OWN))
        )
        is_unauthenticated(await ask(node, "own", shown(OWN)))
        assert "not among server.trusted_proxies" in caplog.text
        tokens = await code_tokens(node, "cli", shown(OWN), "http://127.0.0.1/cb")
        assert "cnf" not in claims_of(tokens["access_token"])
        is_error(await renew(node, "x", {**FORM, "x-client-cert": "junk"}), "invalid_grant")


async def test_without_the_setting_no_header_is_a_certificate(tmp_path):
    """MT01, MD07: and the metadata promises nothing."""
    async with seeded_node(f"sqlite:///{tmp_path}/a.db") as started:
        node = CheckedNode(**vars(started))
        await node.put_client(
            machine("own", auth_method=AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, jwks=registrable(OWN))
        )
        for name in ("x-client-cert", "client-cert", "x-ssl-client-cert"):
            is_unauthenticated(await ask(node, "own", {**FORM, name: OWN.escaped}))
        found = (await node.send("GET", "/.well-known/oauth-authorization-server")).json()
        assert not any("tls" in method for method in found["token_endpoint_auth_methods_supported"])
        assert not any("tls" in member for member in found)
