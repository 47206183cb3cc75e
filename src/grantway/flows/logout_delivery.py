"""Clients are told that a session has ended, away from every request (Back-Channel Logout 1.0 §2.5).

What is to be told lies in the database, written together with the end of the session. Every node looks there;
whoever takes a message has it alone for a while. A client that does not answer is asked less and less often,
together with everything else that waits for it, and given up on after a day. Nobody waits for any of this.
"""

import asyncio
import logging
from collections.abc import Callable

from grantway.crypto.secrets import new_id
from grantway.egress import Egress, Unreachable
from grantway.flows.issue import signing_key
from grantway.flows.server import Server
from grantway.protocol.clients import Client
from grantway.protocol.session_clients import LOGOUT_TOKEN_TYPE, SessionClient, logout_token_claims
from grantway.storage.port import Unavailable

LOOK_EVERY = 1.0  # seconds, for sessions that ended on another node, or by a command
AT_ONCE = 16  # calls of one node under way
EACH = 3  # of them to one client: one that is slow takes no place of the others
LEASE = 30.0  # seconds for which a message is one node's: longer than a call may take
FIRST_WAIT = 10.0  # seconds before the second try; twice as long before each further one
LONGEST_WAIT = 3600.0  # seconds
TRY_FOR = 86400.0  # seconds after the end of the session
REFUSALS = 3  # tries for a client that answers, and says no
_MAX_PROBLEM = 200
_DONE = (200, 204)  # §2.8
_log = logging.getLogger("grantway.logouts")


Calls = dict[asyncio.Task[None], str]  # under way, and the client each is for


class _Refused(Exception):
    """The client answered, and says no (4xx)."""


class LogoutDelivery:
    """Tells the clients. `outcome` is called with what became of each try: told, failed, or given_up."""

    def __init__(self, server: Server, egress: Egress, *, outcome: Callable[[str], None]) -> None:
        self._server, self._egress, self._outcome = server, egress, outcome

    async def keep_telling(self) -> None:
        """Until cancelled. What is under way then is due again when its lease is over."""
        calls: Calls = {}
        try:
            while True:
                self._server.logouts_due.clear()
                try:
                    taken = await self._server.store.take_logouts(
                        limit=AT_ONCE - len(calls), lease=LEASE, each=EACH, under_way=tuple(calls.values())
                    )
                except Unavailable as away:
                    _log.warning("logouts put off: %s", away)
                    taken = []
                calls |= {asyncio.create_task(self._tell_safely(one)): one.client_id for one in taken}
                calls = await self._next_turn(calls)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def _next_turn(self, calls: Calls) -> Calls:
        """Wait until there may be something to take, and room for it."""
        wake = asyncio.create_task(self._server.logouts_due.wait())
        try:
            full = len(calls) == AT_ONCE
            waits = {*calls} if full else {wake, *calls}
            await asyncio.wait(waits, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
        return {call: client_id for call, client_id in calls.items() if not call.done()}

    async def _tell_safely(self, due: SessionClient) -> None:
        """Tell one client. Whatever fails leaves the message to be taken again after its lease."""
        try:
            await self.tell(due)
        except Unavailable as away:
            _log.warning("logout of %s put off: %s", due.client_id, away)
        except Exception:  # noqa: BLE001 - whatever it was, it is logged whole and must not stop the others
            _log.exception("logout of %s failed", due.client_id)

    async def tell(self, due: SessionClient) -> None:
        """Tell one client, and note what became of it. Raises Unavailable when that cannot be noted."""
        server = self._server
        client = server.snapshots.newest.registry.clients.get(due.client_id)
        if client is None or not client.enabled or client.backchannel_logout_uri is None:
            await server.store.logout_told(due)
            return
        try:
            await self._call(client, client.backchannel_logout_uri, due)
        except _Refused as no:
            wait = None if due.tries >= REFUSALS else self._wait(due)
            await self._put_off(due, wait, str(no), with_others=False)
        except Unreachable as away:
            await self._put_off(due, self._wait(due), away.reason, with_others=True)
        else:
            await server.store.logout_told(due)
            self._outcome("told")
            _log.info("%s told that a session has ended, by try %d", due.client_id, due.tries)

    async def _call(self, client: Client, address: str, due: SessionClient) -> None:
        """POST a logout token (§2.5), a new one for each try. Raises Unreachable, _Refused or Unavailable."""
        server = self._server
        now = server.now()
        claims = logout_token_claims(
            due,
            subject=server.snapshots.subject_of(client, due.subject),
            issuer=server.policy.issuer,
            token_id=new_id(now),
            now=now,
        )
        key = signing_key(server.snapshots.newest, client.id_token_signed_response_alg)
        token = key.sign(claims, typ=LOGOUT_TOKEN_TYPE)
        answer = await self._egress.call(
            "POST",
            address,
            headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json, */*"},
            body=b"logout_token=" + token.encode("ascii"),  # base64url and dots: nothing to encode
        )
        if 400 <= answer.status < 500:
            raise _Refused(f"it answered {answer.status}")
        if answer.status not in _DONE:
            raise Unreachable(f"it answered {answer.status}, expected 200 or 204")

    def _wait(self, due: SessionClient) -> float | None:
        """Seconds until the next try; None: it is over."""
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(due.tries - 1, 20))
        over = (due.ended_at or 0.0) + TRY_FOR
        return None if self._server.now() + wait > over else wait

    async def _put_off(
        self, due: SessionClient, wait: float | None, problem: str, *, with_others: bool
    ) -> None:
        shown = problem.encode("unicode_escape").decode("ascii")[:_MAX_PROBLEM]
        await self._server.store.put_off_logout(due, wait=wait, problem=shown, with_others=with_others)
        self._outcome("given_up" if wait is None else "failed")
        then = "given up" if wait is None else f"again in {wait:.0f} s"
        _log.warning("%s not told that a session has ended: %s; %s", due.client_id, shown, then)
