"""Finding an area code, and what is for sale there: the part beside the purchase form."""

from collections.abc import Mapping

from numbers.forms.orders import synced_connection
from numbers.models import Number
from numbers.services.orders import availability
from numbers.telephony.area_codes import Area, areas, match, nearest, search, suggestion, wanted_by
from numbers.telephony.characters import plain
from numbers.telephony.numbering_plan import NotForSale, warning_about

MOST = 12  # areas that are listed
NEIGHBOURS = 5


def found(params: Mapping) -> dict:
    """What `params` search for: words in `find`, or else a row's area code; `digits` in the number."""
    typed = next((value for name, value in params.items() if name.startswith("area_code")), "")
    text = (params.get("find") or typed).replace("\x00", "").strip()[:60]
    digits = "".join(filter(str.isdigit, plain(params.get("digits", "")[:20])))[:7]
    result = {"text": text, "digits": digits}
    if not text:
        return result
    matching = search(text)
    shown = matching[:MOST]
    result |= {
        "count": len(matching),
        "areas": [
            about(area, idle) for idle in [availability.idle_in(a.code for a in shown)] for area in shown
        ],
        "more": len(matching) - len(shown),
    }
    if not matching:
        return result | {"what": what_is(text)}
    if not match(text):
        result |= {"instead": suggestion(text)}
    if wanted_by(text) in areas():
        result |= {"one": True, **of_one(matching[0], digits, params)}
    return result


def what_is(text: str) -> str:
    """What a code that is in no place is for, or "" where `text` is none."""
    try:
        return warning_about(code) if (code := wanted_by(text)).isdigit() and len(code) == 3 else ""
    except NotForSale as error:
        return str(error)


def about(area: Area, idle: dict[str, int]) -> dict:
    return {"area": area, "overlays": area.overlays, "idle": idle.get(area.code, 0)}


def of_one(area: Area, digits: str, params: Mapping) -> dict:
    """All about one area: its neighbours, what we own there, and what was for sale a moment ago."""
    neighbours = [near for near in nearest(area.code) if near.code not in area.overlays]
    answer = {
        "neighbours": neighbours[:NEIGHBOURS],
        "owned": Number.objects.owned().filter(area_code=area.code).count(),
    }
    if connection := synced_connection(params):
        answer |= {
            "connection": connection,
            "sale": availability.for_sale(
                area_code=area.code,
                digits=digits,
                telephony_provider=connection.telephony_provider,
                telephony_account_connection=connection.api_id,
            ),
        }
    return answer
