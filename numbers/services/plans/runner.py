"""Changing numbers, part two: a worker carries an applied plan out, row by row.

A row is taken with a lease, as lines are in `moves`. One POST, then the number is read back and
compared: only what was read back counts as done. A change is harmless to repeat, so where the
outcome is unknown the row looks first and sends again; giving a number up is not, see `releasing`.

Most of a row's time is waiting for Fluents, so the worker that has a plan takes PLAN_IN_FLIGHT rows at
a time, each in a thread of its own.
"""

import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock

from django.conf import settings
from django.db import IntegrityError, connections, transaction
from django.db.models import Exists, F
from django.db.models.functions import Now

from .. import fluents
from ..models import Agent, Number, Plan, PlanRow
from ..states import Act, PlanState, RowState
from .api import client
from .drafting import away, by_of, count_rows, last_changes, moved_words, values_of
from .failpoints import reached
from .history import db_now, record
from .inventory import agent_for, search_text_of, tags_for
from .leasing import SLICE, hold_plan, let_go, rows_open
from .looking import find_anywhere
from .moves import LeaseLost, lease
from .proposing import work_out

log = logging.getLogger("numbers.carrying")

MAX_SENDS = 3
MAX_WAITS = 8
AGAIN = (0.5, 1, 2, 5, 10, 20, 40, 60)  # seconds until a row is tried again
SHORT_WAIT = 1.5  # seconds; worth staying for
BUSY = timedelta(seconds=2)  # until a row asks again for a number that another plan is changing
STOPPED = "The worker stopped on this number again and again."
#: Keys of a row and the API's fields. Tags are ours alone.
REMOTE = {
    "agent": "inbound_agent",
    "label": "label",
    "description": "description",
    "outbound_only": "outbound_only",
}
ACTIONS = {Act.CHANGE: "number.changed", Act.PUSH: "number.pushed"}
_claiming = Lock()  # threads of one worker would all reach for the same row


def carry_on(*, plan_id: int) -> None:
    """Carry a plan out for a while, and ring for more. Safe to call at any time, any number of times."""
    if Plan.objects.filter(pk=plan_id, state=PlanState.WORKING).exists():
        return work_out(plan_id=plan_id)
    if not (held := hold_plan(plan_id=plan_id)):
        return None
    end = time.monotonic() + SLICE
    due = PlanRow.objects.due().filter(plan=plan_id)[: settings.PLAN_IN_FLIGHT].count()
    with ThreadPoolExecutor(max_workers=settings.PLAN_IN_FLIGHT) as helpers:
        helping = [helpers.submit(help_out, plan_id=plan_id, end=end) for _ in range(due - 1)]
        while row := claim_row(plan_id=plan_id, end=end):
            carry_row(row)
            held = hold_plan(plan_id=plan_id, held=held)
    let_go(plan_id=plan_id, held=held, ring=time.monotonic() >= end)
    finish(plan_id=plan_id)
    for helper in helping:
        helper.result()  # raises what went wrong there
    return None


def help_out(*, plan_id: int, end: float) -> None:
    """Carry rows out in a thread beside the one that has the plan."""
    try:
        while row := claim_row(plan_id=plan_id, end=end):
            carry_row(row)
    finally:
        connections.close_all()  # those of this thread


def carry_row(row: PlanRow) -> None:
    """Take one row as far as it will go now."""
    from .releasing import give_up_row  # noqa: PLC0415 -- releasing builds on this module

    try:
        if row.plan.act in ACTIONS:
            change_row(row)
        else:
            give_up_row(row)
    except LeaseLost as lost:
        log.info("%s", lost)


def finish(*, plan_id: int) -> bool:
    """applying -> done, once no row is open any more."""
    with transaction.atomic():
        done = Plan.objects.filter(~Exists(rows_open()), pk=plan_id, state=PlanState.APPLYING).update(
            state=PlanState.DONE, finished_at=db_now()
        )
        if done:
            plan = Plan.objects.get(pk=plan_id)
            plan.counts = count_rows(plan)
            plan.save(update_fields=["counts"])
            record(action="plan.finished", plan=plan, after=plan.counts, reason=plan.title)
    return bool(done)


# --- Taking a row and giving it back --------------------------------------------------------


def claim_row(*, plan_id: int, end: float = math.inf) -> PlanRow | None:
    """Take the next row that is due; None when there is none at the moment, or at the time END."""
    with _claiming:
        while time.monotonic() < end and (found := next_row(plan_id)):
            orphaned = found["lease_until"] is not None
            if not take(found["pk"], orphaned=orphaned):
                continue
            reached("row.claimed")
            row = PlanRow.objects.select_related(
                "plan", "plan__requested_by", "number", "number__agent", "number__connection"
            ).get(pk=found["pk"])
            if orphaned and row.waits > MAX_WAITS:
                end_row(row, RowState.FAILED, STOPPED)
                continue
            return row
    return None


