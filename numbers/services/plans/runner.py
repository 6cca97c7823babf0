"""Changing numbers, part two: a worker carries an applied plan out, row by row.

A row is taken with a lease, as lines are in `moves`. One POST, then the number is read back and
compared: only what was read back counts as done. A change is harmless to repeat, so where the
outcome is unknown the row looks first and sends again; giving a number up is not, see `releasing`.

Most of a row's time is waiting for Fluents, so each worker process takes PLAN_IN_FLIGHT rows at a time.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, Min, OuterRef, QuerySet

from numbers import fluents
from numbers.db.clock import JUMP, db_now
from numbers.db.leases import LeaseLost, lease, mend_leases
from numbers.models import Agent, Number, Plan, PlanRow
from numbers.services.audit.events import record_event
from numbers.services.failpoints import reached
from numbers.services.fluents_client import client
from numbers.services.inventory.lookup import find_anywhere
from numbers.services.inventory.upsert import DESCRIBED, agent_for, answer_of, describe, tags_for
from numbers.services.turns import Turns
from numbers.states import UNDER_WAY, Act, PlanState, RowState

from .rows import away, by_of, count_rows, last_changes, moved_words, values_of

log = logging.getLogger("numbers.carrying")

MAX_SENDS = 3
MAX_WAITS = 8
AGAIN = (0.5, 1, 2, 5, 10, 20, 40, 60)  # seconds until a row is tried again
BUSY = timedelta(seconds=2)  # until a row asks again for a number that another plan is changing
STOPPED = "The worker repeatedly stopped on this number."
#: Keys of a row and the API's fields. Tags are ours alone.
REMOTE = {
    "agent": "inbound_agent",
    "label": "label",
    "description": "description",
    "outbound_only": "outbound_only",
}
ACTIONS = {Act.CHANGE: "number.changed", Act.PUSH: "number.pushed"}
NAME = "changes"
LONGEST_PAUSE = timedelta(hours=1.1)  # that Fluents can ask for
MOST = 100  # rows of a plan that are looked for at once
_turns = Turns()


def claim(*, limit: int) -> list[PlanRow]:
    """At most `limit` rows that are due, in turn between plans; of a plan those first that were sent."""
    plans = Plan.objects.filter(state=PlanState.APPLYING, due_at__lte=db_now()).order_by("pk")
    waiting = {key: next_rows(key)[:limit] for key in plans.values_list("pk", flat=True)}
    claimed = (claim_row(row_id=key) for key in _turns.in_turn(waiting, limit))
    return [row for row in claimed if row]


def run(row: PlanRow) -> None:
    """Take one row as far as it will go now, and end its plan if it was the last one."""
    carry_row(row)
    finish(plan_id=row.plan_id)


def defer(row: PlanRow, error: Exception) -> None:
    """Try a row later whose step raised `error`; trouble of the database says nothing about it."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return
    now = PlanRow.objects.select_related("plan").get(pk=row.pk)
    if now.generation == row.generation and now.lease_until:
        put_off(now, f"Something went wrong with this row: {type(error).__name__}: {error}")
        finish(plan_id=row.plan_id)


def next_due(after: datetime) -> datetime | None:
    """When a row becomes due, later than `after`, or somebody's lease ends."""
    rows = PlanRow.objects.open().filter(plan__state=PlanState.APPLYING).order_by()
    soon = rows.filter(due_at__gt=after).order_by("due_at").values_list("due_at", flat=True)
    plans = Plan.objects.filter(state=PlanState.APPLYING, due_at__gt=after)
    held = (
        rows.filter(lease_until__isnull=False).order_by("lease_until").values_list("lease_until", flat=True)
    )
    found = [soon.first(), held.first(), plans.aggregate(at=Min("due_at"))["at"]]
    return min(filter(None, found), default=None)


def finish_all() -> int:
    """End plans that have no open row any more, as where a worker died after its last row; how many."""
    ended = Plan.objects.filter(~Exists(rows_open()), state=PlanState.APPLYING)
    return sum(finish(plan_id=key) for key in ended.values_list("pk", flat=True))


def mend_times() -> int:
    """Bring back what a clock that was ahead, and was set right again, has put too far off; how many rows."""
    now = db_now()
    rows = PlanRow.objects.open()
    mended = rows.filter(changed_at__gt=now + JUMP).update(due_at=now, changed_at=now)
    plans = Plan.objects.filter(state__in=UNDER_WAY)
    mended += mend_leases(rows) + mend_leases(plans)
    return mended + plans.filter(due_at__gt=now + LONGEST_PAUSE).update(due_at=now)


def rows_open() -> QuerySet[PlanRow]:
    return PlanRow.objects.open().filter(plan=OuterRef("pk"))


def carry_row(row: PlanRow) -> None:
    """Take one row as far as it will go now."""
    from .release import give_up_row  # noqa: PLC0415 -- releasing builds on this module

    try:
        if row.plan.act in ACTIONS:
            change_row(row)
        else:
            give_up_row(row)
    except LeaseLost as lost:
        log.info("%s", lost)


