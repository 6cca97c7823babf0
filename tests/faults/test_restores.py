"""Fault 37: the drills of docs/operations.md, with real workers and real backups on both databases."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.arena import Arena
from tests.faults.backups import Backup


@pytest.fixture
def cluster_of(engine, request):
    return request.getfixturevalue("cluster") if engine == "postgres" else None


@pytest.fixture
def two(make_arena, engine):
    """A product that has a worker with a journal of its own on each of two machines, a and b."""
    arena = make_arena(engine, GATE_IN_FLIGHT=4)
    yield Machines(arena)
    arena.close()


class Machines:
    """Workers by the name of their machine, each with its own journal."""

    def __init__(self, arena: Arena) -> None:
        self.arena, self.running = arena, {}

    def journal(self, name: str) -> Path:
        return self.arena.folder / f"{name}.journal"

    def start(self, *names: str) -> None:
        for name in names:
            seals = self.rows(name, "head")
            self.arena.start_worker(in_flight=1, JOURNAL_PATH=str(self.journal(name)))
            self.running[name] = self.arena.workers[-1]
            self.arena.until(lambda name=name, seals=seals: self.rows(name, "head") > seals)

    def stop(self, *names: str) -> None:
        for name in names:
            worker = self.running.pop(name)
            worker.terminate()
            worker.wait(30)
            self.arena.workers.remove(worker)

    def name_of(self, name: str) -> str:
        """What the database calls the journal of that machine."""
        return paths(self.arena)[str(self.journal(name))]

    def rows(self, name: str, kind: str) -> int:
        """How many rows of that KIND the journal has: a "key" for each send, a "head" for each seal."""
        path = self.journal(name)
        rows = [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []
        return len([row for row in rows if kind in row])


def gate(arena: Arena) -> dict:
    return json.loads(arena.stack.manage("gate", "--json").stdout)


def until_gate(arena: Arena, condition: Callable[[dict], bool]) -> None:
    """Asked a few times a second: each answer is a command's, and the workers need the machine."""
    arena.until(lambda: condition(gate(arena)), every=0.3)


def paths(arena: Arena) -> dict[str, str]:
    return {row["path"]: row["name"] for row in gate(arena)["journals"]}


def act(arena: Arena, *arguments: str):
    return arena.stack.manage("gate", *arguments, "--reason", "the drill", check=False)


def differences(arena: Arena) -> list[dict]:
    """What `reconcile` finds; its exit status says whether it finds anything."""
    done = arena.stack.manage("reconcile", "--json", check=False)
    found = [json.loads(row) for row in done.stdout.splitlines()]
    assert done.returncode == (1 if found else 0), done.stderr
    return found


def all_bought(arena: Arena, charged: list[dict]) -> None:
    """Every line has its own number again, and nothing was charged twice."""
    lines = arena.settled([line["id"] for line in arena.books.lines()])
    lines = [line for line in lines if line["state"] != "cancelled"]
    assert [line["state"] for line in lines] == ["bought"] * len(lines), arena.tail()
    assert sorted(line["e164"] for line in lines) == sorted(charge["number"] for charge in charged)
    assert arena.sandbox.charges() == charged
    by_key = {attempt["key"]: attempt["line_id"] for attempt in arena.books.attempts()}
    for charge in charged:
        if charge["request_id"] in by_key:
            [line] = [line for line in lines if line["e164"] == charge["number"]]
            assert by_key[charge["request_id"]] == line["id"]


def held_back(arena: Arena, word: str, charged: list[dict], **wanted) -> int:
    """A new line is taken up by a worker and not sent, for a reason that has WORD in it; its id."""
    [line_id] = arena.place(**wanted)
    arena.until(lambda: word in arena.books.line(line_id)["reason"], 60, [line_id])
    assert arena.sandbox.charges() == charged
    return line_id


