"""What is counted, and how it is told to Prometheus. No label names a client, a person or an address.

Without a management port nobody can ask, so nothing is counted: `Metrics` has the names and does nothing.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantway import __version__
from grantway.flows.revocation_feed import RevocationFeed
from grantway.flows.snapshot import Snapshots
from grantway.protocol.diagnosis import Gw
from grantway.protocol.names import GrantType
from grantway.storage.changes import KeyPurpose, KeyState, LiveCounts
from grantway.storage.port import Store, Unavailable

if TYPE_CHECKING:
    from prometheus_client import Gauge
    from prometheus_client.metrics_core import Metric

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"  # where workers share their counters; named by prometheus_client
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HASHING = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
COUNTED_EVERY = 30.0  # seconds: counting a million grants takes the database a moment
MEASURED_EVERY = 5.0  # seconds between two looks at a process's connections
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
_GRANT_TYPES = frozenset(GrantType)


class Metrics:
    """Counts nothing."""

    counts = False

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""

    def authorization(self, outcome: str, error: str = "") -> None:
        """An authorization request ended: with a `code`, an `error`, or a `page` of ours."""

    def token_request(self, grant_type: str | None, outcome: str, error: str = "") -> None:
        """A token request was `granted` or `refused`."""

    def issued(self, kind: str) -> None:
        """A code or token was handed out."""

    def introspected(self, *, active: bool) -> None:
        """A token was introspected."""

    def decided(self, family: str, outcome: str) -> None:
        """A gateway was told whether a request may pass."""

    def revoked(self) -> None:
        """A revocation was accepted."""

    def login(self, method: str, outcome: str) -> None:
        """A sign-in ended."""

    def consent(self, decision: str) -> None:
        """A person answered the question for consent."""

    def rate_limited(self, limit: str) -> None:
        """Somebody was told to wait."""

    def logout(self, outcome: str) -> None:
        """An app was `told` that a session has ended, a try `failed`, or it was `given_up`."""

    def revocation_streams(self, change: int) -> None:
        """So many more APIs listen to what is revoked, or fewer."""

    def revocations_told(self, kind: str, entries: int) -> None:
        """An API was told of so many revocations, in a `stream` or all that matter at once (`complete`)."""

    def password_hashed(self, seconds: float) -> None:
        """A password was hashed or checked."""

    def diagnosed(self, gw: Gw) -> None:
        """A request was refused."""


@dataclass(frozen=True, slots=True)
class Described:
    """A metric, for the reference."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


# Read when they are asked for; all workers would say the same.
GAUGES = {
    "build": Described("grantway_build_info", "info", ("version",), "What runs"),
    "key": Described(
        "grantway_signing_key_age_seconds", "gauge", ("alg",), "Since the signing key began to sign"
    ),
    "secret": Described(
        "grantway_client_secret_expiry_timestamp_seconds",
        "gauge",
        (),
        "When the first of the live client secrets expires",
    ),
    "registry": Described("grantway_registry_age_seconds", "gauge", (), "Since the registry was last read"),
    "clock": Described(
        "grantway_clock_offset_seconds", "gauge", (), "By which the database's clock is ahead"
    ),
    "grants": Described(
        "grantway_grants_active", "gauge", (), "Approvals neither revoked nor expired; counted every 30 s"
    ),
    "sessions": Described("grantway_sessions_active", "gauge", (), "Browsers signed in; counted every 30 s"),
}


