"""A process that runs our commands in copies of itself: Django is imported once, not for each command.

A command that starts anew costs most of a second of a core, and tests start hundreds. The process itself
asks no database and keeps nothing, so a copy is as good as a start.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

MOST = 1 << 16  # bytes of a request


class Warm:
    """The other end of this file's process. One request at a time."""

    def __init__(self, folder: Path, env: dict[str, str], cwd: Path) -> None:
        self.folder, self.env, self.lock = folder, dict(env), threading.Lock()
        self.line, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far_end, (folder / "warm.txt").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm"],
                cwd=cwd,
                env=env,
                stdin=far_end,
                stdout=said,
                stderr=said,
            )

    def run(self, *arguments: str, failpoint: str, timeout: float) -> subprocess.CompletedProcess:
        """One of our commands, to its end."""
        out, err = self.folder / "warm-out", self.folder / "warm-err"
        with self.lock:
            with Path(os.devnull).open("rb") as nothing, out.open("wb") as to, err.open("wb") as errors:
                files = [nothing.fileno(), to.fileno(), errors.fileno()]
                status = self.ask({"command": arguments, "failpoint": failpoint}, files, timeout)
            return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())

    def talk(self, module: str) -> "Talk":
        """A copy that stays: `serve` of that MODULE."""
        ours, far_end = socket.socketpair()
        with self.lock, far_end, (self.folder / "talk.txt").open("ab") as errors:
            files = [far_end.fileno(), far_end.fileno(), errors.fileno()]
            return Talk(self.ask({"module": module}, files, 120), ours)

    def ask(self, request: dict, files: list[int], timeout: float) -> int:
        """What the process answers to REQUEST, whose copy has FILES as its input, output and errors."""
        self.line.settimeout(timeout)
        try:
            socket.send_fds(self.line, [json.dumps(request).encode()], files)
            answer = self.line.recv(MOST)
        except OSError:
            answer = b""
        if not answer:
            self.process.kill()
            raise subprocess.TimeoutExpired(str(request), timeout)
        return int(answer)

    def close(self) -> None:
        self.line.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Talk:
    """A copy of a warm process that answers a line of text with a line of text, until this is closed."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pidfd = os.pidfd_open(pid)
        self.line, self.text = line, line.makefile("rw")

    def ask(self, text: str) -> str:
        """Its answer; "" where it has died."""
        try:
            self.text.write(text + "\n")
            self.text.flush()
            return self.text.readline()
        except OSError:
            return ""

    def over(self, seconds: float = 0) -> bool:
        """Whether it has ended, or does within so many SECONDS."""
        return bool(select.select([self.pidfd], [], [], seconds)[0])

    def kill(self) -> None:
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.text.close()
        self.line.close()
        if not self.over(5):
            self.kill()
            self.over(5)
        os.close(self.pidfd)


def serve() -> None:
    """Make copies until the line closes."""
    import django  # noqa: PLC0415 -- the classes above do without Django

    django.setup()
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    from numbers.services import failpoints  # noqa: PLC0415
    from numbers.services.purchasing import expiry, worker  # noqa: F401, PLC0415 -- most commands need them

    line = socket.socket(fileno=0)
    while True:
        text, files, *_ = socket.recv_fds(line, MOST, 3)
        if not text:
            return
        request = json.loads(text)
        if module := request.get("module"):
            act = importlib.import_module(module).serve
        else:
            act = lambda words=request["command"]: execute_from_command_line(["manage.py", *words])  # noqa: E731
        child = os.fork()
        if not child:
            failpoints.FAILPOINT = request.get("failpoint", "")
            become(act, files)
        for file in files:
            os.close(file)
        answer = child if module else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        line.send(str(answer).encode())


def become(act: Callable[[], object], files: Sequence[int]) -> None:
    """ACT with FILES as input, output and errors; ends this process as the interpreter would."""
    status = 0
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    try:
        act()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
