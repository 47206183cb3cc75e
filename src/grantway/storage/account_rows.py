"""Rows → what a person's own pages show, in the order of the statements beside the verbs."""

import msgspec

from grantway.protocol.grants import LiveGrants
from grantway.protocol.scope import Scope
from grantway.storage.rows import Row

_texts = msgspec.json.Decoder(tuple[str, ...])


def read_live_grants(row: Row) -> LiveGrants:
    """Grants that are alike, from a row that counts them."""
    client_id, scope, resources, count, first_at, last_at = row
    return LiveGrants(
        client_id=client_id,
        scope=Scope(tuple(scope.split())),
        resources=_texts.decode(resources),
        count=count,
        first_at=first_at,
        last_at=last_at,
    )