def test_37_one_journal(fresh, cluster_of):
    """Yesterday's backup: paused, each forgotten purchase is looked up, and nothing is bought again."""
    ids = fresh.place(4)
    backup = Backup(fresh, cluster_of)
    fresh.start_worker()
    fresh.settled(ids)
    fresh.stop_workers()
    charged = fresh.sandbox.charges()
    backup.restore()
    fresh.start_worker()
    fresh.until(lambda: fresh.books.gate()["paused"])
    assert "has 4 purchases that the database doesn't" in gate(fresh)["reason"]
    fresh.settled(ids)
    assert act(fresh, "open").returncode == 0
    all_bought(fresh, charged)
    assert differences(fresh) == []


def test_37_two_journals(two, cluster_of):
    """Both have sent since the backup: buying stays paused until the other worker has reported, too."""
    arena = two.arena
    ids = arena.place(8)
    backup = Backup(arena, cluster_of)
    arena.config(latency_ms=[300, 300])
    two.start("a", "b")
    arena.settled(ids)
    two.stop("a", "b")
    assert two.rows("a", "key")
    assert two.rows("b", "key")
    charged = arena.sandbox.charges()
    backup.restore()

    two.start("a")
    until_gate(arena, lambda gate: gate["state"] == "paused")
    refused = act(arena, "open")
    assert refused.returncode == 2
    assert str(two.journal("b")) in refused.stderr
    new = held_back(arena, "paused", charged)
    arena.hands.cancel(line_id=new)
    two.start("b")
    until_gate(arena, lambda gate: gate["missing"] == [])
    assert act(arena, "open").returncode == 0
    all_bought(arena, charged)
    assert differences(arena) == []


def test_37_two_journals_one_idle(two, cluster_of):
    """Only b has sent since the backup, and a is started: the history that a has kept is newer."""
    arena = two.arena
    two.start("a", "b")
    arena.settled(arena.place(1))
    two.stop("a")
    arena.hands.pause(reason="the backup has the order, but no purchase")
    ids = arena.place(4)
    backup = Backup(arena, cluster_of)
    arena.hands.open_gate()
    arena.settled(ids)
    sends = two.rows("a", "key")
    two.start("a")  # keeps the newest seal, sends nothing
    two.stop("a", "b")
    assert two.rows("a", "key") == sends
    charged = arena.sandbox.charges()
    backup.restore()

    two.start("a")
    until_gate(arena, lambda gate: "later history" in gate["reason"])
    name = two.name_of("b")
    assert gate(arena)["missing"] == [name]
    refused = act(arena, "open")
    assert (refused.returncode, name in refused.stderr) == (2, True)
    two.start("b")
    until_gate(arena, lambda gate: gate["missing"] == [])
    assert act(arena, "open").returncode == 0
    all_bought(arena, charged)


def test_37_snapshot_of_everything(fresh, cluster_of):
    """Database and journal from before the first send agree with each other. Fluents does not."""
    journal = Path(fresh.stack.env["JOURNAL_PATH"])
    ids = fresh.place(4)
    snapshot = Backup(fresh, cluster_of, journals=(journal,))
    fresh.start_worker()
    fresh.settled(ids)
    fresh.stop_workers()
    charged = fresh.sandbox.charges()
    snapshot.restore()

    fresh.start_worker()
    new = held_back(fresh, "we can't explain", charged)
    fresh.hands.cancel(line_id=new)
    numbers = {charge["number"] for charge in charged}
    assert {row["phone_number"] for row in gate(fresh)["held"]} == numbers
    assert {row["phone_number"] for row in differences(fresh)} == numbers
    [elsewhere] = fresh.place(area_code="646")  # another area goes on
    assert fresh.settled([elsewhere])[0]["state"] == "bought"
    charged = fresh.sandbox.charges()
    for number, line_id in zip(sorted(numbers), ids, strict=True):
        assert act(fresh, "attribute", number, "--line", str(line_id)).returncode == 0
    all_bought(fresh, charged)
    assert (gate(fresh)["held"], differences(fresh)) == ([], [])


