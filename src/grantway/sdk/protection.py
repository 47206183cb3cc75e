"""How one API checks its callers: the same steps before every framework, with an event loop or without."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from grantway.protocol.apis import Api, Rule, TokenFormat
from grantway.protocol.names import ErrorCode
from grantway.protocol.resource_metadata import resource_metadata, resource_metadata_url
from grantway.protocol.scope import Scope
from grantway.sdk.answers import UNAVAILABLE, Answer, answer_to
from grantway.sdk.bearer import Brought, bearer_token
from grantway.sdk.certificates import CertificateSource
from grantway.sdk.guard import Allowed, Refused, StepUp, is_public, judge, lacking, needed_scope, stale
from grantway.sdk.jwks import Jwks
from grantway.sdk.kept import Unavailable
from grantway.sdk.published import PublishedApi
from grantway.sdk.revocations import RevocationFeed
from grantway.sdk.threads import wait_for
from grantway.sdk.verify import AccessToken, BadToken, ReadyVerifier, TokenVerifier, Verifier

__all__ = ["Asked", "Protection"]

_log = logging.getLogger("grantway.sdk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request is about to do.

    `path` is what the rules are asked about: a canonical path, or the template of the route that the
    framework has matched. None: no route, or one that no rule can speak of. `declared` are scopes that the
    code asks for itself, beside the rules.
    """

    method: str
    path: str | None
    declared: Scope = Scope()

    @property
    def words(self) -> str:
        """The request, in a refusal."""
        return f"{self.method} {self.path or 'this route'}"


