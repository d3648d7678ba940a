import httpx
import pytest

from manta.marketdata import fetching
from manta.marketdata.fetching import ATTEMPTS, FetchError, fetch, forget

URL = "https://nemweb.example/Data_Archive/PUBLIC_ARCHIVE%23DISPATCHPRICE%23FILE01%23202501010000.zip"
BODY = bytes(range(256)) * 20
ETAG = '"v1"'


class Breaking(httpx.SyncByteStream):
    """A connection that is gone after some bytes."""

    def __init__(self, body, after):
        self._body, self._after = body, after

    def __iter__(self):
        yield self._body[: self._after]
        if self._after < len(self._body):
            raise httpx.ReadError("gone")


class Server:
    """A file server that breaks off as often as it is told to."""

    def __init__(self, *breaks, body=BODY, etag=ETAG, ranges=True):
        self.breaks, self.body, self.etag, self.ranges = list(breaks), body, etag, ranges
        self.asked = []

    def client(self):
        return httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request):
        self.asked.append(request.headers.get("Range"))
        headers = {"ETag": self.etag} if self.etag else {}
        if self.etag and request.headers.get("If-None-Match") == self.etag:
            return httpx.Response(304, headers=headers)
        body, status = self.body, 200
        if self.ranges and self.etag and request.headers.get("If-Range") == self.etag:
            first = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if first >= len(body):
                return httpx.Response(416, headers={"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
            body, status = body[first:], 206
        after = self.breaks.pop(0) if self.breaks else len(body)
        return httpx.Response(status, headers=headers, stream=Breaking(body, after))

    def fetch(self, folder, known=None, heard=lambda octets: None):
        with self.client() as client:
            return fetch(client, URL, folder, known, heard)


@pytest.mark.parametrize("url", ["ftp://a.example/b.zip", "file:///etc/passwd", "https:///b.zip", "nonsense"])
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="only http and https"), Server().client() as client:
        fetch(client, url, tmp_path, None, lambda octets: None)


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 429, 500])
def test_any_other_answer_than_a_file_is_refused(tmp_path, status):
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=b"no"))

    with httpx.Client(transport=transport) as client, pytest.raises(FetchError, match=f"answers {status}"):
        fetch(client, URL, tmp_path, None, lambda octets: None)


def test_a_redirect_to_another_kind_of_address_is_not_followed(tmp_path):
    transport = httpx.MockTransport(
        lambda request: httpx.Response(302, headers={"Location": "file:///etc/x"})
    )

    with httpx.Client(transport=transport) as client, pytest.raises(FetchError):
        fetch(client, URL, tmp_path, None, lambda octets: None)


def test_packed_answers_empty_ones_and_those_without_end_are_refused(tmp_path, monkeypatch):
    packed = httpx.MockTransport(
        lambda request: httpx.Response(
            200, headers={"Content-Encoding": "gzip"}, stream=Breaking(BODY, len(BODY))
        )
    )
    with httpx.Client(transport=packed) as client, pytest.raises(FetchError, match="packed"):
        fetch(client, URL, tmp_path, None, lambda octets: None)
    with pytest.raises(FetchError, match="gives nothing"):
        Server(body=b"").fetch(tmp_path)
    monkeypatch.setattr(fetching, "ARCHIVE_PACKED", 1_000)
    with pytest.raises(FetchError, match="more than 1,000 bytes"):
        Server().fetch(tmp_path)
    assert all(path.stat().st_size <= len(ETAG) for path in tmp_path.iterdir())


def test_what_broke_off_goes_on_where_it_was(tmp_path):
    server, heard = Server(1_000, 500), []

    fetched = server.fetch(tmp_path, heard=heard.append)

    assert fetched.path.read_bytes() == BODY
    assert server.asked == [None, "bytes=1000-", "bytes=1500-"]
    assert heard == sorted(heard)
    assert heard[-1] == len(BODY)


def test_after_some_attempts_it_is_given_up_and_the_next_run_goes_on(tmp_path):
    server = Server(*[1_000] * ATTEMPTS)

    with pytest.raises(FetchError, match="gone"):
        server.fetch(tmp_path)
    fetched = server.fetch(tmp_path)

    assert fetched.path.read_bytes() == BODY
    assert server.asked[-1] == f"bytes={1_000 * ATTEMPTS}-"


def test_a_file_that_changed_in_between_begins_anew(tmp_path):
    with pytest.raises(FetchError):
        Server(*[1_000] * ATTEMPTS).fetch(tmp_path)

    fetched = Server(body=BODY[::-1], etag='"v2"').fetch(tmp_path)

    assert fetched.path.read_bytes() == BODY[::-1]
    assert fetched.validator == '"v2"'


@pytest.mark.parametrize("server", [Server(1_000, ranges=False), Server(1_000, etag=None)])
def test_a_server_that_cannot_go_on_is_asked_for_the_whole(tmp_path, server):
    assert server.fetch(tmp_path).path.read_bytes() == BODY


def test_a_whole_file_that_was_not_yet_read_is_not_fetched_again(tmp_path):
    server, heard = Server(), []
    server.fetch(tmp_path)

    again = server.fetch(tmp_path, heard=heard.append)

    assert again.path.read_bytes() == BODY
    assert heard == []
    forget(again)
    assert list(tmp_path.iterdir()) == []


def test_what_has_not_changed_since_it_was_read_is_not_fetched(tmp_path):
    assert Server().fetch(tmp_path, known=ETAG) is None
    assert Server(etag='"v2"').fetch(tmp_path, known=ETAG) is not None
