"""How an API proves itself to the server, by the SDK, through a real nginx: for both of its questions."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from grantway.crypto.jose import SigningKey
from grantway.protocol.apis import TokenFormat
from grantway.protocol.clients import CertificateName
from grantway.protocol.names import AuthMethod
from grantway.protocol.scope import Scope
from grantway.sdk import (
    BadToken,
    ClientCertificate,
    ClientSecret,
    Introspection,
    PrivateKey,
    PublishedApi,
    Unavailable,
)
from grantway.sdk.fetching import _context
from grantway.settings import ServerSettings
from tests.certificates import Authority, self_signed
from tests.crypto.certified import registrable
from tests.node import PHOTOS, Node, Visitor, seeded_node, sqlite_url, web_client
from tests.printed import blocks
from tests.services.nginx import nginx

AUTHORITY, ANOTHER = Authority("CN=Clients"), Authority("CN=Another")
OPAQUE = replace(PHOTOS, token_format=TokenFormat.OPAQUE)
NAMED, RENEWED = (AUTHORITY.issue("CN=photos", dns=["photos.example"]) for _ in range(2))
IMITATION, NAMESAKE = (
    ANOTHER.issue("CN=photos", dns=["photos.example"]),
    AUTHORITY.issue("CN=x", dns=["x.example"]),
)
OWN, STRANGER = self_signed("CN=own"), self_signed("CN=own")
KEY, OTHER_KEY = SigningKey.generate("ES256"), SigningKey.generate("ES256")
REGISTERED = {
    "by_secret": {},
    "by_key": {"auth_method": AuthMethod.PRIVATE_KEY_JWT, "jwks": (json.dumps(KEY.public_jwk()),)},
    "by_name": {
        "auth_method": AuthMethod.TLS_CLIENT_AUTH,
        "certificate_name": CertificateName.parse("san_dns=photos.example"),
    },
    "by_own": {"auth_method": AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, "jwks": registrable(OWN)},
}


@dataclass
class Front:
    """The server behind nginx, and an API's four ways to prove itself."""

    node: Node
    origin: str
    folder: Path
    token: str

    def shown(self, client_id, certificate):
        crt, key = certificate.write(self.folder, f"sdk-{certificate.thumbprint}")
        return ClientCertificate(client_id=client_id, certificate_file=crt, key_file=key)

    def credentials(self, client_id):
        return {
            "by_secret": lambda: ClientSecret("by_secret", self.node.secrets["by_secret"]),
            "by_key": lambda: PrivateKey(client_id="by_key", key=KEY.private_bytes()),
            "by_name": lambda: self.shown("by_name", NAMED),
            "by_own": lambda: self.shown("by_own", OWN),
        }[client_id]()

    def asks(self, credentials, **settings):
        endpoint = f"{self.origin}/introspect"
        return Introspection(self.node.issuer, PHOTOS.identifier, credentials, endpoint=endpoint, **settings)

    def definition(self, credentials):
        endpoint = f"{self.origin}/api-definition"
        return PublishedApi(self.node.issuer, PHOTOS.identifier, credentials, endpoint=endpoint)


