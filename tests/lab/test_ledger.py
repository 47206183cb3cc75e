"""The ledger, the tally and the page: what an experiment says is what it saw."""

from pathlib import Path

import pytest

from lab.experiment import Lab
from lab.experiments import EXPERIMENTS
from lab.ledger import Entry, Fact, Kind, Ledger, State, newest, read
from lab.page import Record, keep, page
from lab.report import Finding, Report

TOKEN = Fact(Kind.REFRESH_TOKEN, "a", State.LIVE, "printer")


async def test_what_is_noted_can_be_read_back_and_the_newest_fact_counts(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    await ledger.note("code.redeemed", TOKEN)
    await ledger.note("grant.revoked", TOKEN._replace(state=State.ENDED))
    ledger.close()
    entries = list(read(ledger.path))
    assert ["code.redeemed", "grant.revoked"] == [entry.what for entry in entries]
    assert newest(entries) == ledger.facts == {(Kind.REFRESH_TOKEN, "a"): TOKEN._replace(state=State.ENDED)}


def test_a_line_holds_the_whole_entry(tmp_path):
    path = tmp_path / "ledger.jsonl"
    entry = Entry(1, 5.0, "code.redeemed", (TOKEN,))
    path.write_bytes(entry.line())
    assert [entry] == list(read(path))


@pytest.mark.parametrize(
    ("bounds", "holds"),
    [
        ({}, True),
        ({"at_most": 3}, True),
        ({"at_most": 2}, False),
        ({"at_least": 3}, True),
        ({"at_least": 4}, False),
        ({"at_most": 3, "at_least": 3}, True),
    ],
)
def test_a_figure_holds_within_its_bounds(bounds, holds):
    assert Finding(what="kills", figure=3, **bounds).holds is holds


def test_what_a_busy_machine_makes_longer_is_not_held_against_a_test():
    findings = (
        Finding(what="lost", figure=1, at_most=0),
        Finding(what="start", figure=9, unit="s", at_most=3),
    )
    broken = report(*findings).broken
    assert ["lost"] == [finding.what for finding in broken]


def report(*findings):
    return Report(id="RX1", title="", database="SQLite", seed=1, what_was_done="Kills.", findings=findings)


def record(name, *findings):
    reports = [report(*findings)]
    return Record(name, EXPERIMENTS[name].title, "middle", 1, "2026-01-31", 2.0, {"cores": "2"}, reports, {})


def test_running_one_experiment_replaces_its_section_alone(tmp_path):
    keep([record("RX1", Finding(what="lost", figure=1, at_most=0)), record("RX2")], tmp_path)
    before = (tmp_path / "reliability.md").read_text()
    keep([record("RX1", Finding(what="lost", figure=0, at_most=0))], tmp_path)
    after = (tmp_path / "reliability.md").read_text()
    assert "| lost | 1 | ≤ 0 | **does not hold** |" in before
    assert "| lost | 0 | ≤ 0 | holds |" in after
    assert before.partition("## RX2")[2] == after.partition("## RX2")[2] != ""


def test_an_experiment_that_reports_nothing_has_not_passed():
    empty = Record("RX1", "kills", "middle", 1, "2026-01-31", 2.0, {}, [], {})
    assert not empty.holds
    assert "**not all hold**" in page([empty])


def test_the_numbers_follow_the_size():
    sizes = [Lab(size=size, seed=1, folder=Path()) for size in ("short", "middle", "full")]
    assert [1, 2, 3] == [lab.pick(short=1, middle=2, full=3) for lab in sizes]
