"""After the storm: do the books and the sandbox's ledger tell the same story?

Nothing of the product is used here. A charge knows the attempt that it was made for (the request
id is the attempt's key), an attempt its line, so every cent can be followed to a line.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.arena import Arena

# The table of reliability section 2.3, written down a second time on purpose.
MOVES = {
    "planned": {"reserved", "failed", "cancelled"},
    "reserved": {"sending", "planned", "cancelled"},
    "sending": {"bought", "planned", "failed", "unknown"},
    "unknown": {"bought", "sending", "planned", "failed", "review"},
    "review": {"bought", "failed", "planned"},
}
SENT = {"sending", "unknown"}


@dataclass
class Verdict:
    lines: int = 0
    states: Counter = field(default_factory=Counter)
    charges: int = 0
    calls: int = 0
    lost: int = 0
    twice: int = 0
    problems: list[str] = field(default_factory=list)
    suspects: set[int] = field(default_factory=set)

    def blame(self, text: str, line_id: int | None = None) -> None:
        self.problems.append(text)
        if line_id:
            self.suspects.add(line_id)

    @property
    def ok(self) -> bool:
        return not self.problems and not self.lost and not self.twice


class Checker:
    """Compares everything once no line moves any more. PLACED: quantity by form token."""

    def __init__(self, arena: Arena, *, placed: dict[str, int], cap: int | None = None) -> None:
        self.arena, self.placed, self.cap = arena, placed, cap
        self.charges = arena.sandbox.charges()
        self.lines = {line["id"]: line for line in arena.books.lines()}
        self.attempts = arena.books.attempts()
        self.by_key = {attempt["key"]: attempt for attempt in self.attempts}
        self.numbers = arena.books.numbers()
        self.verdict = Verdict(len(self.lines), Counter(line["state"] for line in self.lines.values()))
        self.verdict.charges = len(self.charges)

    def check(self) -> Verdict:
        of_line: dict[int, list[dict]] = defaultdict(list)
        for charge in self.charges:
            attempt = self.by_key.get(charge["request_id"])
            if attempt:
                of_line[attempt["line_id"]].append(charge)
            else:
                self.verdict.lost += 1
                self.verdict.blame(f"a charge belongs to no line: {charge}")
        self.orders()
        self.each_number_once()
        for line in self.lines.values():
            self.line(line, of_line[line["id"]])
        self.events()
        self.requests()
        self.journal()
        self.calls()
        self.one_in_flight()
        if self.cap is not None and len(self.charges) > self.cap:
            self.verdict.blame(f"{len(self.charges)} charges, the cap is {self.cap}")
        return self.verdict

    def orders(self) -> None:
        """Every order that was placed is there once and whole, and nothing else."""
        found = {order["form_token"]: order["quantity"] for order in self.arena.books.orders()}
        if found != self.placed:
            self.verdict.lost += len(self.placed.keys() - found.keys())
            self.verdict.blame(f"placed {self.placed}, on the books {found}")
        if len(self.lines) != sum(self.placed.values()):
            self.verdict.blame(f"{len(self.lines)} lines for {sum(self.placed.values())} that were ordered")

    def each_number_once(self) -> None:
        for number, times in Counter(charge["number"] for charge in self.charges).items():
            if times > 1:
                self.verdict.twice += times - 1
                keys = [c["request_id"] for c in self.charges if c["number"] == number]
                for key in keys:
                    self.verdict.blame(
                        f"{number} was charged {times} times", self.by_key.get(key, {}).get("line_id")
                    )
        owners = Counter(line["e164"] for line in self.lines.values() if line["state"] == "bought")
        for number, times in owners.items():
            if times > 1:
                self.verdict.blame(f"{number} belongs to {times} lines")

    def line(self, line: dict, charges: list[dict]) -> None:
        """Bought with one charge, ended with none, or on a person's desk with its number watched."""
        state, charged = line["state"], [charge["number"] for charge in charges]
        if len(set(charged)) > 1:
            self.verdict.twice += len(set(charged)) - 1
            self.verdict.blame(f"line {line['id']} was charged for {charged}", line["id"])
        if state == "bought":
            self.bought(line, charged)
        elif state in ("failed", "cancelled"):
            if charged:
                self.verdict.lost += 1
                self.verdict.blame(f"line {line['id']} is {state}, but {charged} was charged", line["id"])
        elif state == "review":
            if not set(charged) <= self.watched(line):
                self.verdict.lost += 1
                self.verdict.blame(f"line {line['id']}: nobody watches {charged}", line["id"])
        else:
            self.verdict.blame(f"line {line['id']} is still {state}", line["id"])

    def bought(self, line: dict, charged: list[str]) -> None:
        number = line["e164"]
        if charged != [number] and set(charged) != {number}:
            self.verdict.lost += bool(charged)
            self.verdict.blame(f"line {line['id']} has {number}, charged were {charged}", line["id"])
        if line["phone_number"] != number:
            self.verdict.blame(
                f"line {line['id']} asked for {line['phone_number']}, has {number}", line["id"]
            )
        if self.numbers.get(number, {}).get("status") not in ("active", "inactive"):
            self.verdict.blame(f"{number} of line {line['id']} is not on the books as ours", line["id"])

    def watched(self, line: dict) -> set[str]:
        """Numbers that the evidence of a line under review leads to."""
        mine = [attempt for attempt in self.attempts if attempt["line_id"] == line["id"]]
        seen = {attempt["phone_number"] for attempt in mine}
        seen |= {(attempt["answer"] or {}).get("number", "") for attempt in mine}
        if line["by_area_code"]:  # by snapshot and area, where there is one; else by area alone
            before = {number for attempt in mine for number in attempt["owned_before"] or []}
            seen |= {c["number"] for c in self.charges if c["area_code"] == line["area_code"]} - before
        return seen

    def events(self) -> None:
        """One event for each move, each move legal, and the last one is where the line is."""
        chains: dict[int, list[dict]] = defaultdict(list)
        for event in self.arena.books.events():
            if event["action"].startswith("line."):
                chains[event["line_id"]].append(event)
        for line_id, line in self.lines.items():
            state = "planned"
            for event in chains[line_id]:
                before, after = event["before"].get("state"), event["after"].get("state")
                if before != state or after not in MOVES.get(before, ()):
                    self.verdict.blame(f"line {line_id}: {state}, then an event {before} -> {after}", line_id)
                state = after
            if state != line["state"]:
                self.verdict.blame(f"line {line_id} is {line['state']}, its events end in {state}", line_id)

    def requests(self) -> None:
        """No purchase left without an attempt that names its number."""
        sent = Counter(what(post["body"] or {}) for post in self.arena.posts())
        on_disk = Counter(attempt["phone_number"] or attempt["area_code"] for attempt in self.attempts)
        for asked, times in (sent - on_disk).items():
            self.verdict.blame(f"{times} purchases of {asked} left without an attempt on the books")

    def journal(self) -> None:
        """Whoever loses the database can still find every charge in a journal."""
        paths = [path for path in map(Path, self.arena.journals) if path.exists()]
        keys = {json.loads(row).get("key") for path in paths for row in path.read_text().splitlines()}
        for charge in self.charges:
            if charge["request_id"] in self.by_key and charge["request_id"] not in keys:
                self.verdict.blame(f"the journal does not know {charge}")

    def calls(self) -> None:
        """A test call that was asked for is made once at most, and is in a journal."""
        asked = [call["request_id"] for call in self.arena.sandbox.control("calls", method="GET")["placed"]]
        self.verdict.calls = len(asked)
        paths = [path for path in map(Path, self.arena.journals) if path.exists()]
        known = {json.loads(row).get("call") for path in paths for row in path.read_text().splitlines()}
        for key, times in Counter(asked).items():
            if times > 1:
                self.verdict.twice += times - 1
                self.verdict.blame(f"test call {key} was made {times} times")
            if key not in known:
                self.verdict.blame(f"no journal knows test call {key}")

    def one_in_flight(self) -> None:
        """By area code, a connection has one line at a time between its send and its settlement (I11)."""
        flying: dict[str, int] = {}
        for event in self.arena.books.events():
            line = self.lines[event["line_id"]]
            if not line["by_area_code"] or not event["action"].startswith("line."):
                continue
            connection, line_id = line["connection"], line["id"]
            if event["after"].get("state") in SENT:
                other = flying.setdefault(connection, line_id)
                if other != line_id:
                    self.verdict.blame(f"lines {other} and {line_id} were in flight together", line_id)
            elif flying.get(connection) == line_id:
                del flying[connection]


def what(body: dict) -> str:
    return body.get("phone_number") or body.get("area_code") or ""
