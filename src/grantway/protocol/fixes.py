"""What puts a refusal right: the exact command where there is one."""

import shlex

from grantway.protocol.clients import Client, ClientType
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.differences import nearest, uri_difference
from grantway.protocol.redirect_uris import redirect_uri_problem


def edit_app(client: Client, *options: str) -> str:
    """The command that changes an app, every part quoted: values may be what a stranger sent."""
    if client.managed_by_file:
        return f"change {client.id} in the registry file, then `grantway import FILE`"
    return f"`{shlex.join(['grantway', 'app', 'edit', client.id, *options])}`"


def redirect_uri_differs(client: Client, received: str) -> Diagnosis:
    """An address that is not registered for this client: beside the nearest one that is."""
    registered = client.redirect_uris
    near = nearest(received, registered)
    problem = redirect_uri_problem(received, native=client.type is ClientType.NATIVE)
    if problem is None:
        add = edit_app(client, "--add-redirect-uri", received)
        fix = f"If this address is the app's own, add it: {add}."
    else:
        fix = f"It cannot be registered as it is: {problem}."
    if near is not None:
        fix = f"Let the app send {near} exactly as it is registered. {fix}"
    return Diagnosis(
        Gw.REDIRECT_URI_DIFFERS,
        f"{client.id} sent {received[:300]!r}; registered: {list(registered)}",
        received=shown(received),
        expected=" or ".join((near,) if near else registered) or "no address is registered",
        difference="no registered address is like it" if near is None else uri_difference(received, near),
        fix=fix,
    )


def scope_refused(client: Client, unknown: list[str], forbidden: list[str]) -> Diagnosis:
    """Scopes that nobody defines, and scopes that this client may not have."""
    words = [
        f"{name[:100]} is defined by no API" + (f" (near: {near})" if near else "")
        for name in unknown[:5]
        for near in (nearest(name, client.scope),)
    ]
    words += [f"{name} is not registered for {client.id}" for name in forbidden[:5]]
    allow = edit_app(client, *(word for name in forbidden[:5] for word in ("--add-scope", name)))
    return Diagnosis(
        Gw.SCOPE,
        "; ".join(words),
        received=shown(" ".join((*unknown, *forbidden))),
        expected=f"some of: {client.scope}" if client.scope else "no scope is registered for it",
        difference="; ".join(words),
        fix=(f"To allow it: {allow}." if forbidden else "")
        or "Ask for a scope that an API defines: `grantway api list` shows them.",
    )
