"""Our cookies: their names, their flags, and reading them without trusting them."""

import re
from collections.abc import Iterable

from grantway.crypto.secrets import is_id
from grantway.web.replies import Header

MAX_FLOWS = 8
DEVICE_LIFETIME = 365 * 86400  # seconds
_SPACES = " \t"  # and no others: what `strip` takes for one, a browser takes for a part of the name
_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]{1,4096}")  # cookie-octets (RFC 6265 §4.1.1)


class Cookies:
    """Names and flags. Over https every name begins with `__Host-`, so that no other host can set it (W3)."""

    def __init__(self, *, https: bool) -> None:
        prefix = "__Host-" if https else ""
        self.session, self.device, self._flow = f"{prefix}gw_s", f"{prefix}gw_d", f"{prefix}gw_tx_"
        self.site, self.site_flow = f"{prefix}gw_site", f"{prefix}gw_site_tx"  # at sites behind gateways
        self._flags = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if https else "")

    def read(self, headers: tuple[str, ...]) -> dict[str, str]:
        """Cookies by name, from the Cookie headers: the first of each name; malformed ones are left out."""
        found: dict[str, str] = {}
        for header in headers:
            for pair in header.split(";"):
                name, _, value = pair.strip(_SPACES).partition("=")
                if _VALUE.fullmatch(value):
                    found.setdefault(name, value)
        return found

    def flows(self, cookies: dict[str, str]) -> dict[str, str]:
        """Flow id → binding, of every running flow of this browser."""
        start = len(self._flow)
        return {
            name[start:]: value
            for name, value in cookies.items()
            if name.startswith(self._flow) and is_id(name[start:])
        }

    def set_session(self, value: str) -> Header:
        """Until the browser is closed, or the session ends on the server."""
        return self._set(self.session, value)

    def clear_session(self) -> Header:
        """Forget the session."""
        return self._set(self.session, "", max_age=0)

    def set_device(self, value: str) -> Header:
        """Remember that somebody has signed in here before."""
        return self._set(self.device, value, max_age=DEVICE_LIFETIME)

    def set_flow(
        self, flow_id: str, binding: str, *, lifetime: float, running: Iterable[str]
    ) -> list[Header]:
        """Start a flow; the oldest leave when there would be more than `MAX_FLOWS`."""
        surplus = self.clear_surplus(flow_id, running)
        return [*surplus, self._set(self._flow + flow_id, binding, max_age=int(lifetime))]

    def clear_surplus(self, flow_id: str, running: Iterable[str]) -> list[Header]:
        """End the oldest of the flows beside this one when there are more than `MAX_FLOWS`.

        Starting one is not enough: a POST from another site brings no cookies to count.
        """
        others = sorted(set(running) - {flow_id})
        return [self.clear_flow(other) for other in others[: max(0, len(others) - MAX_FLOWS + 1)]]

    def clear_flow(self, flow_id: str) -> Header:
        """End a flow."""
        return self._set(self._flow + flow_id, "", max_age=0)

    def set_site(self, value: str, *, lifetime: float) -> Header:
        """The session at a site behind a gateway."""
        return self._set(self.site, value, max_age=int(lifetime))

    def clear_site(self) -> Header:
        """Forget it."""
        return self._set(self.site, "", max_age=0)

    def set_site_flow(self, binding: str, *, lifetime: float) -> Header:
        """What every sign-in of this browser at the site is bound to; good for several tabs at once."""
        return self._set(self.site_flow, binding, max_age=int(lifetime))

    def _set(self, name: str, value: str, *, max_age: int | None = None) -> Header:
        lifetime = "" if max_age is None else f"; Max-Age={max_age}"
        return (b"set-cookie", f"{name}={value}{self._flags}{lifetime}".encode())
