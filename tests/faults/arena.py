"""One product under fire: its sandbox, its books, its workers, and the hands that use it."""

import os
import signal
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from tests.faults.books import Books
from tests.faults.clocks import Clock
from tests.faults.hands import Hands
from tests.support.stack import Sandbox, Stack, wait_until

QUIET = {"bought", "failed", "cancelled", "review"}  # a line moves no further by itself
CALM = {
    "storm": None,
    "lookup_lag": 0.0,
    "repeat_buy": "conflict",
    "disabled_paths": [],
    "only_buy": False,
    "stock_per_area_code": 2000,
    "requests_kept": 1_000_000,
}


class Arena:
    """Processes of one test or storm. DATABASE_URL empty: SQLite. JUMPS: their clock can jump."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str = "",
        processes: int = 1,
        machines: int = 1,
        jumps: bool = False,
        **settings,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.processes = folder, processes
        self.sandbox = Sandbox(folder / "sandbox.sqlite3")
        self.calm()
        self.clock = Clock(folder, database_url) if jumps else None
        settings |= self.clock.env if self.clock else {}
        try:
            self.stack = Stack(folder, self.sandbox.url, database_url=database_url, **settings)
        except BaseException:
            self.sandbox.close()
            raise
        first = Path(self.stack.env["JOURNAL_PATH"])
        self.journals = [str(first), *(str(folder / f"{n}.journal") for n in range(2, machines + 1))]
        self.lease = float(self.stack.env["LEASE_SECONDS"])
        self.window = float(self.stack.env["SETTLE_WINDOW"])
        self.refusal_window = float(self.stack.env["REFUSAL_WINDOW"])
        self.books = Books(self.stack.env["DATABASE_URL"])
        self.workers, self.webs, self.silence = [], None, None
        self.hands = Hands(self.stack)
        self.connection = self.sandbox.connection
        self.agent = self.sandbox.get("/v1/agents/list").json()["items"][0]["id"]

    def start_worker(self, *, in_flight: int = 20, **env: str) -> None:
        """One more worker, or one in the place of one that has ended. They share the journals in turn."""
        if len(self.journals) > 1:
            running = [worker.journal for worker in self.workers]
            env["JOURNAL_PATH"] = min(self.journals, key=running.count)
        worker = self.stack.start_worker(processes=self.processes, in_flight=in_flight, **env)
        worker.journal = env.get("JOURNAL_PATH", self.journals[0])
        self.workers.append(worker)

    def stop_workers(self, signum: int = signal.SIGTERM) -> None:
        """End all of them; by SIGKILL with their processes, which would finish what is under way first."""
        pids = [pid for worker in self.workers for pid in children(worker.pid)]
        for worker in self.workers:
            worker.send_signal(signum)
        for pid in pids if signum == signal.SIGKILL else ():
            send_signal(pid, signum)
        for worker in self.workers:
            worker.wait(30)
        wait_until(lambda: not any(any(words_of(pid)) for pid in pids))
        self.workers.clear()

    def close(self) -> None:
        self.hands.close()
        self.books.close()
        for worker in self.workers:
            for pid in [worker.pid, *children(worker.pid)]:
                send_signal(pid, signal.SIGKILL)  # nobody asks any more how they end
        self.stack.close()
        self.sandbox.close()

    # The sandbox

    def calm(self) -> None:
        self.sandbox.control("faults", method="DELETE")
        self.sandbox.control("config", CALM)

    def config(self, **update) -> None:
        self.sandbox.control("config", update)

    def posts(self, *phone_numbers: str) -> list[dict]:
        """Purchases that the sandbox received, oldest first; of these numbers if any are given."""
        found = self.sandbox.requests(path="/v1/numbers/buy", method="POST")
        return [
            entry
            for entry in found
            if not phone_numbers or (entry["body"] or {}).get("phone_number") in phone_numbers
        ]

    def charges_of(self, line_id: int) -> list[dict]:
        keys = {attempt["key"] for attempt in self.books.attempts(line_id)}
        return [charge for charge in self.sandbox.charges() if charge["request_id"] in keys]

    # Orders

    def place(
        self, quantity: int = 1, *, area_code: str = "415", form_token: str = "", **wanted
    ) -> list[int]:
        """Order lines; their ids."""
        order = {
            "form_token": form_token or uuid.uuid4().hex,
            "telephony_provider": "twilio",
            "telephony_account_connection": self.connection,
            "quantity": quantity,
            **({} if "phone_number" in wanted else {"area_code": area_code}),
            **wanted,
        }
        return self.hands.place(**order)["lines"]

    def settled(self, ids: Iterable[int], seconds: float = 120) -> list[dict]:
        """The lines, once none of them moves any more by itself."""
        ids = list(ids)
        self.until(lambda: all(row["state"] in QUIET for row in self.books.lines(*ids)), seconds, ids)
        return self.books.lines(*ids)

    def until(self, condition, seconds: float = 90, ids: Iterable[int] = (), *, every: float = 0.05) -> None:
        """Poll EVERY so many seconds until CONDITION; otherwise fail with the history of the lines IDS."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                stories = "\n".join(self.story(line_id) for line_id in ids)
                raise AssertionError(f"it did not happen in {seconds:g} s\n{stories}\n{self.tail()}")
            time.sleep(every)

    def in_state(self, line_id: int, state: str, seconds: float = 90) -> dict:
        self.until(lambda: self.books.line(line_id)["state"] == state, seconds, [line_id])
        return self.books.line(line_id)

    def drive(self, line_id: int, **env: str) -> int:
        """Drive one line in a process of its own, with ENV; its exit status."""
        code = f"from numbers.services.purchasing.worker import drive; drive(line_id={line_id})"
        return self.stack.manage("shell", "-v0", "-c", code, check=False, **env).returncode

    # For people who must find out what went wrong

    def story(self, line_id: int) -> str:
        """Everything that is known about a line, from both sides."""
        line = self.books.line(line_id)
        attempts = self.books.attempts(line_id)
        numbers = {line["phone_number"], line["e164"], *(a["phone_number"] for a in attempts)} - {"", None}
        text = [f"--- line {line_id}: {line['state']} {line['phone_number']} ({line['reason']})"]
        text += [
            f"  event   {e['at']:%T.%f} {e['action']}: {e['reason']}" for e in self.books.events(line_id)
        ]
        text += [
            f"  attempt {a['n']} {a['sent_at']:%T.%f} {a['phone_number'] or a['area_code']} {a['outcome']}"
            f" {a['status'] or ''} {a['detail']} key={a['key']} generation={a['generation']}"
            for a in attempts
        ]
        text += [
            f"  look    {k['at']:%T.%f} complete={k['complete']} found={k['found']} {k['detail']}"
            for k in self.books.looks(line_id)
        ]
        text += [f"  charge  {c}" for c in self.charges_of(line_id)]
        text += [
            f"  POST    {time.strftime('%T', time.gmtime(p['at']))} status={p['status']} fault={p['fault']}"
            for p in self.posts(*numbers)
            if numbers
        ]
        return "\n".join(text)

    def tail(self) -> str:
        return "the processes said:\n" + self.stack.logs()[-4000:]

    def processes_at_work(self) -> list[int]:
        """Those that buy; each worker has a supervisor and some of these."""
        return [pid for worker in self.workers for pid in children(worker.pid) if "work" in words_of(pid)]


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended meanwhile
            continue
        if int(after_name[1]) == pid and after_name[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def words_of(pid: int) -> list[str]:
    """The command line of a process; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def send_signal(pid: int, signum: int) -> bool:
    """False when it was gone already."""
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True
