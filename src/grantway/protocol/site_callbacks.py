"""The two paths of a site behind a gateway that Grantway answers, through it; and the app of each site.

`CALLBACK` is where the code comes back to, `SIGN_OUT` ends the session. The app of a site is the one whose
registered redirect URI is that callback: the address is exact, and somebody has registered it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from grantway.protocol.clients import Client, ClientType
from grantway.protocol.names import GrantType

CALLBACK: Final = "/.grantway/callback"
SIGN_OUT: Final = "/.grantway/sign-out"


def site_clients(clients: Iterable[Client]) -> Mapping[str, Client]:
    """The app of each site, by its callback; none for a callback that two of them have registered."""
    found: dict[str, list[Client]] = {}
    for client in clients:
        if not (client.enabled and client.type is ClientType.WEB):
            continue
        for uri in client.redirect_uris if client.may_use(GrantType.AUTHORIZATION_CODE) else ():
            if uri.endswith(CALLBACK):
                found.setdefault(uri, []).append(client)
    return {uri: those[0] for uri, those in found.items() if len(those) == 1}
