"""The verbs of the registry: clients, APIs with their versions, keys. Part of `port.Store`."""

from collections.abc import Sequence
from typing import Protocol

from grantway.storage.changes import ApiSource, ApiVersion, AuditEntry, RegistryChange, RegistryRows


class Registry(Protocol):
    """Clients, APIs and keys."""

    async def registry_version(self) -> tuple[int, float]:
        """The number of the newest registry change, and the database's clock."""

    async def load_registry(self) -> RegistryRows:
        """All of it, from one snapshot."""

    async def change_registry(
        self, changes: Sequence[RegistryChange], audit: Sequence[AuditEntry], *, if_version: int | None = None
    ) -> int:
        """Apply all changes or none; returns the new version.

        Raises Conflict when `if_version` is given and is no longer the newest.
        """

    async def list_api_versions(self, identifier: str, *, limit: int = 50) -> Sequence[ApiVersion]:
        """The newest versions of an API's definition, newest first."""

    async def find_api_version(self, identifier: str, number: int) -> ApiVersion | None:
        """One version."""

    async def find_api_source(self, identifier: str) -> ApiSource | None:
        """The document that was imported last."""

    async def touch_secrets(self, used: Sequence[tuple[str, str, float]]) -> None:
        """Note (client id, secret id, when) of secrets used. Does not change the registry's version."""
