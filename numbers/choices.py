"""What the filters of the list offer, and one's own views of it: all in one query."""

from dataclasses import dataclass, field

from django.db.models import CharField, QuerySet, Value
from django.db.models.fields.json import KT, KeyTextTransform

from .models import Agent, Connection, Figures, SavedView, Tag
from .statements import Statement, slot

MOST = 500  # names that a list to choose from holds
VIEWS = 30  # that one person may keep


@dataclass(slots=True, kw_only=True)
class Choices:
    agents: list[Agent] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    views: list[SavedView] = field(default_factory=list)
    owned: int = 0  # how many numbers there were when they were counted last


def choices_for(user_id: int) -> Choices:
    """What there is to choose from, each kind in its order."""
    found = Choices()
    rows = CHOICES.rows(user=user_id)
    for kind, pk, one, two, three in sorted(rows, key=lambda row: (row[0], row[2], row[1])):
        if kind == "agent":
            found.agents.append(Agent(pk=pk, name=one, label=two, api_id=three))
        elif kind == "connection":
            found.connections.append(Connection(pk=pk, telephony_provider=one, label=two, api_id=three))
        elif kind == "figures":
            found.owned = int(one or 0)
        elif kind == "tag":
            found.tags.append(one)
        else:
            found.views.append(SavedView(pk=pk, name=one, query=two))
    return found


def of_kind(kind: str, rows: QuerySet, *fields: str | KeyTextTransform) -> QuerySet:
    """ROWS with their KIND, as one part of a union: of the same width, in no order."""
    first = rows.model.objects.filter(pk__in=rows.values("pk")[:MOST]).order_by()
    texts = [*fields, *[Value("", CharField())] * (3 - len(fields))]
    return first.values_list(Value(kind, CharField()), "pk", *texts)


def everything() -> QuerySet:
    return of_kind("agent", Agent.objects.filter(gone_at=None), "name", "label", "api_id").union(
        of_kind(
            "connection", Connection.objects.filter(gone_at=None), "telephony_provider", "label", "api_id"
        ),
        of_kind("tag", Tag.objects.all(), "name"),
        of_kind("figures", Figures.objects.all(), KT("counts__owned")),
        of_kind("view", SavedView.objects.filter(user=slot("user")), "name", "query"),
        all=True,
    )


CHOICES = Statement(everything)
