"""Refusals in files: bounded, private, and never in anybody's way."""

import itertools
import logging
import os
import stat
import threading

import pytest

from grantway.storage.refusal_files import MAX_WAITING, SEGMENTS, Followed, RefusalFiles, lines_of, segments

LIMIT = 160_000  # bytes


@pytest.fixture
def clock():
    """Each look is a second later."""
    return itertools.count(1_700_000_000).__next__


def size_of(folder):
    return sum(path.stat().st_size for path in segments(folder))


def test_what_was_noted_is_there_after_a_restart(tmp_path, clock):
    """FU1: in order, whole, and for the owner's eyes alone."""
    for process in range(2):
        files = RefusalFiles(tmp_path / "kept", limit=LIMIT, clock=clock)
        for number in range(10):
            files.note(f'{{"n": {process * 10 + number}}}'.encode())
        files.close()
    assert [f'{{"n": {number}}}'.encode() for number in range(20)] == list(lines_of(tmp_path / "kept"))
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in segments(tmp_path / "kept")} == {0o600}


def test_nothing_is_made_before_there_is_a_refusal(tmp_path, clock):
    """FU1: a node that refuses nobody starts no thread and writes no file."""
    threads = threading.active_count()
    files = RefusalFiles(tmp_path / "kept", limit=LIMIT, clock=clock)
    files.close()
    assert not (tmp_path / "kept").exists()
    assert threading.active_count() == threads


def test_the_oldest_make_room(tmp_path, clock):
    """U5: the folder never holds more than its limit, and the newest line is always there."""
    line = b"x" * 999
    for _ in range(4):
        files = RefusalFiles(tmp_path, limit=LIMIT, clock=clock)
        for number in range(400):
            files.note(b"%04d" % number + line)
        files.close()
        assert files.dropped == 0
        assert size_of(tmp_path) <= LIMIT
    assert size_of(tmp_path) > LIMIT * (SEGMENTS - 2) // SEGMENTS
    assert list(lines_of(tmp_path))[-1].startswith(b"0399")


def test_a_segment_deleted_by_another_process_is_begun_anew(tmp_path, clock):
    """FU1: the lines of a quiet worker are not lost with it."""
    files = RefusalFiles(tmp_path, limit=LIMIT, clock=clock)
    files.note(b"first")
    while not list(lines_of(tmp_path)):
        pass
    for path in segments(tmp_path):
        path.unlink()
    files.note(b"second")
    files.close()
    assert [b"second"] == list(lines_of(tmp_path))


def test_a_full_queue_drops_and_never_waits(tmp_path, clock):
    """U5: a disk that stands still costs lines, not requests."""
    os.mkfifo(tmp_path / "held")
    files = RefusalFiles(tmp_path / "kept", limit=LIMIT, clock=clock)
    files._thread = threading.current_thread()  # nobody writes
    for number in range(MAX_WAITING + 50):
        files.note(b"%d" % number)
    assert (len(files._waiting), files.dropped) == (MAX_WAITING, 50)


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path, clock, caplog):
    """FU1: the server goes on; the log says where the trouble is."""
    (tmp_path / "kept").write_text("a file")
    files = RefusalFiles(tmp_path / "kept", limit=LIMIT, clock=clock)
    with caplog.at_level(logging.WARNING, "grantway.refusals"):
        files.note(b"one")
        while not files.dropped:
            pass
        files.note(b"two")
        files.close()
    assert files.dropped == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be kept" in caplog.text


def test_a_link_in_the_folder_is_not_followed(tmp_path):
    """U5: whoever could plant one cannot make the server write elsewhere."""
    target = tmp_path / "target"
    target.write_bytes(b"")
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / f"{1_700_000_000_000_000:016d}-{os.getpid()}.jsonl").symlink_to(target)
    files = RefusalFiles(folder, limit=LIMIT, clock=lambda: 1_700_000_000.0)
    files.note(b"line")
    files.close()
    assert target.read_bytes() == b""


def test_whoever_follows_sees_each_line_once(tmp_path, clock):
    """FU1: over the end of a segment, and not before a line is whole."""
    followed = Followed(tmp_path)
    assert followed.new_lines() == []
    (tmp_path / "1.jsonl").write_bytes(b"one\ntw")
    assert followed.new_lines() == [b"one"]
    (tmp_path / "1.jsonl").write_bytes(b"one\ntwo\n")
    (tmp_path / "2.jsonl").write_bytes(b"three\n")
    assert followed.new_lines() == [b"two", b"three"]
    (tmp_path / "1.jsonl").unlink()
    assert followed.new_lines() == []
