"""Short experiments in the gate: every figure that is a count is as required; times are for `make lab`."""

from pathlib import Path

from lab.experiment import Lab
from lab.report import Report
from tests.services.postgres import Postgres


def short(folder: Path, cluster: Postgres | None = None) -> Lab:
    """As small as an experiment can be."""
    return Lab(size="short", seed=1, folder=folder, cluster=cluster)


def assert_nothing_broke(*reports: Report) -> None:
    for report in reports:
        told = [f"{finding.what}: {finding.figure}" for finding in report.broken]
        assert told == [], (report.id, report.database, dict(report.facts))