def finish(*, plan_id: int) -> bool:
    """applying -> done, once no row is open any more."""
    if PlanRow.objects.open().filter(plan=plan_id).exists():
        return False
    with transaction.atomic():
        done = Plan.objects.filter(~Exists(rows_open()), pk=plan_id, state=PlanState.APPLYING).update(
            state=PlanState.DONE, finished_at=db_now()
        )
        if done:
            plan = Plan.objects.get(pk=plan_id)
            plan.counts = count_rows(plan)
            plan.save(update_fields=["counts"])
            record_event(action="plan.finished", plan=plan, after=plan.counts, reason=plan.title)
    return bool(done)


# --- Taking a row and giving it back --------------------------------------------------------


def claim_row(*, row_id: int) -> PlanRow | None:
    """Take a row if it is due and free; None when it is not, or may not be carried out now."""
    orphaned = PlanRow.objects.filter(pk=row_id, lease_until__isnull=False).exists()
    if not take(row_id, orphaned=orphaned):
        return None
    reached("row.claimed")
    row = PlanRow.objects.select_related(
        "plan", "plan__requested_by", "number", "number__agent", "number__connection"
    ).get(pk=row_id)
    if orphaned and row.waits > MAX_WAITS:
        end_row(row, RowState.FAILED, STOPPED)
        return None
    return row


def next_rows(plan_id: int) -> list[int]:
    """The rows of a plan to be taken next: those that were sent before those that were not."""
    due = PlanRow.objects.due().filter(plan=plan_id).values_list("pk", flat=True)
    sent, fresh = due.filter(state=RowState.APPLYING), due.filter(state=RowState.READY)
    return [*sent.order_by("due_at")[:MOST], *fresh.order_by("pk")[:MOST]]


def take(pk: int, *, orphaned: bool) -> bool:
    """Lease a row that is due; False where somebody was faster or its number is being changed elsewhere."""
    try:
        with transaction.atomic():
            taken = (
                PlanRow.objects.due()
                .filter(pk=pk)
                .update(
                    state=RowState.APPLYING,
                    lease_until=db_now() + lease(),
                    generation=F("generation") + 1,
                    waits=F("waits") + int(orphaned),
                )
            )
    except IntegrityError:
        PlanRow.objects.filter(pk=pk, state=RowState.READY).update(
            due_at=db_now() + BUSY,
            reason="Another change to this number is in progress; waiting for it.",
        )
        return False
    return bool(taken)


def write_row(row: PlanRow, **fields) -> None:
    """Write `fields` if the row is still ours. Raises LeaseLost."""
    same = PlanRow.objects.filter(pk=row.pk, state=RowState.APPLYING, generation=row.generation)
    if same.update(**fields, changed_at=db_now()) != 1:
        raise LeaseLost(f"row {row.pk} has moved on")
    for name, value in fields.items():
        setattr(row, name, value)


def renew(row: PlanRow) -> None:
    """Keep the row for another lease, as what it waits for takes long. Raises LeaseLost."""
    write_row(row, lease_until=db_now() + lease())


def end_row(row: PlanRow, state: str, reason: str = "") -> None:
    write_row(row, state=state, reason=reason[:500], lease_until=None)


def put_off(row: PlanRow, reason: str, *, error: fluents.FluentsError | None = None) -> None:
    """Try the row again later; after too many times it has failed.

    A row that was sent keeps its number until it is known what came of it. Where nothing can be
    sent at all the whole plan waits, as the next row would fare no better.
    """
    if row.waits >= MAX_WAITS:
        return end_row(row, RowState.FAILED, reason)
    pause = getattr(error, "retry_after", None)
    if pause is None:
        pause = AGAIN[min(row.waits, len(AGAIN) - 1)]
    until = db_now() + timedelta(seconds=pause)
    state = RowState.APPLYING if row.tries else RowState.READY
    write_row(row, state=state, reason=reason[:500], lease_until=None, due_at=until, waits=row.waits + 1)
    if isinstance(error, fluents.NotSent | fluents.RateLimited):
        Plan.objects.filter(pk=row.plan_id).update(due_at=until)
    return None


# --- One change -----------------------------------------------------------------------------


def change_row(row: PlanRow) -> None:
    """Make Fluents and our books say what the row wants, or say why not."""
    if reason := obstacle(row):
        return end_row(row, RowState.SKIPPED, reason)
    changes = to_send(row.after)
    if not changes:
        return write_down(row, None)
    if row.tries:  # an earlier try may have worked, or come late
        try:
            info = find_anywhere(row.number.e164, keep=partial(renew, row))
        except fluents.FluentsError as error:
            return put_off(row, f"{row.reason} {error.user_message}".strip(), error=error)
        if info and not differences(row.after, info):
            return write_down(row, info)
        if row.tries >= MAX_SENDS:
            return end_row(row, RowState.FAILED, row.reason or STOPPED)
    return send_change(row, changes)


