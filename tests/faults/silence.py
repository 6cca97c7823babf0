"""A way to the database that can go silent: what is sent is taken, nothing comes back, nothing is closed."""

import contextlib
import socket
import threading

BURIED = 40.0  # seconds: whoever waits must not be helped by it


class Silence:
    """Listens on `port` and passes everything on to PORT of this machine, but for what `fall` silenced."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.silenced: set[socket.socket] = set()
        self.sockets: set[socket.socket] = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self.server.accept()
                try:
                    theirs = socket.create_connection(("127.0.0.1", self.behind))
                except OSError:  # the server is being restarted
                    ours.close()
                    continue
                self.sockets |= {ours, theirs}
                for here, there in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self.pass_on, args=(here, there), daemon=True).start()

    def pass_on(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if here not in self.silenced:
                    there.sendall(data)
            if here not in self.silenced:
                end(there)
                self.sockets.discard(here)

    def fall(self) -> int:
        """Every connection that there is says nothing any more; new ones do. How many fell silent.

        They are ended after BURIED seconds, as the server's keepalives would do where the way is really gone.
        """
        fallen = self.sockets - self.silenced
        self.silenced.update(fallen)
        threading.Timer(BURIED, self.bury, [fallen]).start()
        return len(fallen) // 2

    def bury(self, fallen: set[socket.socket]) -> None:
        for one in fallen:
            end(one)
        self.silenced -= fallen
        self.sockets -= fallen

    def close(self) -> None:
        self.server.close()
        for one in list(self.sockets):
            end(one)


def end(one: socket.socket) -> None:
    """Closing alone is not heard while another thread waits for data of it."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