def test_37_no_journal(fresh, cluster_of):
    """The database is restored and the journal lost: paused, and a person opens without it by name."""
    fresh.start_worker()
    fresh.settled(fresh.place(1))
    fresh.hands.pause(reason="the backup has the order, but no purchase")
    ids = fresh.place(3)
    backup = Backup(fresh, cluster_of)
    fresh.hands.open_gate()
    fresh.settled(ids)
    fresh.stop_workers()
    charged = fresh.sandbox.charges()
    backup.restore()
    fresh.hands.open_gate()  # the pause of the backup itself
    Path(fresh.stack.env["JOURNAL_PATH"]).unlink()

    fresh.start_worker()
    until_gate(fresh, lambda gate: gate["state"] == "paused")
    [lost] = gate(fresh)["missing"]
    assert "is gone" in gate(fresh)["reason"]
    assert act(fresh, "open").returncode == 2
    assert act(fresh, "open", "--without", "somebody-else").returncode == 2
    assert act(fresh, "open", "--without", lost).returncode == 0
    until_gate(fresh, lambda gate: len(gate["held"]) == 3)
    new = held_back(fresh, "we can't explain", charged)
    fresh.hands.cancel(line_id=new)
    first, second, third = sorted(row["phone_number"] for row in gate(fresh)["held"])
    assert act(fresh, "attribute", first, "--line", str(ids[0])).returncode == 0
    assert act(fresh, "accept", second).returncode == 0
    assert {row["phone_number"] for row in differences(fresh)} <= {first, third}
    assert act(fresh, "waive", third).returncode == 0
    fresh.settled(ids)
    assert [row["phone_number"] for row in differences(fresh)] == [third]  # nobody knows what it is yet
    assert len(fresh.sandbox.charges()) == len(charged) + 2  # as the person wanted


def test_37_journal_from_before_the_backup_and_no_look(fresh, cluster_of):
    """A backup from before the journal was registered, and no journal: nothing but Fluents knows."""
    ids = fresh.place(2)
    backup = Backup(fresh, cluster_of)
    fresh.start_worker()
    fresh.settled(ids)
    fresh.stop_workers()
    charged = fresh.sandbox.charges()
    backup.restore()
    Path(fresh.stack.env["JOURNAL_PATH"]).unlink()
    fresh.start_worker()
    held_back(fresh, "we can't explain", charged)
    assert act(fresh, "accept", "--baseline").returncode == 0
    fresh.settled(line["id"] for line in fresh.books.lines())
    assert len(fresh.sandbox.charges()) == 5  # a person has said that the two belong to nobody here


def test_37_order_placed_after_the_backup(fresh, cluster_of):
    """The whole order is in the journal: it is rebuilt with who ordered it, when, and what for."""
    agent = fresh.sandbox.get("/v1/agents/list").json()["items"][0]["id"]
    fresh.stack.manage("prices", "--telephony-provider", "twilio", "--monthly", "1.15", "--once", "2")
    fresh.stack.add_user("bob", "a long password of bob")
    backup = Backup(fresh, cluster_of)
    placed = fresh.hands.place_as(
        username="bob",
        form_token="the form of bob",
        telephony_provider="twilio",
        telephony_account_connection=fresh.connection,
        area_code="415",
        quantity=2,
        inbound_agent=agent,
        label="Front desk",
        tags=["west"],
    )
    fresh.start_worker()
    fresh.settled(placed["lines"])
    fresh.stop_workers()
    [before], charged = fresh.books.orders(), fresh.sandbox.charges()
    backup.restore()
    assert fresh.books.orders() == []

    fresh.start_worker()
    until_gate(fresh, lambda gate: gate["state"] == "paused")
    fresh.until(lambda: len(fresh.books.lines()) == 2)
    assert act(fresh, "open").returncode == 0
    all_bought(fresh, charged)
    [order] = fresh.books.orders()
    kept = ("form_token", "requested_by_id", "requested_by_name", "created_at", "quantity", "cost_monthly")
    assert {name: order[name] for name in kept} == {name: before[name] for name in kept}
    numbers = fresh.books.numbers().values()
    assert {(row["label"], row["bought_by"], row["origin"]) for row in numbers} == {
        ("Front desk", "bob", "bought")
    }
    assert differences(fresh) == []
