"""Keeping child processes running, and ending them in order.

A child's standard input is a socket of its parent's: it hears there that its parent is gone, however that
ended, and sends signs of life. What died is started again; what is alive and has gone silent is killed first.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
ENDINGS = {signal.SIGTERM, signal.SIGINT}
BACK_OFF = (0.2, 0.5, 1, 2, 5)  # seconds between restarts of a child that keeps dying
LIVED = 30  # seconds after which a death counts as the first again
# In the environment of children: their own name, and that of the dead child before them in their place.
SUPERVISED, SUCCEEDS = "SUPERVISED", "SUCCEEDS"


def manage(*arguments: str) -> list[str]:
    """The command line of one of our own commands."""
    return [sys.executable, str(MANAGE), *arguments]


class Child:
    """One process that is kept running. silence: seconds without a sign of life after which it is killed."""

    def __init__(self, command: Sequence[str], *, silence: float | None = None) -> None:
        self.command, self.silence = list(command), silence
        self.process: subprocess.Popen | None = None
        self.line: socket.socket | None = None  # to the child
        self.name = ""  # of this process; its successor has another one
        self.status: int | None = None  # of the last death
        self.deaths, self.started, self.start_at, self.heard_at = 0, 0.0, 0.0, 0.0

    def keep_running(self) -> bool:
        """Start it if it is not running and its pause after the last death is over. True if it has died."""
        now = time.monotonic()
        if self.process and self.process.poll() is None:
            self.listen(now)
            return False
        if died := self.process is not None:
            self.status = self.process.returncode
            self.deaths = self.deaths + 1 if now - self.started < LIVED else 1
            self.start_at = now + BACK_OFF[min(self.deaths, len(BACK_OFF)) - 1]
            self.process = None
        if now >= self.start_at:
            self.begin()
            self.started = self.heard_at = now
        return died

    def tell(self, name: str) -> None:
        """Let this child know that the one of that `name` is dead."""
        if not self.line:
            return
        with contextlib.suppress(OSError):  # it is dead itself, or does not listen
            self.line.send(f"{name}\n".encode())

    def begin(self) -> None:
        if self.line:
            self.line.close()
        names = {SUCCEEDS: self.name, SUPERVISED: uuid.uuid4().hex}
        self.name = names[SUPERVISED]
        self.line, theirs = socket.socketpair()
        self.line.setblocking(False)
        with theirs:
            # A session of its own: Ctrl-C reaches the parent alone, which ends its children in order.
            self.process = subprocess.Popen(
                self.command, stdin=theirs.fileno(), start_new_session=True, env={**os.environ, **names}
            )

    def listen(self, now: float) -> None:
        """Kill it once it has been silent for too long: stopped, or its loop hangs."""
        if not (self.line and self.process):
            return
        try:
            while self.line.recv(4096):
                self.heard_at = now
        except BlockingIOError:
            pass
        except OSError:
            return
        if self.silence and now - self.heard_at > self.silence:
            self.process.kill()
            self.process.wait()


def run(
    children: Sequence[Child], *, patience: float, died: Callable[[Child], str] = lambda child: ""
) -> str:
    """Keep `children` running until SIGTERM or SIGINT, or until our own parent is gone.

    Then end them, killing them after patience seconds. The same where died, which is told of each that has
    died, says why it is no use to start it again; returns that, else "".
    """
    why = ""
    stopping = False

    def stop(*_args: object) -> None:
        nonlocal stopping
        stopping = True

    for signum in ENDINGS:
        signal.signal(signum, stop)
    until_parent_is_gone(stop)
    while not (stopping or why):
        why = keep_all_running(children, died)
        time.sleep(0.1)
    running = [child.process for child in children if child.process]
    for process in running:
        process.terminate()
    end = time.monotonic() + patience
    for process in running:
        try:
            process.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
    return why


def keep_all_running(children: Sequence[Child], died: Callable[[Child], str]) -> str:
    """Start what has died again, and let the others know of it. What `died` says of the first, else ""."""
    for child in children:
        name = child.name
        if child.keep_running():
            if why := died(child):
                return why
            for other in children:
                if other is not child and other.process:
                    other.tell(name)
    return ""


def until_parent_is_gone(
    act: Callable[[], None], *, heard: Callable[[str], object] = lambda name: None
) -> None:
    """Call `act`, in a thread, when the supervisor that started this process is gone; nothing without one.

    `heard` is called with the name of each other child of it that has died.
    """
    if not os.environ.get(SUPERVISED):
        return

    def wait() -> None:
        # A parent that was killed with signs of life unread resets the line instead of closing it.
        with contextlib.suppress(OSError), open(0, "rb", buffering=0, closefd=False) as line:
            for name in io.BufferedReader(line):
                heard(name.decode().strip())
        act()

    Thread(target=wait, name="supervisor", daemon=True).start()


def beat() -> None:
    """Send the supervisor a sign of life, if there is one."""
    if os.environ.get(SUPERVISED):
        with contextlib.suppress(OSError):  # it is gone: `until_parent_is_gone` hears that
            os.write(0, b".")


def become(commands: Sequence[list[str]], *, silence: float, patience: float) -> None:
    """Turn this process into one that does nothing but `run` children of these `commands`.

    It keeps its id and its files, and nothing of what it has imported: a supervisor is small.
    """
    options = json.dumps({"commands": list(commands), "silence": silence, "patience": patience})
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", __file__, options])  # noqa: S606 -- ourselves


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    run([Child(command, silence=told["silence"]) for command in told["commands"]], patience=told["patience"])
