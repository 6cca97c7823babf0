"""HTTP: reading requests, and delivering answers well or badly."""

import hmac
import json
import os
import random
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from . import api, control, faults, vocode
from .log import NO_ANSWER, RequestLog
from .store import Store
from .wire import Answer, ApiError, Delivery, Request, no_method, no_route, problem

_MAX_BODY = 1_000_000  # bytes
_IDLE_SECONDS = 75
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class SandboxServer(ThreadingHTTPServer):
    """Listens as soon as it exists. Raises OSError when the address is not free."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_port = False  # a second sandbox on the port must fail, not share it

    def __init__(self, address: tuple[str, int], store: Store, *, quiet: bool) -> None:
        self.store = store
        self.log = RequestLog(store.config["requests_kept"])
        self.quiet = quiet
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without the reverse DNS look-up of HTTPServer
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # clients may leave at any moment
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: SandboxServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def _serve(self) -> None:
        started = time.perf_counter()
        target = urlsplit(self.path)
        path = target.path.rstrip("/") or "/"
        try:
            body = self._read_body()
            refused = None
        except ApiError as refusal:
            body, refused = None, problem(refusal.status, refusal.message)
        method = "GET" if self.command == "HEAD" else self.command
        query = dict(parse_qsl(target.query, keep_blank_values=True, errors="replace"))
        request_id = self.headers.get("X-Request-Id")
        if path.startswith("/_sandbox/"):
            request = Request(0, method, path, query, body, request_id)
            control_request = partial(control.handle, self.server.store, self.server.log, request)
            self._deliver(Delivery(answer=refused) if refused else self._guarded(control_request))
            return
        request = Request(self.server.store.next_n(), method, path, query, body, request_id)
        entry = self.server.log.add(request)
        api_request = partial(self._serve_api, request, entry)
        delivery = Delivery(answer=refused) if refused else self._guarded(api_request)
        # Before the bytes leave: who has the answer must find the entry complete.
        if delivery.answer is not None:
            entry["status"] = delivery.answer.status
        elif delivery.manner == "reset":
            entry["status"] = NO_ANSWER
        try:
            self._deliver(delivery)
        finally:
            if entry["status"] is None:
                entry["status"] = NO_ANSWER
            self._print(entry, started)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class looks for do_GET and the like. Whatever the method, the answer is ours."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _guarded(self, serve: Callable[[], Delivery | Answer]) -> Delivery:
        """A mistake of ours is a 500 with a trace on standard error, never a lost answer by accident."""
        try:
            outcome = serve()
        except Exception:
            traceback.print_exc()
            outcome = problem(500, "Internal server error")
        return outcome if isinstance(outcome, Delivery) else Delivery(answer=outcome)

    def _serve_api(self, request: Request, entry: dict[str, Any]) -> Delivery:
        store = self.server.store
        if store.config["dialect"] == "fluents":
            return self._serve_fluents(request, entry)
        delivery = self._serve_fluents(vocode.heard(store, request), entry)
        if delivery.answer is not None:
            delivery.answer = vocode.told(store, request, delivery.answer)
        return delivery

    def _serve_fluents(self, request: Request, entry: dict[str, Any]) -> Delivery:
        store = self.server.store
        config = store.config
        least, most = config["latency_ms"]
        if most:
            time.sleep(random.uniform(least, most) / 1000)  # noqa: S311
        route = (request.method, request.path)
        if not api.exists(config, request.path):
            return Delivery(answer=no_route(*route))
        if route not in api.ROUTES:
            return Delivery(answer=no_method(*route, api.methods(request.path)))
        if not self._has_token(config["token"]):
            return Delivery(answer=problem(401, "Unauthorized"))
        request.fault = store.take_fault(*route) or faults.storm_fault(config["storm"], request)
        if request.fault is None:
            return Delivery(answer=api.handle(store, request))
        entry["fault"] = request.fault.name
        return faults.play(store, request, lambda again: api.handle(store, again))

    def _has_token(self, token: str) -> bool:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())

    def _read_body(self) -> Any:
        """The JSON of the body, None without one. Raises ApiError."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "send a Content-Length")
        if not (length.isascii() and length.isdigit()) or int(length) > _MAX_BODY:
            self.close_connection = True
            raise ApiError(413 if length.isdigit() else 400, "request entity too large or of unknown size")
        content = self.rfile.read(int(length)) if length != "0" else b""
        if len(content) < int(length):
            # Cut on its way to us: the real server would never see a whole request.
            raise ConnectionResetError("the client left in the middle of its request")
        if not content:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ApiError(400, f"Body is not valid JSON: {error}") from error

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.manner == "reset":
            self._reset()
        elif delivery.manner == "hang":
            self._hang(delivery.seconds)
        elif delivery.answer:
            self._answer(delivery.answer, delivery)

    def _answer(self, answer: Answer, delivery: Delivery) -> None:
        content = answer.content()
        whole = delivery.manner == "whole"
        if not whole:
            self.close_connection = True
        head = answer.head(len(content), close=self.close_connection)
        if self.command == "HEAD":
            content = b""
        if delivery.manner == "cut":
            content = content[: len(content) // 2]
        if delivery.manner == "raw":
            self.connection.sendall(content)
        elif delivery.manner == "drip":
            self.connection.sendall(head)
            self._drip(content, delivery.seconds)
        elif delivery.manner == "drip_head":
            self._drip(head, delivery.seconds)
        elif delivery.manner == "endless":
            self.connection.sendall(answer.head(1 << 40, close=True))
            while True:  # until the client leaves
                self.connection.sendall(b" " * 65_536)
        else:
            self.connection.sendall(head + content)

    def _drip(self, data: bytes, seconds: float) -> None:
        for position in range(len(data)):
            time.sleep(seconds)
            self.connection.sendall(data[position : position + 1])

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # The buffered reader holds the descriptor too; only when both are closed does the RST go out.
        self.rfile.close()
        self.connection.close()

    def _hang(self, seconds: float) -> None:
        """Silence for ``seconds``, or until the client gives up."""
        self.close_connection = True
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.connection.settimeout(left)
            try:
                if not self.connection.recv(65_536):
                    return
            except OSError:
                return

    def _print(self, entry: dict[str, Any], started: float) -> None:
        if self.server.quiet:
            return
        took = (time.perf_counter() - started) * 1000
        fault = f" fault={entry['fault']}" if entry["fault"] else ""
        line = f"{entry['method']} {entry['path']} {entry['status'] or '-'} {took:.0f} ms{fault}\n"
        os.write(2, line.encode("ascii", "replace"))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers what the base class cannot read, in the API's shape."""
        self.close_connection = True
        self._answer(problem(code, message or explain or ""), Delivery())

    def log_message(self, *args: Any) -> None:
        """The base class has nothing to say that is not said above."""