def next_row(plan_id: int) -> dict | None:
    """The row to be taken next: one that was sent before one that was not."""
    due = PlanRow.objects.due().filter(plan=plan_id, plan__state=PlanState.APPLYING, plan__due_at__lte=Now())
    due = due.values("pk", "lease_until")
    sent, fresh = due.filter(state=RowState.APPLYING), due.filter(state=RowState.READY)
    return sent.order_by("due_at").first() or fresh.order_by("pk").first()


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
            reason="Another plan is changing this number; waiting for it.",
        )
        return False
    return bool(taken)


def write_row(row: PlanRow, **fields) -> None:
    """Write FIELDS if the row is still ours. Raises LeaseLost."""
    same = PlanRow.objects.filter(pk=row.pk, state=RowState.APPLYING, generation=row.generation)
    if same.update(**fields, changed_at=db_now()) != 1:
        raise LeaseLost(f"row {row.pk} has moved on")
    for name, value in fields.items():
        setattr(row, name, value)


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
        if pause <= SHORT_WAIT:
            time.sleep(pause)
        else:
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
            info = find_anywhere(row.number.e164)
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
        info = find_anywhere(row.number.e164)
    except fluents.FluentsError as error:
        reason = trouble or "It was sent, but could not be read back."
        return put_off(row, f"{reason} {error.user_message}", error=error)
    wrong = differences(row.after, info) if info else "the number is not there any more"
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
        return "The agent that was to answer is gone at Fluents."
    if row.plan.act == Act.PUSH:
        moved = [key for key, value in values_of(number, row.after).items() if value != row.after[key]]
        theirs = [key for key in row.before if number.drift.get(key, {}).get("theirs") != row.before[key]]
        if theirs and not moved:
            return "Fluents says something else by now. Look at the difference again."
    else:
        moved = [key for key, value in values_of(number, row.before).items() if value != row.before[key]]
    if moved:
        return moved_words(number, moved, last_changes([number.pk]).get(number.pk))
    return ""


def to_send(after: dict) -> dict:
    """The fields that Fluents must be told, under its names; nobody is null there."""
    changes = {REMOTE[key]: value for key, value in after.items() if key in REMOTE}
    if changes.get("inbound_agent") == "":
        changes["inbound_agent"] = None
    return changes


def differences(after: dict, info: fluents.Number) -> str:
    """What Fluents says otherwise than AFTER, in words, or ""."""
    words = []
    for key, wanted in after.items():
        if key == "agent" and not same_agent(wanted, info):
            words.append(f"{info.inbound_agent_name or info.inbound_agent or 'nobody'} answers")
        elif key in REMOTE and key != "agent" and getattr(info, key) != wanted:
            words.append(f"{REMOTE[key]} is “{getattr(info, key)}”")
    return ", ".join(words)


def same_agent(api_id: str, info: fluents.Number) -> bool:
    """Whether Fluents names the agent with this id; some answers give a name instead of the id."""
    if info.inbound_agent == api_id:
        return True
    if not info.inbound_agent or not api_id:
        return False
    agent = agent_for(info.inbound_agent, info.inbound_agent_name)
    return agent.api_id == api_id


def write_down(row: PlanRow, info: fluents.Number | None) -> None:
    """The end that was wanted: books, history and the row in one transaction."""
    with transaction.atomic():
        number = Number.objects.select_for_update().get(pk=row.number_id)
        fields = put(number, row.after)
        number.drift = {key: value for key, value in number.drift.items() if key not in row.after}
        number.drifted = bool(number.drift)
        if info:
            number.answer, number.synced_at = info.as_json(), db_now()
            fields += ["answer", "synced_at"]
        if "tags" in row.after:
            number.tags.set(tags_for(row.after["tags"]).values())
        number.search_text = search_text_of(number, values_of(number, ["tags"])["tags"])
        number.save(update_fields=[*fields, "drift", "drifted", "search_text"])
        end_done(row, number, ACTIONS[row.plan.act])
    reached("row.committed")


def put(number: Number, values: dict) -> list[str]:
    """Set VALUES on NUMBER; the names of the columns that were set."""
    names = [key for key in values if key in REMOTE]
    for name in names:
        value = values[name]
        setattr(number, name, agent_for(value) if name == "agent" else value)
    return names


def end_done(row: PlanRow, number: Number, action: str) -> None:
    """Write the event of a row that was carried out and end it; part of the caller's transaction."""
    record(
        action=action,
        by=by_of(row.plan),
        number=number,
        plan=row.plan,
        before=row.before,
        after=row.after,
        reason=row.plan.title,
    )
    end_row(row, RowState.DONE)
    reached("row.written")
