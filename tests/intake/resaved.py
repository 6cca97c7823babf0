"""Numbers as the files in tests/data/resaved have them: our export, saved again by a spreadsheet."""

from numbers.models import Agent, Connection, Number, Tag

NUMBERS = {
    "+14155550100": {"label": "=1+1", "description": "Two\nlines"},
    "+14155550101": {"label": "Caf\xe9 \u2013 Z\xfcrich", "description": 'He said "hi", then; left'},
    "+14155550102": {"label": "two  spaces", "outbound_only": True},
    "+14155550103": {"label": " padded ", "description": "-5 and 'quoted'"},
    "+14155550104": {"label": "a;b,c|d", "description": "@home"},
    "+442079460958": {"label": "London", "description": ""},
}


def keep_numbers() -> None:
    """The books of which the files are an export."""
    agent = Agent.objects.create(api_id="6f1c1a52-33a1-4a0c-9f6e-1d2f3b4c5d6e", name="Zo\xe9\u2019s  Line")
    connection = Connection.objects.create(api_id="c-1", label="Main", telephony_provider="twilio")
    tags = [Tag.objects.create(name=name) for name in ("west", "2026", "@vip")]
    for n, (e164, fields) in enumerate(NUMBERS.items()):
        number = Number.objects.create(
            e164=e164,
            telephony_provider="twilio",
            connection=connection,
            agent=agent if n % 2 else None,
            area_code=e164[2:5] if e164.startswith("+1") else "",
            **fields,
        )
        number.tags.set(tags[: n % 4])
