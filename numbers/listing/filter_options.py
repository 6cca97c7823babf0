"""What the filters of the list offer, and the views of it, one's own and the team's: all in one query."""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from django.db.models import CharField, QuerySet, Value
from django.db.models.fields.json import KT, KeyTextTransform

from numbers.db.news import Kept
from numbers.db.prepared import Prepared
from numbers.db.sql import slot
from numbers.forms.numbers import agent_names
from numbers.models import Agent, Connection, Figures, SavedView, Tag

MOST = 500  # names that a list to choose from holds
VIEWS = 30  # that one person may keep


class View(NamedTuple):
    """A way to look at the list that a person has kept."""

    pk: int
    name: str
    query: str
    shared_by: str = ""  # nobody else: it is one's own


@dataclass(slots=True, kw_only=True)
class Choices:
    """Shared by the pages that offer the same, so nobody changes it."""

    agent_choices: list[tuple[str, str]] = field(default_factory=list)  # id at Fluents and name
    agent_name_choices: list[tuple[str, str]] = field(default_factory=list)  # what people type
    connection_choices: list[tuple[str, str]] = field(default_factory=list)
    tag_choices: list[tuple[str, str]] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    menus: str = ""  # stands for all of the above but the views
    owned: int = 0  # how many numbers there were when they were counted last


def choices_for(user_id: int, kept: Kept | None) -> Choices:
    """What there is to choose from, each kind in its order, as long as that is `kept`."""

    def ask() -> Choices:
        return arranged(tuple(map(tuple, CHOICES.rows(user=user_id))))

    return ask() if kept is None else kept.answer((Choices, user_id), ask)


@lru_cache(maxsize=64)
def arranged(rows: tuple[tuple, ...]) -> Choices:
    found, agents = Choices(), []
    for kind, pk, one, two, three in sorted(rows, key=lambda row: (row[0], row[2], row[1])):
        if kind == "agent":
            agents.append(agent := Agent(name=one, label=two, api_id=three))
            found.agent_choices.append((three, str(agent)))
        elif kind == "connection":
            found.connection_choices.append((three, str(Connection(label=two, api_id=three))))
        elif kind == "figures":
            found.owned = int(one or 0)
        elif kind == "tag":
            found.tag_choices.append((one, one))
        else:
            found.views.append(View(pk, one, two, three))
    found.views.sort(key=lambda view: bool(view.shared_by))
    found.agent_name_choices = [(name, "") for name in agent_names(agents)]
    offered = found.agent_choices, found.agent_name_choices, found.connection_choices, found.tag_choices
    found.menus = sha256(repr(offered).encode()).hexdigest()
    return found


def of_kind(kind: str, rows: QuerySet, *fields: str | KeyTextTransform) -> QuerySet:
    """`rows` with their `kind`, as one part of a union: of the same width, in no order."""
    first = rows.model.objects.filter(pk__in=rows.values("pk")[:MOST]).order_by()
    texts = [*fields, *[Value("", CharField())] * (3 - len(fields))]
    return first.values_list(Value(kind, CharField()), "pk", *texts)


def of_others() -> QuerySet:
    return SavedView.objects.filter(shared=True).exclude(user=slot("user"))


def everything() -> QuerySet:
    return of_kind("agent", Agent.objects.filter(gone_at=None), "name", "label", "api_id").union(
        of_kind(
            "connection", Connection.objects.filter(gone_at=None), "telephony_provider", "label", "api_id"
        ),
        of_kind("tag", Tag.objects.all(), "name"),
        of_kind("figures", Figures.objects.all(), KT("counts__owned")),
        of_kind("view", SavedView.objects.filter(user=slot("user")), "name", "query"),
        of_kind("view", of_others(), "name", "query", "user__username"),
        all=True,
    )


CHOICES = Prepared(everything)
