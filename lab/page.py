"""The page docs/reliability.md, written by the runs themselves: figures as JSON beside it, prose from them.

Running one experiment replaces its section alone.
"""

import hashlib
import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.experiment import Lab
from lab.experiments import EXPERIMENTS
from lab.report import Finding, Report
from tests.services.postgres import program

PAGE, FIGURES = "reliability.md", "reliability/figures.json"
HEAD = """# Reliability: what was broken, and what was lost

This page is written by `make lab`. Each experiment breaks something while the server is used, and then asks the server, over its public HTTP interface, for every effect it had acknowledged. The ledger of acknowledged effects is kept by the client, fsynced, outside of what is broken.

- **Lost**: acknowledged, and absent afterwards.
- **Doubled**: one single-use item, two successes.
- **Resurrected**: revoked, disabled or spent, and active again.

A figure without a bound is told, not judged. Times are of the machine named below each experiment, which it shared with the load, and with whatever else the load average tells of. Raw ledgers are too large to keep here; their SHA-256 says which ones the figures came from.
"""  # noqa: E501 - a paragraph is one line


@dataclass(frozen=True, slots=True)
class Record:
    """What the page keeps of one run of one experiment."""

    id: str
    title: str
    size: str
    seed: int
    day: str
    seconds: float
    machine: Mapping[str, str]
    reports: Sequence[Report]
    ledgers: Mapping[str, str]  # file name → "12,345 lines, sha256 …"

    @property
    def holds(self) -> bool:
        """An experiment that reports nothing has shown nothing."""
        return bool(self.reports) and all(report.holds for report in self.reports)


def record_of(name: str, lab: Lab, reports: Sequence[Report], *, seconds: float) -> Record:
    """The record of a run that has just ended."""
    return Record(
        id=name,
        title=EXPERIMENTS[name].title,
        size=lab.size,
        seed=lab.seed,
        day=datetime.now(tz=UTC).date().isoformat(),
        seconds=seconds,
        machine=machine(),
        reports=reports,
        ledgers={report.ledger: _ledger(lab.folder, report.ledger) for report in reports if report.ledger},
    )


def machine() -> dict[str, str]:
    """The facts that figures depend on."""
    version = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True, check=True)
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": version.stdout.split()[2],
        "load average over 5 minutes": f"{os.getloadavg()[1]:.1f}",
    }


def _ledger(folder: Path, name: str) -> str:
    path = next(path for path in (folder / name, folder.parent / name) if path.exists())
    octets = path.read_bytes()
    lines = octets.count(b"\n")
    return f"{lines:,} lines, sha256 {hashlib.sha256(octets).hexdigest()}"


# ------------------------------------------------------------------------------------------- keeping


def keep(records: Sequence[Record], docs: Path) -> None:
    """Write the figures and the page, leaving alone what was not run."""
    path = docs / FIGURES
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    kept |= {record.id: asdict(record) for record in records}
    kept = {name: kept[name] for name in EXPERIMENTS if name in kept}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False, default=dict) + "\n")
    (docs / PAGE).write_text(page([_read(entry) for entry in kept.values()]))


def _read(entry: dict[str, Any]) -> Record:
    reports = [
        Report(**(report | {"findings": tuple(Finding(**finding) for finding in report["findings"])}))
        for report in entry["reports"]
    ]
    return Record(**(entry | {"reports": reports}))


# -------------------------------------------------------------------------------------------- words


def page(records: Sequence[Record]) -> str:
    """The whole page."""
    return "\n".join([HEAD, _summary(records), *map(_section, records)]) + "\n"


def _summary(records: Sequence[Record]) -> str:
    rows = [
        f"| [{record.id}](#{_anchor(record)}) | {record.title} | {_databases(record)} | {record.size} | "
        f"{'all hold' if record.holds else '**not all hold**'} |"
        for record in records
    ]
    return "\n".join(
        ["| id | experiment | database | size | figures |", "| --- | --- | --- | --- | --- |", *rows, ""]
    )


def _databases(record: Record) -> str:
    return ", ".join(dict.fromkeys(report.database for report in record.reports))


def _anchor(record: Record) -> str:
    """As GitHub makes it from the heading."""
    kept = [letter for letter in f"{record.id} {record.title}".lower() if letter.isalnum() or letter in " -"]
    return "".join(kept).replace(" ", "-")


def _section(record: Record) -> str:
    lines = [f"## {record.id}: {record.title}", ""]
    for report in record.reports:
        lines += [*_report(report), ""]
    facts = [f"{name} {value}" for name, value in record.machine.items()]
    flag = "" if record.size == "middle" else f" --{record.size}"
    lines += [
        f"Run {record.day}, {record.seconds:.0f} s, seed {record.seed}. Machine: {', '.join(facts)}.",
        "",
    ]
    lines += [f"- Ledger `{name}`: {facts}" for name, facts in record.ledgers.items()]
    lines += [f"- Repeat: `make lab ARGS='{record.id}{flag} --seed {record.seed}'`", ""]
    return "\n".join(lines)


def _report(report: Report) -> list[str]:
    title = (
        f"**{report.database}**"
        if report.title in ("", report.id)
        else f"**{report.title}, {report.database}**"
    )
    lines = [f"{title}: {report.what_was_done}", ""]
    lines += ["| figure | found | required | |", "| --- | ---: | ---: | --- |"]
    lines += [
        f"| {one.what} | {_number(one.figure, one.unit)} | {_bound(one)} | {_verdict(one)} |"
        for one in report.findings
    ]
    if report.facts:
        lines += ["", *(f"- {name}: {value}" for name, value in report.facts.items())]
    return lines


def _number(figure: float, unit: str) -> str:
    text = f"{figure:,.0f}" if float(figure).is_integer() else f"{figure:,.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}".rstrip()


def _bound(finding: Finding) -> str:
    if finding.at_most is not None and finding.at_most == finding.at_least:
        return _number(finding.at_most, finding.unit)
    bounds = [
        f"{sign} {_number(bound, finding.unit)}"
        for sign, bound in (("≥", finding.at_least), ("≤", finding.at_most))
        if bound is not None
    ]
    return " and ".join(bounds)


def _verdict(finding: Finding) -> str:
    if finding.at_most is None and finding.at_least is None:
        return "told"
    return "holds" if finding.holds else "**does not hold**"


def table(records: Sequence[Record]) -> str:
    """The figures on a terminal."""
    lines = []
    for record in records:
        for report in record.reports:
            lines.append(
                f"{record.id} {report.title}, {report.database} ({record.size}, {record.seconds:.0f} s)"
            )
            lines += [
                f"  {'  ' if finding.holds else '✗ '}{finding.what:64} "
                f"{_number(finding.figure, finding.unit):>14}  {_bound(finding)}"
                for finding in report.findings
            ]
    return "\n".join(lines)
