import socket

from rich.console import Console

from manta.app import doctor


def test_it_looks_at_everything_and_every_bad_finding_has_a_remedy(tmp_path):
    findings = doctor.examine(tmp_path)
    seen = {finding.what for finding in findings}
    assert {"Python", "Libraries", "PostgreSQL", "NATS", "Disk", "Memory", "Open files", "Clock"} <= seen
    assert all(finding.ok or finding.remedy for finding in findings)


def test_a_port_in_use_is_named_and_no_reason_not_to_start():
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = doctor._port("page", other.getsockname()[1])
    assert finding.ok
    assert "taken by" in finding.seen


def test_a_full_disk_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED_DISK_GIB", 1e9)
    finding = doctor._disk(tmp_path / "not" / "yet")
    assert not finding.ok
    assert "--data" in finding.remedy


def test_what_is_missing_is_a_finding_and_no_trace(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.nats, "binary", lambda: tmp_path / "nats-server")
    finding = doctor._look(doctor._nats)
    assert not finding.ok
    assert finding.remedy


def test_the_table_marks_each_finding():
    console = Console(width=100, record=True, file=None, quiet=True)
    console.quiet = False
    with console.capture() as words:
        console.print(doctor.table([doctor.Finding("A", True, "x"), doctor.Finding("B", False, "y", "do z")]))
    assert "✓" in words.get()
    assert "✗" in words.get()
    assert "do z" in words.get()