@pytest.fixture(scope="module")
async def front(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    settings = ServerSettings(
        trusted_proxies=("127.0.0.1",),
        client_certificate_header="X-Client-Cert",
        client_certificate_verify_header="X-Client-Verify",
        hosts=("localhost",),
    )
    excerpt = blocks("docs/howto/authenticate-an-app.md", "nginx")[0]
    async with seeded_node(sqlite_url(folder), server=settings) as node:
        await node.put_api(OPAQUE)
        for client_id, how in REGISTERED.items():
            nothing = {"redirect_uris": (), "grant_types": frozenset(), "optional_scope": Scope()}
            api = {"type": "resource_server", "api": PHOTOS.identifier, "scope": Scope()}
            await node.put_client(web_client(client_id, **nothing, **api, **how))
        text = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
        with nginx(folder / "id", excerpt, authority=AUTHORITY, upstream=node.issuer) as port:
            yield Front(node, f"https://localhost:{port}", folder / "id", text)


@pytest.fixture(autouse=True)
def believing(front, monkeypatch):
    """This API's machine believes the authority of the server's certificate, and uses no proxy."""
    monkeypatch.setenv("SSL_CERT_FILE", str(front.folder / "authority.crt"))
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    _context.cache_clear()
    yield
    _context.cache_clear()


@pytest.mark.parametrize("client_id", REGISTERED)
async def test_an_api_proves_itself_in_each_way_for_both_questions(front, client_id):
    """FN16, FS48, FS30, FS31, MT01: client_secret_basic, private_key_jwt, both kinds of certificates."""
    credentials = front.credentials(client_id)
    assert OPAQUE == await front.definition(credentials).get()
    asks = front.asks(credentials)
    assert front.node.people["ada"].subject == (await asks.verify(front.token)).subject
    with pytest.raises(BadToken):
        await asks.verify("gwat_" + "1" * 65)
    await asks.aclose()


WRONG = {
    "the certificate of another authority": lambda front: front.shown("by_name", IMITATION),
    "the certificate of another name": lambda front: front.shown("by_name", NAMESAKE),
    "the certificate of a stranger": lambda front: front.shown("by_own", STRANGER),
    "a certificate for a name": lambda front: front.shown("by_own", NAMED),
    "a certificate for a client with a secret": lambda front: front.shown("by_secret", NAMED),
    "another key": lambda front: PrivateKey(client_id="by_key", key=OTHER_KEY.private_bytes()),
    "another secret": lambda front: ClientSecret("by_secret", "wrong"),
    "a secret for a client with a certificate": lambda front: ClientSecret("by_name", "wrong"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_n1_who_proves_something_else_learns_nothing(front, wrong):
    """N1, O8, MT01: neither about tokens nor about rules; for the API it is a failure, and nothing passes."""
    credentials = WRONG[wrong](front)
    asks = front.asks(credentials)
    with pytest.raises(Unavailable) as refused:
        await asks.verify(front.token)
    assert str(refused.value.__cause__).startswith("answered 401; why: grantway logs show ")
    with pytest.raises(Unavailable):
        await front.definition(credentials).get()
    await asks.aclose()


async def test_a_renewed_certificate_is_shown_without_a_restart(front):
    """MT01, FS30: files are read again when they change; connections with the old one are let go of."""
    files = IMITATION.write(front.folder, "renewed")
    credentials = ClientCertificate(client_id="by_name", certificate_file=files[0], key_file=files[1])
    asks, definition = front.asks(credentials, keep=0, keep_refused=0), front.definition(credentials)
    with pytest.raises(Unavailable):
        await asks.verify(front.token)
    RENEWED.write(front.folder, "renewed")
    os.utime(files[0], ns=(1, 1))
    assert front.node.people["ada"].subject == (await asks.verify(front.token)).subject
    assert OPAQUE == await definition.get()
    await asks.aclose()


async def test_a_certificate_is_not_sent_where_nobody_would_see_it(front):
    """MT01: without TLS there is none; a missing file is a failure too."""
    credentials = front.credentials("by_name")
    plain = Introspection(front.node.issuer, PHOTOS.identifier, credentials)
    missing = front.asks(replace(credentials, key_file=str(front.folder / "nowhere.key")))
    for asks in (plain, missing):
        with pytest.raises(Unavailable):
            await asks.verify(front.token)


async def test_a_server_that_somebody_else_vouches_for_is_not_asked(front, monkeypatch):
    """U1: the secret stays here."""
    (front.folder / "another.crt").write_bytes(ANOTHER.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(front.folder / "another.crt"))
    _context.cache_clear()
    asks = front.asks(front.credentials("by_secret"))
    with pytest.raises(Unavailable) as refused:
        await asks.verify(front.token)
    assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value.__cause__)
