"""What every flow works with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from grantway.crypto.envelope import Envelopes, MasterKey
from grantway.crypto.passwords import Passwords
from grantway.crypto.secrets import new_id
from grantway.egress import Egress
from grantway.flows.client_keys import ClientKeys
from grantway.flows.known_tokens import KnownTokens
from grantway.flows.revocation_feed import RevocationFeed
from grantway.flows.scope_uses import ScopeUses
from grantway.flows.sent_codes import SentCodes
from grantway.flows.snapshot import Snapshots
from grantway.flows.throttles import Throttles
from grantway.protocol.policy import Policy
from grantway.storage.port import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The parts of one running node. Made once, by `grantway.app`."""

    policy: Policy
    store: Store
    snapshots: Snapshots
    envelopes: Envelopes
    passwords: Passwords
    master_keys: Sequence[MasterKey]  # the current one first
    client_keys: ClientKeys  # those that clients publish
    documents: Egress  # the way to documents that operators name, such as an OpenAPI document
    failures: Throttles  # failed client authentications, per network
    known_tokens: KnownTokens  # what decisions of the last moments have read
    revocations: RevocationFeed  # for APIs that verify tokens by themselves
    logouts_due: asyncio.Event = field(default_factory=asyncio.Event)  # a session ended here just now
    sent_codes: SentCodes = field(default_factory=SentCodes)  # by this node, and not brought back yet
    # What requests leave behind for housekeeping to write.
    scopes_used: ScopeUses = field(default_factory=ScopeUses)
    secrets_used: dict[tuple[str, str], float] = field(default_factory=dict)  # (client, secret) → when
    # (client, given secret) → its hash under the current master key
    secrets_again: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def now(self) -> float:
        """Unix time in seconds, by the database's clock."""
        return self.snapshots.now()

    def seal(self, payload: bytes, *, purpose: str, binding: str, flow_id: str | None = None) -> str:
        """A text for a browser, which opens only for this purpose and beside this binding, its cookie."""
        return self.snapshots.newest.sealer.seal(
            payload, purpose=purpose, binding=binding.encode(), flow_id=flow_id or new_id(self.now())
        )

    def unseal(self, text: str, *, purpose: str, binding: str) -> bytes:
        """What was sealed so, by any node. Raises BrokenSeal, whatever the text."""
        return self.snapshots.newest.sealer.open(text, purpose=purpose, binding=binding.encode())
