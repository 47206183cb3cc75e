"""The reference of metrics is made from the metrics."""

from scripts.metrics_page import PAGE, page


def test_the_page_is_current():
    """Surfaces §4: what an operator reads is what is told."""
    assert page() == PAGE.read_text(), "next: .venv/bin/python scripts/metrics_page.py"
