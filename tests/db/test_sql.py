"""What each database makes of our own SQL."""

import pytest
from django.db import connection
from django.db.models import OuterRef

from numbers.db.sql import ForEach
from numbers.models import Line, Order
from numbers.states import LineState
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db


def test_what_exists_is_looked_up_for_each_row_and_not_read_as_a_whole():
    wanted, _ = bare_line(LineState.UNKNOWN), bare_line(LineState.PLANNED)
    lines = Line.objects.filter(order=OuterRef("pk"), state=LineState.UNKNOWN)
    orders = Order.objects.filter(ForEach(lines))
    assert list(orders) == [wanted.order]
    assert ("SubPlan" if connection.vendor == "postgresql" else "CORRELATED") in orders.explain()
