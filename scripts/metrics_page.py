"""Writes docs/metrics.md from the metrics themselves; with `--check` only says whether it is current."""

import sys
from pathlib import Path

from grantway.web.metrics import Described, PrometheusMetrics

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
_HEAD = """# Metrics

Made by `scripts/metrics_page.py` from the metrics themselves; do not edit. They are told at `/metrics` of the
management port (`server.management_port`), added up over all workers of a node; without that port nothing is
counted. Times are in seconds. No label names an app, a person or an address, so there are as many series as
there are routes, statuses and errors, however many people there are.

What counts something of the whole installation (`grantway_grants_active`, `grantway_sessions_active`) is the
same on every node: take the largest, not the sum.

| metric | kind | labels | what it says |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(map(_row, sorted(PrometheusMetrics().described, key=lambda one: one.name)))


def _row(one: Described) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    return f"| `{one.name}` | {one.kind} | {labels} | {one.text} |\n"


def main() -> None:
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text("utf-8") != page())
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.name}: written")


if __name__ == "__main__":
    main()
