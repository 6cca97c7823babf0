"""Connections that keep one deadline, and that tell for certain what was never sent.

`requests` hides whether a failed call had left the machine, and its time-outs start over with every byte
that arrives. So our own connection class opens the socket (`connect` is the hook that urllib3 and
http.client offer for that), and the deadline of the call bounds everything sent and read on it.
"""

import io
import queue
import socket
import ssl
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal

import requests
import urllib3
from requests.adapters import HTTPAdapter

HEARD = 65_536  # bytes of an answer that are kept as evidence


class Unreached(Exception):
    """No connection came about, so nothing can have been sent; the text says why."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer: connect and read are the longest waits, in seconds, for a connection and
    for the next bytes; `deadline`, of the monotonic clock, ends everything. `heard` is what came in."""

    connect: float
    read: float
    deadline: float
    heard: bytearray = field(default_factory=bytearray)

    def left(self, most: float = float("inf")) -> float:
        """Seconds until the deadline, at most `most`. Raises TimeoutError once it has passed."""
        left = min(most, self.deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError("the call's deadline has passed")
        return left


EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


def look_up(host: str, port: int, exchange: Exchange) -> list[tuple[Any, ...]]:
    """The addresses of `host`, as `socket.getaddrinfo` gives them. Raises Unreached.

    A look-up cannot be interrupted, so a thread makes it; when it answers too late nobody listens.
    """
    answer: queue.SimpleQueue[list[tuple[Any, ...]]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError):  # unknown, or no name at all
            answer.put([])

    threading.Thread(target=ask, name="name lookup", daemon=True).start()
    try:
        found = answer.get(timeout=exchange.left())
    except (queue.Empty, TimeoutError):
        raise Unreached("the address lookup timed out") from None
    if not found:
        raise Unreached("its address couldn't be found")
    return found


def open_socket(host: str, port: int) -> socket.socket:
    """A connection to the first address of `host` that takes one. Raises Unreached."""
    exchange, failure = EXCHANGE.get(), "the connection failed"
    for family, kind, protocol, _, address in look_up(host, port, exchange):
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError:
            continue
        try:
            opened.settimeout(exchange.left(exchange.connect))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.connect(address)
        except OSError as error:
            opened.close()
            failure = "no connection in time" if isinstance(error, TimeoutError) else "the connection failed"
        else:
            return opened
    raise Unreached(failure)


@cache
def tls_context(ca_certs: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_certs)
    context.set_alpn_protocols(["http/1.1"])
    return context


class BoundedReader(io.RawIOBase):
    """Reads of a socket, each of which ends by the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._raw, self._sock, self._exchange = raw, sock, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # BufferedReader gives no other
        self._sock.settimeout(self._exchange.left(self._exchange.read))
        count = self._raw.readinto(buffer)
        room = HEARD - len(self._exchange.heard)
        self._exchange.heard += bytes(buffer[: min(count, room)])
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedSocket:
    """A connected socket whose every operation ends by the deadline of the call that uses it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(EXCHANGE.get().left())
        self._sock.sendall(data)

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        raw = self._sock.makefile(mode, buffering=0)
        return io.BufferedReader(BoundedReader(raw, self._sock, EXCHANGE.get()))

    def settimeout(self, seconds: float | None) -> None:
        """The deadline alone counts."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


class Connection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        self.sock = BoundedSocket(open_socket(self.host, self.port))


class SecureConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        """Raises Unreached where there is no connection or the certificate is not valid.

        Any other failure of the handshake is left as it is: it is not among those that prove anything.
        """
        plain = open_socket(self.host, self.port)
        try:
            exchange = EXCHANGE.get()
            plain.settimeout(exchange.left(exchange.connect))  # of the handshake as a whole
            secured = tls_context(self.ca_certs).wrap_socket(plain, server_hostname=self.host)
        except ssl.SSLCertVerificationError:
            raise Unreached("its certificate isn't valid") from None
        finally:
            plain.close()  # where it is secured, that has taken it over
        self.sock = BoundedSocket(secured)
        self.is_verified = True


class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = Connection


class SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = SecureConnection


class Adapter(HTTPAdapter):
    """An HTTPAdapter with our connections."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}

    def check(self, request: requests.PreparedRequest) -> None:
        """Raise what makes `request` unsendable: all that would fail between here and the socket."""
        pool = self.get_connection_with_tls_context(request, verify=True)
        self.cert_verify(pool, request.url, verify=True, cert=None)  # type: ignore[no-untyped-call] # theirs
        if isinstance(pool, urllib3.HTTPSConnectionPool):
            tls_context(pool.ca_certs)
        for name, value in request.headers.items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the header {name} can't be sent")


class Session(requests.Session):
    """Ignores proxies and .netrc of the environment, never retries, follows no redirect, keeps no cookie."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # an odd one would spoil later calls
        for scheme in ("http://", "https://"):
            self.mount(scheme, Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: `requests` would parse Location and read the body without a bound, even to follow nothing."""
