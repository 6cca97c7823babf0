"""What the bench compares the list with shows the same rows."""

from datetime import timedelta

from django.utils import timezone

from numbers.models import Agent, Connection, Number, Tag
from tests.bench import raw


def body(page: str) -> list[str]:
    return page[page.index("<tbody") : page.index("</tbody>")].strip().splitlines()


def test_the_raw_variant_writes_the_rows_of_the_page(staff):
    now = timezone.now().replace(year=2024)
    main = Connection.objects.create(api_id="c", label="Main & <b>", synced_at=now)
    agent = Agent.objects.create(api_id="a", name='Front "desk"', synced_at=now)
    gone = Agent.objects.create(api_id="g", name="Gone", synced_at=now, gone_at=now)
    whole = {"connection": main, "agent": agent, "bought_at": now, "bought_by": "ada", "label": "One's"}
    fields = [{}, whole, {"agent": gone, "drifted": True}, {"status": "gone"}, {"outbound_only": True}]
    for n, each in enumerate(fields):
        number = Number.objects.create(e164=f"+1415555{n:04}", **each)
    number.tags.add(Tag.objects.create(name="vip"), Tag.objects.create(name="west"))
    Number.objects.update(synced_at=now + timedelta(1))

    page = staff.get("/numbers/?size=100")
    raw.shell.clear()
    try:
        other = raw.raw_list(page.wsgi_request)
    finally:
        raw.shell.clear()
    assert body(other.text) == body(page.text)
    assert len(body(page.text)) == 1 + 2 * len(fields)
