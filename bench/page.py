"""Figures as people read them: tables and plots under docs/performance, with all of it as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pygal
from pygal.style import CleanStyle

from bench.measuring import Figure
from bench.sections import Section
from tests.services.postgres import version

HEAD = """# Performance

Measured by `make bench`, which anyone can repeat: it installs the peers by their package names, starts a
PostgreSQL of its own (fsync and synchronous commit on), seeds each server and lets one load generator play
the same stories on all of them. Requests a second depend on the machine and its neighbours; ratios within one
run, and CPU for an operation, are the steadier figures. One section again: `make bench ARGS="alike"`.

{facts}
"""
COLUMNS = (
    "| server | workload | connections | ops/s (min–max) | p50 ms | p99 ms | CPU µs: server + database "
    "| generator | failed |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def machine() -> dict[str, str]:
    """What the figures depend on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "measured on": datetime.now(UTC).date().isoformat(),
        "cores": f"{os.cpu_count()} × {model}",
        "Python": platform.python_version(),
        "PostgreSQL": version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def write(sections: Sequence[Section], folder: Path) -> None:
    """Replace what these sections measured; the others stay as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "figures.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    for section in sections:
        kept[section.name] = as_json(section) | {"machine": machine()}
        for name, chart in plots(section).items():
            chart.render_to_file(str(folder / name))
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    (folder / "README.md").write_text(page(kept, folder))


def as_json(section: Section) -> dict[str, object]:
    """A section as data."""
    return {
        "title": section.title,
        "about": section.about,
        "facts": section.facts,
        "notes": section.notes,
        "figures": [figure.as_dict() for figure in section.figures],
    }


def page(kept: dict[str, dict], folder: Path) -> str:
    """The page, from the data."""
    facts = next(iter(kept.values()))["machine"] if kept else {}
    text = [HEAD.format(facts=" · ".join(f"{name} {value}" for name, value in facts.items()))]
    for name, section in kept.items():
        text += [f"## {section['title']}\n", f"{section['about']}\n"]
        text += [f"![{section['title']}]({plot.name})\n" for plot in sorted(folder.glob(f"{name}-*.svg"))]
        if section["facts"]:
            text += [_facts_table(section["facts"])]
        if section["figures"]:
            text += [COLUMNS, *(row(Figure(**one)) for one in section["figures"]), ""]
        if section["notes"]:
            text += [*(f"- {who}: {note}" for who, note in section["notes"].items()), ""]
    return "\n".join(text)


def _facts_table(facts: dict[str, float]) -> str:
    rows = [f"| {name} | {short(value)} |" for name, value in facts.items()]
    return "\n".join(["| | |", "| --- | ---: |", *rows, ""])


def short(value: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def row(one: Figure) -> str:
    """One line of the table."""
    return (
        f"| {one.contender} | {one.workload} | {one.connections} "
        f"| {one.per_second:,.0f} ({one.slowest:,.0f}–{one.fastest:,.0f}) | {one.p50:.1f} | {one.p99:.1f} "
        f"| {one.server_cpu:,.0f} + {one.database_cpu:,.0f} | {one.generator_share:.0%} | {one.failed} |"
    )


def plots(section: Section) -> dict[str, pygal.graph.graph.Graph]:
    """The section's pictures, by file name."""
    if not section.figures:
        return {}
    if len({one.connections for one in section.figures}) > 1:
        return {f"{section.name}-{_slug(work)}.svg": _lines(section, work) for work in _workloads(section)}
    return {f"{section.name}-rates.svg": _bars(section)}


def _workloads(section: Section) -> list[str]:
    return list(dict.fromkeys(one.workload for one in section.figures))


def _slug(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "-").lower()


def _look(**more: object) -> dict[str, object]:
    return {"js": [], "style": CleanStyle, "legend_at_bottom": True, "legend_at_bottom_columns": 1, **more}


def _bars(section: Section) -> pygal.Bar:
    works = [work for work in _workloads(section) if work != "metadata"]  # it would dwarf all others
    chart = pygal.Bar(**_look(title=f"{section.title}: operations a second", height=620))
    chart.x_labels = works
    for who in dict.fromkeys(one.contender for one in section.figures):
        rates = {one.workload: one.per_second for one in section.figures if one.contender == who}
        chart.add(who, [round(rates[work]) if work in rates else None for work in works])
    return chart


def _lines(section: Section, work: str) -> pygal.Line:
    chart = pygal.Line(**_look(title=f"{work}: operations a second, by connections", height=420))
    mine = [one for one in section.figures if one.workload == work]
    counts = sorted({one.connections for one in mine})
    chart.x_labels = [str(count) for count in counts]
    for who in dict.fromkeys(one.contender for one in mine):
        rates = {one.connections: one.per_second for one in mine if one.contender == who}
        chart.add(who, [round(rates[count]) if count in rates else None for count in counts])
    return chart