def send_change(row: PlanRow, changes: dict) -> None:
    """Send it once, and see what came of it."""
    now = db_now()
    write_row(row, tries=row.tries + 1, sent_at=now, lease_until=now + lease())
    reached("row.sending")
    trouble, final = "", False
    try:
        client().update(phone_number=row.number.e164, id=row.number.api_id, changes=changes)
    except (fluents.NotSent, fluents.RateLimited) as error:
        write_row(row, tries=row.tries - 1)
        return put_off(row, error.user_message, error=error)
    except fluents.Refused as error:
        if row.tries == 1:
            return end_row(row, RowState.FAILED, error.user_message)
        trouble, final = error.user_message, True
    except fluents.FluentsError as error:
        trouble = error.user_message
    reached("row.sent")
    return read_back(row, trouble, final=final)


def read_back(row: PlanRow, trouble: str, *, final: bool) -> None:
    """Done if Fluents says now what was asked for; whatever it answered before does not count."""
    try:
        info = find_anywhere(row.number.e164, keep=partial(renew, row))
    except fluents.FluentsError as error:
        reason = trouble or "It was sent but couldn't be read back."
        return put_off(row, f"{reason} {error.user_message}", error=error)
    wrong = differences(row.after, info) if info else "the number is no longer there"
    if not wrong:
        return write_down(row, info)
    reason = f"{trouble} " if trouble else ""
    reason += f"Read back from Fluents: {wrong}."
    if final or row.tries >= MAX_SENDS:
        return end_row(row, RowState.FAILED, reason)
    return put_off(row, reason)


def obstacle(row: PlanRow) -> str:
    """Why the row must not be carried out any more, or "". What was seen must still be true."""
    number, agent = row.number, row.after.get("agent")
    if reason := away(number):
        return reason
    if agent and not Agent.objects.filter(api_id=agent, gone_at=None).exists():
        return "The agent was deleted in Fluents."
    if row.plan.act == Act.PUSH:
        moved = [key for key, value in values_of(number, row.after).items() if value != row.after[key]]
        theirs = [key for key in row.before if number.drift.get(key, {}).get("theirs") != row.before[key]]
        if theirs and not moved:
            return "Fluents has changed since. Check the difference again."
    else:
        moved = [key for key, value in values_of(number, row.before).items() if value != row.before[key]]
    if moved:
        return moved_words(number, moved, last_changes([number.pk]).get(number.pk))
    return ""


def to_send(after: dict) -> dict:
    """The changed fields under the names of the API, where "no agent" is null."""
    changes = {REMOTE[key]: value for key, value in after.items() if key in REMOTE}
    if changes.get("inbound_agent") == "":
        changes["inbound_agent"] = None
    return changes


def differences(after: dict, info: fluents.RemoteNumber) -> str:
    """What Fluents says otherwise than `after`, in words, or ""."""
    words = []
    for key, wanted in after.items():
        if key == "agent" and not same_agent(wanted, info):
            words.append(f"{info.inbound_agent_name or info.inbound_agent or 'no agent'} answers")
        elif key in REMOTE and key != "agent" and getattr(info, key) != wanted:
            words.append(f"{REMOTE[key]} is “{getattr(info, key)}”")
    return ", ".join(words)


def same_agent(api_id: str, info: fluents.RemoteNumber) -> bool:
    """Whether Fluents names the agent with this id; some answers give a name instead of the id."""
    if info.inbound_agent == api_id:
        return True
    if not info.inbound_agent or not api_id:
        return False
    agent = agent_for(info.inbound_agent, info.inbound_agent_name)
    return agent is not None and agent.api_id == api_id


def write_down(row: PlanRow, info: fluents.RemoteNumber | None) -> None:
    """The end that was wanted: books, history and the row in one transaction."""
    with transaction.atomic():
        number = Number.objects.select_for_update().get(pk=row.number_id)
        fields = put(number, row.after)
        number.drift = {key: value for key, value in number.drift.items() if key not in row.after}
        number.drifted = bool(number.drift)
        if info:
            number.answer, number.digest, number.synced_at = *answer_of(info).values(), db_now()
            fields += ["answer", "digest", "synced_at"]
        if "tags" in row.after:
            number.tags.set(tags_for(row.after["tags"]).values())
        describe(number, values_of(number, ["tags"])["tags"])
        number.save(update_fields=[*fields, "drift", "drifted", *DESCRIBED])
        end_done(row, number, ACTIONS[Act(row.plan.act)])
    reached("row.committed")


def put(number: Number, values: dict) -> list[str]:
    """Set `values` on `number`; the names of the columns that were set."""
    names = [key for key in values if key in REMOTE]
    for name in names:
        value = values[name]
        setattr(number, name, agent_for(value) if name == "agent" else value)
    return names


def end_done(row: PlanRow, number: Number, action: str) -> None:
    """Write the event of a row that was carried out and end it; part of the caller's transaction."""
    record_event(
        action=action,
        by=by_of(row.plan),
        number=number,
        plan=row.plan,
        before=row.before,
        after=row.after,
        reason=f"{row.plan.title}: {row.plan.reason}" if row.plan.reason else row.plan.title,
    )
    end_row(row, RowState.DONE)
    reached("row.written")
