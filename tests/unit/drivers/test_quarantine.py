import base64

import msgspec

from manta.drivers.quarantine import LINES_PER_S, Cause, Quarantine


def lines(path):
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_line_names_the_cause_and_keeps_the_beginning(tmp_path):
    quarantine = Quarantine(tmp_path / "q.jsonl")
    quarantine.put(Cause.POWER, "h-1", b"\x00" * 1_000, 5, "h-1-battery1")
    (line,) = lines(tmp_path / "q.jsonl")
    assert (line["cause"], line["site"], line["detail"], line["size"]) == (
        "power beyond three times the rating",
        "h-1",
        "h-1-battery1",
        1_000,
    )
    assert len(base64.b64decode(line["body"])) == 512
    assert quarantine.counts == {Cause.POWER: 1}


def test_a_flood_is_counted_and_not_written_out(tmp_path):
    quarantine = Quarantine(tmp_path / "q.jsonl")
    for _ in range(1_000):
        quarantine.put(Cause.UNREADABLE, "h-1", b"x", 5_000)
    quarantine.put(Cause.UNREADABLE, "h-1", b"x", 6_000)
    assert quarantine.counts[Cause.UNREADABLE] == 1_001
    assert len(lines(tmp_path / "q.jsonl")) == LINES_PER_S + 1
    assert quarantine.unwritten == 1_000 - LINES_PER_S


def test_two_files_of_bounded_size_are_all_it_takes(tmp_path):
    quarantine = Quarantine(tmp_path / "q.jsonl", largest=2_000)
    for second in range(200):
        quarantine.put(Cause.FUTURE, "h-1", b"body", second * 1_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.jsonl", "q.jsonl.1"]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())


def test_a_disk_that_will_not_take_it_stops_nothing(tmp_path):
    quarantine = Quarantine(tmp_path / "missing" / "q.jsonl")
    for _ in range(3):
        quarantine.put(Cause.SOC, "h-1", b"x", 5)
    assert (quarantine.counts[Cause.SOC], quarantine.unwritten) == (3, 3)
