"""Pages are compressed quickly, and their size tells nothing."""

import gzip
import zlib

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from dashboard.compression import gzipped

PAGE = b"<td>+1 415 555 0123</td>" * 500


def answer(response, accept="gzip, deflate, br"):
    request = RequestFactory().get("/", headers={"accept-encoding": accept})
    return gzipped(lambda _: response)(request)


def test_a_page_is_compressed_and_says_so():
    found = answer(HttpResponse(PAGE))
    assert found["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in found["Vary"]
    assert int(found["Content-Length"]) == len(found.content) < len(PAGE) / 10
    assert gzip.decompress(found.content) == PAGE


@pytest.mark.parametrize("accept", ["", "br", "gzip;q=0", "gzip; q=0.0, br", "x-gzip-not"])
def test_whoever_does_not_accept_gzip_gets_none(accept):
    found = answer(HttpResponse(PAGE), accept)
    assert "Content-Encoding" not in found
    assert found.content == PAGE
    assert "Accept-Encoding" in found["Vary"]


@pytest.mark.parametrize("accept", ["gzip", "br;q=1, gzip;q=0.2", "*", "GZIP"])
def test_whoever_accepts_gzip_gets_it(accept):
    assert answer(HttpResponse(PAGE), accept)["Content-Encoding"] == "gzip"


def test_a_short_answer_and_one_that_is_packed_already_stay_as_they_are():
    assert "Content-Encoding" not in answer(HttpResponse(b"short"))
    assert answer(HttpResponse(PAGE, headers={"Content-Encoding": "br"}))["Content-Encoding"] == "br"


def test_the_size_varies_so_that_it_tells_nothing_of_a_token():
    assert len({len(answer(HttpResponse(PAGE)).content) for _ in range(40)}) > 10


def test_each_part_of_a_stream_can_be_read_when_it_arrives():
    found = answer(StreamingHttpResponse(iter([b"first\n", b"second\n"])))
    parts = iter(found.streaming_content)
    first = next(parts)
    assert zlib.decompressobj(wbits=31).decompress(first) == b"first\n"
    assert gzip.decompress(first + b"".join(parts)) == b"first\nsecond\n"
