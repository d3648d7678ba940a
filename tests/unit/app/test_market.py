import json
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.unit.mms.files import csv, price_row, zipped
from typer.testing import CliRunner

from manta.app.cli import app
from manta.app.market_status import in_words

REPORT = "PUBLIC_DISPATCHIS_202701141805_1.zip"
RUNNER = CliRunner(env={"COLUMNS": "160", "TERM": "dumb"})


def manta(*words):
    return RUNNER.invoke(app, ["market", *map(str, words)])


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    (folder / "deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / REPORT).write_bytes(zipped(csv(price_row(), price_row(REGIONID="SA1"))))
    later = price_row(SETTLEMENTDATE='"2027/01/14 18:20:00"', LASTCHANGED='"2027/01/14 18:15:14"')
    (folder / "deeper" / "later.CSV").write_bytes(csv(later))
    (folder / ".hidden" / "draft.csv").write_bytes(b"no")
    (folder / "README.md").write_bytes(b"no")
    return folder


@contextmanager
def served(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_refused_file_is_shown_with_its_cause_and_the_others_go_on(files, tmp_path):
    bad = files / "bad.csv"
    bad.write_bytes(csv(price_row(), end='C,"END OF REPORT",9'))

    done = manta(
        "import", files, tmp_path / "nowhere.zip", "ftp://a.example/b.zip", "--data", tmp_path / "data"
    )

    assert done.exit_code == 1
    assert "refused bad.csv, line 4: it says '9' rows and has 4" in done.output
    assert "refused nowhere.zip: No such file" in done.output
    assert "refused ftp://a.example/b.zip: only http and https" in done.output
    assert "2 files read, 0 known already, 3 refused; 3 rows" in done.output


def test_a_name_cannot_move_the_cursor(tmp_path):
    sly = tmp_path / "\x1b[2J[bold]sly.csv"
    sly.write_bytes(b"no")

    done = manta("import", sly, "--data", tmp_path / "data")

    assert "\x1b[2J" not in done.output
    assert "[2J[bold]sly.csv: neither" in done.output


def test_a_folder_is_imported_once_with_what_lies_deeper_in_it(files, tmp_path):
    first = manta("import", files, "--data", tmp_path / "data")
    second = manta("import", files, "--data", tmp_path / "data")

    assert first.exit_code == second.exit_code == 0
    assert "2 files read, 0 known already, 0 refused; 3 rows" in first.output
    row = next(line for line in first.output.splitlines() if line.startswith("DISPATCHPRICE"))
    assert row.split() == ["DISPATCHPRICE", "2027-01", "3", "0", "0"]
    assert "0 files read, 2 known already, 0 refused; 0 rows" in second.output


def test_an_address_is_fetched_once_and_its_file_not_kept(files, tmp_path):
    with served(files) as address:
        first = manta("import", f"{address}/{REPORT}", f"{address}/none.zip", "--data", tmp_path / "data")
        second = manta("import", f"{address}/{REPORT}", "--data", tmp_path / "data")

    assert first.exit_code == 1
    assert "it answers 404" in first.output
    assert "1 files read, 0 known already, 1 refused; 2 rows" in first.output
    assert "0 files read, 1 known already, 0 refused; 0 rows" in second.output
    assert [path.name for path in (tmp_path / "data" / "market" / "incoming").iterdir()] == [".lock"]


def test_status_of_nothing_says_what_to_do(tmp_path):
    done = manta("status", "--data", tmp_path)

    assert done.exit_code == 1
    assert "manta market import" in done.output
    assert json.loads(manta("status", "--json", "--data", tmp_path).output) == []


def test_status_names_what_is_missing_and_how_to_mend_it(files, tmp_path):
    manta("import", files, "--data", tmp_path)

    done = manta("status", "--data", tmp_path)
    found = json.loads(manta("status", "--json", "--data", tmp_path).output)

    assert done.exit_code == 0
    assert "DISPATCHPRICE NSW1 lacks 2027-01-14 18:05 to 18:15 (10 min)" in done.output
    assert "50.0 %" in done.output
    assert "to mend DISPATCHPRICE of 2027-01: manta market import https://nemweb.com.au/" in done.output
    nsw, sa = found
    assert (nsw["table"], nsw["region"], nsw["rows"], nsw["expected"]) == ("DISPATCHPRICE", "NSW1", 2, 4)
    assert nsw["missing"] == [
        {"start": "2027-01-14T08:05:00Z", "end": "2027-01-14T08:15:00Z", "intervals": 2}
    ]
    assert (sa["expected"], sa["missing"]) == (1, [])


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (119, "119 min"), (120, "2 hours"), (2_880, "2 days")]
)
def test_a_time_is_said_in_its_largest_unit(minutes, words):
    assert in_words(timedelta(minutes=minutes)) == words
