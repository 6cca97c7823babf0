"""The last door: every service of a person asks for the right that its actor has now."""

import ast
import importlib
import inspect
import pkgutil
from operator import attrgetter

import pytest
from django.contrib.auth.models import Group

from numbers import management, views
from numbers.models import Event, Order, Plan
from numbers.permissions import RIGHTS, Right, Role
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import Refused, demand
from numbers.services.calls import endpoint, proofs, reader
from numbers.services.costs import invoices
from numbers.services.inventory import account, drift, holds, reconciliation, sync, sync_requests
from numbers.services.monitoring import alarms, attention
from numbers.services.orders import approvals, budgets, limits, placement, prices, progress
from numbers.services.people import accounts, links
from numbers.services.plans import builder, lifecycle, push, release
from numbers.services.purchasing import attribution, review
from numbers.services.spending import gate, registry
from numbers.states import Act
from tests.support.books import PERSON, order
from tests.support.people import person

pytestmark = pytest.mark.django_db
#: What each service needs; where an act or a tab decides about it, the service works it out.
NEEDS = {
    placement.place_order: Right.BUY,
    placement.rehearse: Right.BUY,
    placement.cancel_line: Right.BUY,
    placement.cancel_rest: Right.BUY,
    approvals.approve: Right.APPROVE,
    approvals.refuse: Right.APPROVE,
    prices.set_price: Right.PRICES,
    prices.remove_price: Right.PRICES,
    alarms.set_rule: Right.PEOPLE,
    budgets.set_budget: Right.PRICES,
    reader.ask: Right.ASSIGN,
    proofs.ask_for_call: Right.BUY,
    endpoint.ask_endpoint: Right.PROBE,
    invoices.upload: Right.BUY,
    invoices.choose_columns: Right.BUY,
    accounts.invite: Right.PEOPLE,
    accounts.set_roles: Right.PEOPLE,
    accounts.switch: Right.PEOPLE,
    accounts.end_all_sessions: Right.PEOPLE,
    accounts.remove_factors: Right.PEOPLE,
    accounts.make_link: Right.PEOPLE,
    gate.pause: Right.STOP,
    gate.open_gate: Right.OPEN,
    registry.retire: Right.OPEN,
    account.accept: Right.OPEN,
    holds.accept: Right.OPEN,
    holds.accept_baseline: Right.OPEN,
    holds.waive: Right.OPEN,
    attribution.attribute: Right.OPEN,
    attribution.explain: Right.OPEN,
    release.link_number: Right.BUY,
    lifecycle.change_now: Right.ASSIGN,
    lifecycle.discard_plan: Right.ASSIGN,
    lifecycle.stop_plan: Right.ASSIGN,
    builder.propose_file: Right.ASSIGN,
    drift.accept_theirs: Right.ASSIGN,
    drift.acknowledge_agent: Right.ASSIGN,
    reconciliation.ask: Right.BUY,
    reconciliation.reconcile: Right.BUY,
    reconciliation.acknowledge: Right.BUY,
    lifecycle.take_back: Right.ASSIGN,
    sync_requests.ask_for_sync: Right.ASSIGN,
    review.was_bought: Right.BUY,
    review.was_not_bought: Right.BUY,
    review.close: Right.BUY,
}
#: These go through one of the others, read only, or read Fluents for the person whom a command has checked.
FREE = {
    *(limits.check_limits, limits.limits, placement.why_waits, progress.question_of),
    *(lifecycle.assign, lifecycle.plan_change, lifecycle.replace_agent, lifecycle.undo),
    *(push.plan_push_ours, record_event, sync.sync),
}
#: One's own session, and a link that somebody was sent or that an administrator has just made.
FREE |= {accounts.end_own_session, links.send, links.use}
#: One of those above under another name, the demo's own history, and what an option of a command is called.
ELSEWHERE = {"decide", "past.order", "self.need"}
BY_ACT = {builder.propose, lifecycle.apply_plan, lifecycle.retry_failed}
BY_TAB = {attention.snooze, attention.wake}


@pytest.mark.parametrize("service", NEEDS, ids=lambda service: service.__name__)
def test_a_service_refuses_whoever_has_not_the_right_any_more(service):
    """The account that asks was loaded while it still had the role."""
    role = next(role for role in Role if NEEDS[service] in RIGHTS[role])
    user = person("ada", role)
    by = Actor.person(user, request_id="request-1")
    demand(by, NEEDS[service])
    user.groups.clear()
    wanted = {
        name: None
        for name, parameter in inspect.signature(service).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.KEYWORD_ONLY
    }
    with pytest.raises(Refused, match="no role yet"):
        service(**wanted | {"by": by})
    event = Event.objects.get(action="access.denied")
    assert (event.actor, event.request_id, event.after) == (user, "request-1", {"right": NEEDS[service]})


@pytest.mark.parametrize("act", [Act.CHANGE, Act.RELEASE, Act.DETACH])
def test_a_plan_asks_for_the_right_of_its_act(act):
    user = person("ada", Role.ASSIGNER, Role.ADMIN)
    by = Actor.person(user)
    plan = builder.propose(by=by, act=act, title="", items=[], changes={"label": "x"})
    user.groups.remove(Group.objects.get(name=Role.ADMIN))
    doors = [
        lambda: builder.propose(by=by, act=act, title="", items=[], changes={"label": "x"}),
        lambda: lifecycle.apply_plan(plan_id=plan.pk, by=by),
        lambda: lifecycle.retry_failed(plan_id=plan.pk, by=by),
    ]
    for door in doors:
        if act == Act.CHANGE:
            door()
            continue
        with pytest.raises(Refused, match="administrator"):
            door()
    assert Plan.objects.count() == (2 if act == Act.CHANGE else 1)


@pytest.mark.parametrize("kind", attention.NEEDS)
def test_a_tab_of_attention_asks_for_its_own_right(kind):
    by = Actor.person(person("vera", Role.VIEWER))
    with pytest.raises(Refused):
        attention.snooze(by=by, kind=kind, item=1, days=1, reason="Later")
    with pytest.raises(Refused):
        attention.wake(by=by, kind=kind, item=1)


def test_an_account_that_is_switched_off_does_nothing_any_more():
    user = person("ada", Role.ADMIN)
    type(user).objects.update(is_active=False)
    with pytest.raises(Refused):
        order(by=Actor.person(user))
    assert not Order.objects.exists()


def test_the_product_and_whoever_runs_the_machine_may_do_everything():
    for by in (SYSTEM, PERSON, Actor.command()):
        for right in Right:
            demand(by, right)
    assert not Event.objects.exists()


def test_no_service_of_a_person_forgets_to_ask():
    """Whatever takes a BY and is called by pages and commands is in the list above."""
    called, local = set(), set()
    for package in (views, management):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for node in ast.walk(ast.parse(inspect.getsource(module))):
                if not (isinstance(node, ast.Call) and any(keyword.arg == "by" for keyword in node.keywords)):
                    continue
                name = ast.unparse(node.func)
                try:
                    called.add(attrgetter(name)(module))
                except AttributeError:
                    local.add(name)
    asks = {*NEEDS, *BY_ACT, *BY_TAB}
    assert called - asks == FREE
    assert local == ELSEWHERE
