"""What is counted, and how it is told to Prometheus. No label names a client, a person or an address.

Without a management port nobody can ask, so nothing is counted: `Metrics` has the names and does nothing.
"""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from grantway import __version__
from grantway.flows.snapshot import Snapshots
from grantway.protocol.names import GrantType
from grantway.storage.changes import KeyPurpose, KeyState

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"  # where workers share their counters; named by prometheus_client
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
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


class PrometheusMetrics(Metrics):
    """Counts for Prometheus. Every set of labels is looked up once; then a count is one addition."""

    counts = True

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._own = own = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Callable[..., Any]:
            return _remembered(Counter(f"grantway_{name}", text, labels, registry=own))

        self._requests = counter("http_requests", "Requests answered", "route", "method", "status")
        self._seconds = _remembered(
            Histogram(
                "grantway_http_request_duration_seconds",
                "From the request to the end of its answer",
                ("route",),
                buckets=_SECONDS,
                registry=own,
            )
        )
        self._authorizations = counter("authorization_requests", "How they ended", "outcome", "error")
        self._token_requests = counter("token_requests", "How they ended", "grant_type", "outcome", "error")
        self._issued = counter("tokens_issued", "Codes and tokens handed out", "kind")
        self._introspections = counter("introspections", "What was answered", "active")
        self._revocations = counter("revocations", "Revocations accepted")
        self._logins = counter("logins", "How sign-ins ended", "method", "outcome")
        self._consents = counter("consents", "What people answered", "decision")
        self._limited = counter("rate_limited", "Callers told to wait", "limit")
        self._logouts = counter("logouts", "Tries to tell apps that a session has ended", "outcome")

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

    def exposition(self, snapshots: Snapshots) -> tuple[bytes, str]:
        """All of it as text, and its content type; of every worker where there are several."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        gauges = CollectorRegistry()
        gauges.register(_Gauges(snapshots))
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

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def collect(self) -> "Iterable[Metric]":
        """The gauges of now."""
        from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("grantway_build", "What runs", value={"version": __version__})
        newest, now = self._snapshots.newest, self._snapshots.now()
        ages = GaugeMetricFamily("grantway_signing_key_age_seconds", "Since it began to sign", labels=["alg"])
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
        first = GaugeMetricFamily(
            "grantway_client_secret_expiry_timestamp_seconds", "When the first of the live secrets expires"
        )
        if ends:
            first.add_metric([], min(ends))
        yield first
        yield GaugeMetricFamily(
            "grantway_registry_age_seconds", "Since the registry was last read", value=self._snapshots.age
        )
        yield GaugeMetricFamily(
            "grantway_clock_offset_seconds",
            "By which the database's clock is ahead",
            value=self._snapshots.clock_offset,
        )
