"""A process that runs our commands in copies of itself: Django is imported once, not for each command.

A command that starts anew costs most of a second of a core, and tests start hundreds.
"""

import json
import os
import subprocess
import sys
import threading
import traceback
from pathlib import Path


class Warm:
    """The other end of this file's process. One command at a time."""

    def __init__(self, folder: Path, env: dict[str, str], cwd: Path) -> None:
        self.folder, self.env, self.lock = folder, dict(env), threading.Lock()
        with (folder / "warm.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm"],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def run(self, *arguments: str, failpoint: str, timeout: float) -> subprocess.CompletedProcess:
        out, err = self.folder / "warm-out", self.folder / "warm-err"
        with self.lock:
            self.process.stdin.write(json.dumps([arguments, failpoint, str(out), str(err)]) + "\n")
            self.process.stdin.flush()
            watch = threading.Timer(timeout, self.process.kill)
            watch.start()
            answer = self.process.stdout.readline()
            watch.cancel()
            if not answer:
                raise subprocess.TimeoutExpired(arguments, timeout)
            return subprocess.CompletedProcess(arguments, int(answer), out.read_text(), err.read_text())

    def close(self) -> None:
        end(self.process)


def end(process: subprocess.Popen) -> None:
    """End a process that goes on until its pipe closes."""
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def serve() -> None:
    """Run commands until the pipe closes."""
    import django  # noqa: PLC0415 -- the class above does without Django

    django.setup()
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    from numbers.services import failpoints  # noqa: PLC0415
    from numbers.services.purchasing import expiry, worker  # noqa: F401, PLC0415 -- most commands need them

    for text in sys.stdin:
        arguments, failpoint, out, err = json.loads(text)
        child = os.fork()
        if not child:
            failpoints.FAILPOINT = failpoint
            become(lambda words=arguments: execute_from_command_line(["manage.py", *words]), out, err)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def become(act, out: str, err: str) -> None:
    """ACT with its output in files; ends this process as the interpreter would."""
    status = 0
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
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
