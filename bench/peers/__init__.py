"""The servers that `make bench` measures beside Grantway, in the same run on the same machine.

Each is installed by its package name and set up as its own documentation advises for production: nothing of
theirs is kept here, only the glue in `apps/`. Round "alike" asks of each what Grantway does; round "defaults"
lets each issue what it issues by itself.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from bench.peers.install import HERE, PYTHON, install_languages
from bench.peers.serve import (
    OPAQUE_AUDIENCE,
    OPAQUE_SCOPE,
    SCOPE,
    Kit,
    Running,
    Setup,
    serving,
    through_authorization,
    through_login,
)
from tests.services.node import NODE

__all__ = ["PEERS", "ROUNDS", "Peer", "Running", "install"]

ROUNDS = ("alike", "defaults")
APPS = HERE / "apps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server to be measured beside Grantway."""

    name: str
    version: str
    storage: str  # "memory" or "PostgreSQL"
    language: str  # "node" or "Python"
    notes: dict[str, str]  # by round: which tokens it issues, what differs from Grantway
    kit: Kit

    def running(
        self, *, round_name: str, workers: int, database: str | None, cores: str, connections: int
    ) -> AbstractContextManager[Running]:
        """Start it: on a fresh, empty database (None for memory), on these cores ("" for any)."""
        return serving(
            self.kit,
            round_name=round_name,
            workers=workers if self.storage == "PostgreSQL" else 1,  # processes do not share a memory
            database=database,
            cores=cores,
            connections=connections,
        )


PRODUCTION = {"NODE_ENV": "production"}
OIDC_PROVIDER_DOORS = {
    "authorize": "/auth",
    "introspect": "/token/introspection",
    "metadata": "/.well-known/openid-configuration",
}


def node(program: str) -> Callable[[Setup], list[str]]:
    """Started by Node.js itself; the program makes its own processes."""
    return lambda _: [str(NODE), str(APPS / program)]


def gunicorn(app: str) -> Callable[[Setup], list[str]]:
    """Started by gunicorn, with threads: its sync workers hang up after each answer."""
    return lambda setup: [
        *(str(PYTHON), "-m", "gunicorn", app, "--chdir", str(APPS), "--log-level", "warning"),
        *("--bind", f"127.0.0.1:{setup.port}", "--workers", str(setup.workers), "--no-control-socket"),
        *("--worker-class", "gthread", "--threads", "4", "--keep-alive", "30"),
    ]


OIDC_PROVIDER = Peer(
    name="oidc-provider",
    version="9.13.3",
    storage="memory",
    language="node",
    notes={
        "alike": "ES256 JWT access token with audience; not tied to the session; rotation at every use",
        "defaults": "opaque access and refresh tokens, RS256 id_token also on refresh; rotation at every use",
    },
    kit=Kit(
        command=node("oidc_provider.mjs"),
        environment=PRODUCTION,
        session_cookie="_session",
        sign_in=through_authorization,
        doors={
            "alike": {
                **OIDC_PROVIDER_DOORS,
                "scope": SCOPE,
                "credentials_form": f"grant_type=client_credentials&scope={SCOPE}",
                "opaque_flow_more": f"&resource={OPAQUE_AUDIENCE}",
            },
            "defaults": {
                **OIDC_PROVIDER_DOORS,
                "scope": "openid profile",
                "credentials_form": "grant_type=client_credentials",
            },
        },
    ),
)
AUTHLIB = Peer(
    name="Authlib, Flask",
    version="1.9.8",
    storage="PostgreSQL",
    language="Python",
    notes={
        "alike": "ES256 JWT access token with audience, stored with its refresh token; rotation at every use",
        "defaults": "opaque access and refresh tokens, RS256 id_token with the code; rotation at every use",
    },
    kit=Kit(
        command=gunicorn("authlib_app:app"),
        prepare=(str(PYTHON), str(APPS / "authlib_app.py")),
        session_cookie="session",
        sign_in=through_login,
        doors={
            name: {
                "introspect": "/introspect",
                "metadata": "/.well-known/oauth-authorization-server",
                "credentials_form": f"grant_type=client_credentials&scope={SCOPE}",
                **scopes,
            }
            for name, scopes in (
                ("alike", {"scope": SCOPE, "opaque_scope": OPAQUE_SCOPE}),
                ("defaults", {"scope": "openid profile"}),
            )
        },
    ),
)
TOOLKIT = Peer(
    name="Django OAuth Toolkit",
    version="3.4.1",
    storage="PostgreSQL",
    language="Python",
    notes={
        "alike": "opaque access and refresh tokens (it has no JWT access tokens); rotation at every use",
        "defaults": "opaque access and refresh tokens, RS256 id_token also on refresh; rotation at every use",
    },
    kit=Kit(
        command=gunicorn("toolkit_app:app"),
        prepare=(str(PYTHON), str(APPS / "toolkit_app.py")),
        session_cookie="sessionid",
        sign_in=through_login,
        machine=True,
        doors={
            name: {
                "authorize": "/authorize/",
                "token": "/token/",
                "introspect": "/introspect/",
                "metadata": "/.well-known/oauth-authorization-server",
                "scope": scope,
                "credentials_form": f"grant_type=client_credentials&scope={SCOPE}",
            }
            for name, scope in (("alike", SCOPE), ("defaults", "openid profile"))
        },
    ),
)
OAUTH2_SERVER = Peer(
    name="node-oauth2-server",
    version="5.3.0",
    storage="memory",
    language="node",
    notes=dict.fromkeys(
        ROUNDS,
        "opaque access and refresh tokens, the same in both rounds: a kit without OpenID Connect or JWTs",
    ),
    kit=Kit(
        command=node("oauth2_server.mjs"),
        environment=PRODUCTION,
        session_cookie="session",
        sign_in=through_login,
        doors={
            name: {"scope": SCOPE, "credentials_form": f"grant_type=client_credentials&scope={SCOPE}"}
            for name in ROUNDS
        },
    ),
)
PEERS: tuple[Peer, ...] = (
    OIDC_PROVIDER,
    replace(OIDC_PROVIDER, storage="PostgreSQL"),
    OAUTH2_SERVER,
    AUTHLIB,
    TOOLKIT,
)


def install(peers: Sequence[Peer] = PEERS) -> None:
    """Install what these peers need; at once when it is there already."""
    install_languages(peer.language for peer in peers)
