"""An API's definition as its authorization server publishes it: read again when it changes."""

import logging
import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import msgspec

from grantway.protocol.api_tables import read_apis
from grantway.protocol.apis import Api, ApiMistakes
from grantway.protocol.endpoints import API_DEFINITION
from grantway.sdk.credentials import Credentials
from grantway.sdk.definition import moved
from grantway.sdk.fetching import checked_address, http_client, read_body
from grantway.sdk.kept import Kept

__all__ = ["PublishedApi"]

_log = logging.getLogger("grantway.sdk")


class PublishedApi(Kept[Api]):
    """The definition of the API with this identifier, asked for with the API's own credentials.

    See `Kept` for the durations, in seconds: a change of the rules is in force after `lifetime` at the
    latest, 5 seconds (threat O9); while the server is away the last definition counts for `keep_for`, a day.
    `keep_in` is a file that holds the last definition read, so that the API starts while the server is
    away. `endpoint` is where it is asked for, by default `{issuer}/api-definition`; another one where the
    server takes certificates at a host of their own (RFC 8705 §5). `below` is that of `load_api`. The server
    is asked whether the definition has changed, and sends it only then (RFC 9110 §13.1.2).
    """

    def __init__(
        self,
        issuer: str,
        identifier: str,
        credentials: Credentials,
        *,
        endpoint: str | None = None,
        keep_in: str | PathLike[str] | None = None,
        below: str = "",
        refresh_after: float = 3,
        lifetime: float = 5,
        keep_for: float = 86_400,
        timeout: float = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer, self.identifier = issuer, identifier
        self._uri = checked_address("endpoint", endpoint or issuer + API_DEFINITION)
        self._credentials, self._file = credentials, None if keep_in is None else Path(keep_in)
        self._etag, self._below = "", below
        super().__init__(
            self._ask,
            f"definition of {identifier}",
            refresh_after=refresh_after,
            lifetime=lifetime,
            keep_for=keep_for,
            pause=min(1.0, refresh_after),
            timeout=timeout,
            clock=clock,
        )

    async def _ask(self) -> Api:
        try:
            proof = self._credentials.for_request(self.issuer)
            asks = {**proof.headers, **({"if-none-match": self._etag} if self._etag else {})}
            async with http_client(self._uri, certificate=proof.certificate) as client:
                method = "POST" if proof.form else "GET"
                status, body, headers = await read_body(
                    client, method, self._uri, headers=asks, form=proof.form or None, also=frozenset({304})
                )
        except Exception:
            if self._value is None and self._file is not None and self._file.exists():
                _log.warning("%s: the server is away; read from %s", self._what, self._file)
                return self._read(self._file.read_bytes())
            raise
        if status == 304 and self._value is not None:
            return self._value
        api = self._read(body)
        self._etag = headers.get("etag", "")
        self._keep(body)
        return api

    def _read(self, body: bytes) -> Api:
        try:
            apis = read_apis(msgspec.json.decode(body)["apis"])
        except (msgspec.DecodeError, KeyError, TypeError) as bad:
            raise ApiMistakes(["not the definition of an API"]) from bad
        if len(apis) != 1 or apis[0].identifier != self.identifier:
            raise ApiMistakes([f"the definition of another API than {self.identifier}"])
        return moved(apis[0], self._below)

    def _keep(self, body: bytes) -> None:
        if self._file is None:
            return
        try:
            part = self._file.with_name(self._file.name + ".part")
            part.write_bytes(body)
            part.replace(self._file)
        except OSError as bad:
            _log.warning("%s not kept in %s: %s", self._what, self._file, bad)
