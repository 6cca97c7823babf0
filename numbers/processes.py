"""Keeping child processes running, and ending them in order."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import connections

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # linux/prctl.h
ENDINGS = {signal.SIGTERM, signal.SIGINT}
BACK_OFF = (0.2, 0.5, 1, 2, 5)  # seconds between restarts of a child that keeps dying
LIVED = 30  # seconds after which a death counts as the first again


def manage(*arguments: str) -> list[str]:
    """The command line of one of our own commands."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


class Child:
    """One process that is kept running."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self.process: subprocess.Popen | Fork | None = None
        self.deaths, self.started, self.start_at = 0, 0.0, 0.0

    def keep_running(self) -> None:
        """Start it if it is not running and its pause after the last death is over."""
        now = time.monotonic()
        if self.process and self.process.poll() is None:
            return
        if self.process:
            self.deaths = self.deaths + 1 if now - self.started < LIVED else 1
            self.start_at = now + BACK_OFF[min(self.deaths, len(BACK_OFF)) - 1]
            self.process = None
        if now >= self.start_at:
            self.process = self.begin()
            self.started = now

    def begin(self) -> "subprocess.Popen | Fork":
        # A session of its own: Ctrl-C reaches the parent alone, which ends its children in order.
        return subprocess.Popen(
            self.command, cwd=settings.BASE_DIR, start_new_session=True, preexec_fn=_die_with_parent
        )


class Copy(Child):
    """A process that begins as a copy of this one, and so is at work at once: it has nothing to import.

    ACT is what it does, NAME what `ps -o comm` and `top` call it. This process must have no threads.
    """

    def __init__(self, name: str, act: Callable[[], None]) -> None:
        super().__init__([name])
        self.act = act

    def begin(self) -> "Fork":
        connections.close_all()  # the two must not talk on the same ones
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # until the copy has its own handlers
        try:
            process = Fork(self.command[0], self.act)
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return process


class Fork(multiprocessing.get_context("fork").Process):
    """A copy of this process, with the face of a Popen."""

    def __init__(self, name: str, act: Callable[[], None]) -> None:
        super().__init__(name=name)
        self.act = act

    def run(self) -> None:
        """In the copy."""
        os.setsid()
        _die_with_parent()
        if sys.platform == "linux":
            LIBC.prctl(PR_SET_NAME, self.name.encode())
        for signum in ENDINGS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
        self.act()

    def poll(self) -> int | None:
        return self.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.join(timeout)
        if self.exitcode is None:
            raise subprocess.TimeoutExpired(self.name, timeout)
        return self.exitcode


def run(children: Sequence[Child], *, patience: float) -> None:
    """Keep CHILDREN running until SIGTERM or SIGINT; then end them, killing them after PATIENCE seconds."""
    stopping = False

    def stop(*_args) -> None:
        nonlocal stopping
        stopping = True

    for signum in ENDINGS:
        signal.signal(signum, stop)
    while not stopping:
        for child in children:
            child.keep_running()
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


_parent = os.getpid()


def _die_with_parent() -> None:
    """In the child: end when the parent is killed (Linux; elsewhere the child stays)."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != _parent:  # it died in between
            os.kill(os.getpid(), signal.SIGTERM)
