"""gzip for pages, at a level that saves more time than it costs.

Django's own middleware compresses at level 6, which takes a list of a hundred rows some milliseconds more and
saves few bytes. As there, a random length of padding hides what the size would tell about tokens (BREACH).
"""

import re
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from gzip import GzipFile
from io import BytesIO
from typing import cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.cache import patch_vary_headers

LEVEL = 1
SHORTEST = 200  # bytes
MOST_PADDING = 100  # characters
ACCEPTS = re.compile(
    r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.IGNORECASE
)


type Response = HttpResponse | StreamingHttpResponse
type Handler = Callable[[HttpRequest], Response]


def gzipped(get_response: Handler) -> Handler:
    """Compress what is worth it, for browsers that accept gzip."""

    def middleware(request: HttpRequest) -> Response:
        response = get_response(request)
        if response.has_header("Content-Encoding") or (
            not isinstance(response, StreamingHttpResponse) and len(response.content) < SHORTEST
        ):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        if not ACCEPTS.search(request.headers.get("Accept-Encoding", "")):
            return response
        if isinstance(response, StreamingHttpResponse):
            parts = cast("Iterator[bytes]", response.streaming_content)  # none of our views is asynchronous
            response.streaming_content = compressed_stream(parts)
            del response["Content-Length"]
        else:
            response.content = compressed(response.content)
            response["Content-Length"] = str(len(response.content))
        response["Content-Encoding"] = "gzip"
        return response

    return middleware


def compressed(body: bytes) -> bytes:
    """`body` as gzip, with a file name of random length in its header: readers skip it."""
    name = "a" * (secrets.randbelow(MOST_PADDING) + 1)
    buffer = BytesIO()
    with GzipFile(filename=name, mode="wb", compresslevel=LEVEL, fileobj=buffer, mtime=0) as file:
        file.write(body)
    return buffer.getvalue()


def compressed_stream(parts: Iterable[bytes]) -> Iterator[bytes]:
    """`parts` as one gzip stream, each sent as soon as it is there."""
    packer = zlib.compressobj(LEVEL, wbits=31)  # 31: with gzip's header
    for part in parts:
        if packed := packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH):
            yield packed
    yield packer.flush()