class Protection:
    """An API's definition, the issuer of its tokens, and how they are checked: what every adapter needs.

    `api` is a definition at hand (`load_api`) or the server's (`PublishedApi`). `verifier` replaces the one
    for JWTs of `issuer`; an API with opaque tokens must bring one, such as `Introspection`. `certificate`
    finds the client certificate of a request, to which tokens may be bound (`certificate_header`); without it
    a bound token is refused. `revocations` is asked about each token that is otherwise good. `step_up` says
    which scopes want a better or fresher sign-in (RFC 9470).
    `serve_metadata`: the adapter answers at the address of the RFC 9728 document that follows from the API's
    identifier, and challenges name it; `resource_metadata` is its address where somebody else serves it.
    Whatever fails on our side refuses with 503.
    """

    def __init__(
        self,
        *,
        api: Api | PublishedApi,
        issuer: str,
        jwks: Jwks | None = None,
        verifier: Verifier | None = None,
        certificate: CertificateSource | None = None,
        revocations: RevocationFeed | None = None,
        step_up: Mapping[str, StepUp] | None = None,
        resource_metadata: str | None = None,
        serve_metadata: bool = False,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - in an API, this is the composition root
    ) -> None:
        if verifier is None and isinstance(api, Api):
            _check_format(api)
        self.definition, self.issuer, self.certificate = api, issuer, certificate
        self.identifier = api.identifier
        self._checks_format = verifier is None
        self.verifier = (
            TokenVerifier(issuer, api.identifier, jwks, clock=clock) if verifier is None else verifier
        )
        if revocations is not None:
            if (revocations.issuer, revocations.audience) != (issuer, api.identifier):
                raise ValueError("revocations: of another issuer or API")
            self.verifier = revocations.watching(self.verifier)
        self._ready = self.verifier if isinstance(self.verifier, ReadyVerifier) else None
        self._step_up, self._clock = dict(step_up or {}), clock
        self.metadata_address = resource_metadata_url(api.identifier) if serve_metadata else None
        if serve_metadata and self.metadata_address is None:
            raise ValueError(
                f"identifier {api.identifier!r} is no address: a document cannot be served there"
            )
        self.resource_metadata = self.metadata_address or resource_metadata

    @property
    def clock(self) -> Callable[[], float]:
        """What tells the time, in Unix seconds."""
        return self._clock

    @property
    def metadata_path(self) -> str | None:
        """Where an adapter serves the RFC 9728 document, if it does."""
        return None if self.metadata_address is None else urlsplit(self.metadata_address).path

    def metadata(self, api: Api) -> dict[str, object]:
        """The RFC 9728 document; where certificates are looked at, tokens may be bound to them."""
        bound = {} if self.certificate is None else {"tls_client_certificate_bound_access_tokens": True}
        return {**resource_metadata(api, issuer=self.issuer), **bound}

    def metadata_answer(self, api: Api) -> Answer:
        """The same, as it is answered: for everybody to read, from any origin."""
        return Answer(200, self.metadata(api), (("access-control-allow-origin", "*"),))

    def metadata_answer_now(self) -> Answer:
        """The same, for a thread that can wait; 503 where there is no definition yet."""
        try:
            return self.metadata_answer(self.api_now())
        except Exception as wrong:  # noqa: BLE001 - the server is away, and the definition was never read
            return failed(wrong)

    async def api(self) -> Api:
        """The definition now. Raises Unavailable when the server's was never read."""
        return self.definition if isinstance(self.definition, Api) else await self.definition.get()

    def api_now(self) -> Api:
        """The same, for a thread that can wait."""
        if isinstance(self.definition, Api):
            return self.definition
        return self.definition.at_hand() or wait_for(self.definition.get())

    async def check(self, asked: Asked, brought: Brought) -> AccessToken | Answer | None:
        """The token with which the request may pass, or the answer that it gets instead. Never raises.

        None: it may pass, and no token was looked at, because its rule says `public`.
        """
        try:
            api = await self.api()
            need, text = self._before(api, asked, brought)
            if not isinstance(text, str):
                return None if text is None else self.refuse(api, text, need)
            try:
                token = await self.verifier.verify(text, certificate=brought.certificate)
            except BadToken as bad:
                return self._refuse_bad(api, bad, need)
            return self._judge(api, asked, need, token) or token
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            return failed(wrong)

    def check_now(self, asked: Asked, brought: Brought) -> AccessToken | Answer | None:
        """As `check`, for a thread that can wait; it mostly need not."""
        try:
            api = self.api_now()
            need, found = self._identify_now(api, asked, brought)
            if isinstance(found, AccessToken):
                return self._judge(api, asked, need, found) or found
            return found
        except Exception as wrong:  # noqa: BLE001 - as in `check`
            return failed(wrong)

    def identify_now(self, asked: Asked, brought: Brought) -> AccessToken | Answer | None:
        """The first half of `check_now`: the token, and whether it is good; not what it may do."""
        try:
            return self._identify_now(self.api_now(), asked, brought)[1]
        except Exception as wrong:  # noqa: BLE001 - as in `check`
            return failed(wrong)

    def judge_now(self, asked: Asked, token: AccessToken) -> Answer | None:
        """The other half: the answer instead, or None where a good token is enough."""
        try:
            api = self.api_now()
            return self._judge(api, asked, self._need(api, asked)[1], token)
        except Exception as wrong:  # noqa: BLE001 - as in `check`
            return failed(wrong)

    def _identify_now(
        self, api: Api, asked: Asked, brought: Brought
    ) -> tuple[Scope, AccessToken | Answer | None]:
        need, text = self._before(api, asked, brought)
        if not isinstance(text, str):
            return need, None if text is None else self.refuse(api, text, need)
        try:
            return need, self._verify_now(text, brought.certificate)
        except BadToken as bad:
            return need, self._refuse_bad(api, bad, need)

    def _verify_now(self, text: str, certificate: bytes | None) -> AccessToken:
        if self._ready is not None:
            found = self._ready.at_hand(text, certificate=certificate)
            if found is not None:
                return found

        async def verify() -> AccessToken:
            return await self.verifier.verify(text, certificate=certificate)

        return wait_for(verify())

    def _before(self, api: Api, asked: Asked, brought: Brought) -> tuple[Scope, str | Refused | None]:
        """Scopes that would be enough, and the token of the request; None where none is needed."""
        if self._checks_format:
            _check_format(api)
        rule, need = self._need(api, asked)
        if is_public(rule) and not (asked.declared or brought.overrides_method):
            return need, None
        return need, bearer_token(brought)

    def _need(self, api: Api, asked: Asked) -> tuple[Rule | None, Scope]:
        rule = None if asked.path is None else api.rule_for(asked.method, asked.path)
        return rule, needed_scope(rule) | asked.declared

    def _judge(self, api: Api, asked: Asked, need: Scope, token: AccessToken) -> Answer | None:
        """May it pass, with this token? By the rule, by what the code asks for, by both where both speak."""
        if api.identifier not in token.audience:
            return self._refuse_bad(api, BadToken("meant for another audience"), need)
        lacks: Refused | None = None
        if asked.path is not None and not (asked.declared and api.rule_for(asked.method, asked.path) is None):
            outcome = judge(api, token, asked.method, asked.path, now=self._clock())
            lacks = None if isinstance(outcome, Allowed) else outcome
        elif not asked.declared:
            why = "No rule of this API allows a request without a route that rules can speak of"
            lacks = Refused(403, ErrorCode.INSUFFICIENT_SCOPE, why)
        elif api.step_up is not None:
            lacks = stale(token, api.step_up, need, asked.words, now=self._clock())
        lacks = lacks or lacking(token, asked.declared, asked.words)
        for scope, step_up in self._step_up.items():
            if lacks is None and scope in need:
                lacks = stale(token, step_up, need, asked.words, now=self._clock())
        return None if lacks is None else self.refuse(api, lacks, lacks.need or need)

    def _refuse_bad(self, api: Api, bad: BadToken, need: Scope) -> Answer:
        refused = Refused(401, ErrorCode.INVALID_TOKEN, f"The access token is refused: {bad.reason}")
        return self.refuse(api, refused, need)

    def refuse(self, api: Api, refused: Refused, need: Scope | None = None) -> Answer:
        """The answer to a refusal, with this API's challenge."""
        return answer_to(refused, realm=api.name, need=need, resource_metadata=self.resource_metadata)


def failed(wrong: Exception) -> Answer:
    """A failure of ours, logged and answered with 503 (threat O8)."""
    if isinstance(wrong, Unavailable):
        _log.warning("refused with 503: %s", wrong)
    else:
        _log.error("refused with 503", exc_info=wrong)
    return UNAVAILABLE


def _check_format(api: Api) -> None:
    if api.token_format is not TokenFormat.JWT:
        raise ValueError(f"api {api.name!r}: opaque tokens need a verifier that asks the server")