class PrometheusMetrics(Metrics):
    """Counts for Prometheus. Every set of labels is looked up once; then a count is one addition."""

    counts = True

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry

        self._own = CollectorRegistry()
        self.described: list[Described] = list(GAUGES.values())
        self._live: LiveCounts | None = None
        self._counted_at = float("-inf")
        self._requests = self._counter("http_requests", "Requests answered", "route", "method", "status")
        self._seconds = self._histogram(
            "http_request_duration_seconds",
            "From the request to the end of its answer",
            "route",
            buckets=_SECONDS,
        )
        self._authorizations = self._counter(
            "authorization_requests", "How authorization requests ended", "outcome", "error"
        )
        self._token_requests = self._counter(
            "token_requests", "How token requests ended", "grant_type", "outcome", "error"
        )
        self._issued = self._counter("tokens_issued", "Codes and tokens handed out", "kind")
        self._introspections = self._counter("introspections", "What introspection answered", "active")
        self._decisions = self._counter("decisions", "What gateways were told", "family", "outcome")
        self._revocations = self._counter("revocations", "Revocations accepted")
        self._logins = self._counter("logins", "How sign-ins ended", "method", "outcome")
        self._consents = self._counter(
            "consents", "What people answered: allowed, narrowed, denied, not_allowed", "decision"
        )
        self._limited = self._counter("rate_limited", "Callers told to wait", "limit")
        self._logouts = self._counter("logouts", "Tries to tell apps that a session has ended", "outcome")
        self._revocations = self._counter("revocations_told", "Revocations told to APIs that listen", "kind")
        self._hashing = self._histogram(
            "password_hash_duration_seconds", "Hashing or checking a password", buckets=_HASHING
        )
        self._pool = _remembered(
            self._gauge(
                "db_pool_connections",
                "Connections to PostgreSQL, of all processes of this node; none on SQLite",
                "state",
                across="livesum",
            )
        )
        self._streams = self._gauge(
            "revocation_streams",
            "Streams of revocations that are open, of all processes of this node",
            across="livesum",
        )
        self._feed_age = self._gauge(
            "revocation_feed_age_seconds",
            "Since the revocations were last read, while an API listens; of the process that is latest",
            across="livemax",
        )
        self._diagnoses = self._counter("diagnoses", "Refusals by what was wrong", "id")

    def _counter(self, name: str, text: str, *labels: str) -> Callable[..., Any]:
        from prometheus_client import Counter

        self.described.append(Described(f"grantway_{name}_total", "counter", labels, text))
        return _remembered(Counter(f"grantway_{name}", text, labels, registry=self._own))

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...]
    ) -> Callable[..., Any]:
        from prometheus_client import Histogram

        self.described.append(Described(f"grantway_{name}", "histogram", labels, text))
        return _remembered(Histogram(f"grantway_{name}", text, labels, buckets=buckets, registry=self._own))

    def _gauge(self, name: str, text: str, *labels: str, across: Any) -> "Gauge":
        """`across`: what becomes of the numbers of several processes, as prometheus_client calls it."""
        from prometheus_client import Gauge

        self.described.append(Described(f"grantway_{name}", "gauge", labels, text))
        return Gauge(f"grantway_{name}", text, labels, registry=self._own, multiprocess_mode=across)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests(route, method if method in _METHODS else "other", status).inc()
        self._seconds(route).observe(seconds)

    def authorization(self, outcome: str, error: str = "") -> None:
        self._authorizations(outcome, error).inc()

    def token_request(self, grant_type: str | None, outcome: str, error: str = "") -> None:
        self._token_requests(grant_type if grant_type in _GRANT_TYPES else "other", outcome, error).inc()

    def issued(self, kind: str) -> None:
        self._issued(kind).inc()

    def introspected(self, *, active: bool) -> None:
        self._introspections("true" if active else "false").inc()

    def decided(self, family: str, outcome: str) -> None:
        self._decisions(family, outcome).inc()

    def revoked(self) -> None:
        self._revocations().inc()

    def login(self, method: str, outcome: str) -> None:
        self._logins(method, outcome).inc()

    def consent(self, decision: str) -> None:
        self._consents(decision).inc()

    def rate_limited(self, limit: str) -> None:
        self._limited(limit).inc()

    def logout(self, outcome: str) -> None:
        self._logouts(outcome).inc()

    def revocation_streams(self, change: int) -> None:
        self._streams.inc(change)

    def revocations_told(self, kind: str, entries: int) -> None:
        self._revocations(kind).inc(entries)

    def password_hashed(self, seconds: float) -> None:
        self._hashing().observe(seconds)

    def measure(self, store: Store, feed: RevocationFeed) -> None:
        """Note what this process holds."""
        self._feed_age.set(feed.reader.age if feed.streams else 0.0)
        for state, number in store.connections().items():
            self._pool(state).set(number)

    async def keep_measuring(self, store: Store, feed: RevocationFeed) -> None:
        """Until cancelled: another process may be asked for what this one holds."""
        while True:
            self.measure(store, feed)
            await asyncio.sleep(MEASURED_EVERY)

    async def count(self, store: Store) -> None:
        """Count what only the database knows, unless that was done a moment ago or it is away."""
        if time.monotonic() - self._counted_at < COUNTED_EVERY:
            return
        self._counted_at = time.monotonic()
        with suppress(Unavailable):
            self._live = await store.live_counts()

    def diagnosed(self, gw: Gw) -> None:
        self._diagnoses(gw.value).inc()

    def exposition(self, snapshots: Snapshots) -> tuple[bytes, str]:
        """All of it as text, and its content type; of every worker where there are several."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        gauges = CollectorRegistry()
        gauges.register(_Gauges(snapshots, self._live))
        counters: CollectorRegistry = self._own
        if os.environ.get(MULTIPROCESS):
            counters = CollectorRegistry()
            MultiProcessCollector(counters)  # type: ignore[no-untyped-call]
        return generate_latest(gauges) + generate_latest(counters), CONTENT_TYPE_LATEST


def _remembered(metric: Any) -> Callable[..., Any]:
    """Its child for these labels, by one look-up in a dictionary."""
    children: dict[tuple[object, ...], Any] = {}

    def child(*labels: object) -> Any:
        found = children.get(labels)
        if found is None:
            found = children[labels] = metric.labels(*labels) if labels else metric
        return found

    return child


class _Gauges:
    """What is read when it is asked for: the same in every worker, since all read one registry."""

    def __init__(self, snapshots: Snapshots, live: LiveCounts | None) -> None:
        self._snapshots, self._live = snapshots, live

    def collect(self) -> "Iterable[Metric]":
        """The gauges of now."""
        from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily

        def gauge(key: str, value: float | None = None) -> GaugeMetricFamily:
            known = GAUGES[key]
            labels = known.labels if value is None else None
            return GaugeMetricFamily(known.name, known.text, value=value, labels=labels)

        build = GAUGES["build"]
        yield InfoMetricFamily(build.name.removesuffix("_info"), build.text, value={"version": __version__})
        newest, now = self._snapshots.newest, self._snapshots.now()
        ages = gauge("key")
        for key in newest.keys:
            if key.purpose is KeyPurpose.SIGNING and key.state is KeyState.ACTIVE:
                ages.add_metric([key.alg], now - key.state_since)
        yield ages
        ends = [
            secret.expires_at
            for client in newest.registry.clients.values()
            for secret in client.secrets
            if secret.expires_at is not None and secret.expires_at > now
        ]
        first = gauge("secret")
        if ends:
            first.add_metric([], min(ends))
        yield first
        yield gauge("registry", self._snapshots.age)
        yield gauge("clock", self._snapshots.clock_offset)
        if self._live is not None:
            yield gauge("grants", self._live.grants)
            yield gauge("sessions", self._live.sessions)
