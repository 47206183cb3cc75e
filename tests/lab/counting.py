"""What a test asks of an experiment: its counts. Times depend on what else the machine does."""

from collections.abc import Sequence

from lab.report import Report

TIMES = {"s", "ms", "×"}


def wrong_counts(reports: Sequence[Report]) -> list[str]:
    """Every count that is not as required."""
    return [
        f"{report.database}: {finding.what}: {finding.figure} {finding.unit} ({report.facts})"
        for report in reports
        for finding in report.findings
        if finding.unit not in TIMES and not finding.holds
    ]
