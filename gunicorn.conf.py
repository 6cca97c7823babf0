"""What `gunicorn dashboard.wsgi` reads automatically: what holds wherever it runs."""

import os
import signal
import socket
import struct
from importlib import import_module

# Imported once. Children share what was imported, and one that takes a dead one's place is at work at once.
preload_app = True
# Longer than a proxy keeps a connection that it does not use (nginx: 60 seconds), and than pages wait
# between two polls: closing one just as it is used again would look like a failure.
keepalive = 75


PATIENCE = 15  # seconds that a thread waits for the next part of a request


def when_ready(server) -> None:
    """Import the views before the first child starts, so that all children share them. End with the demo,
    where that has started us.

    A connection inherits from its listener how long a read may wait: a request that stops halfway gives its
    thread back. nginx sends whole requests only, so this is for clients that reach the port past it.
    """
    import_module("dashboard.urls")
    supervisor = import_module("numbers.supervisor")
    supervisor.until_parent_is_gone(lambda: os.kill(os.getpid(), signal.SIGTERM))
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
