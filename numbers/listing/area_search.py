"""Finding an area code, and what is for sale there: the part beside the purchase form."""

from collections.abc import Mapping

from ..areas import Area, areas, nearest, search, suggestion
from ..forms import synced_connection
from ..models import Number
from ..services import finding

MOST = 12  # areas that are listed
NEIGHBOURS = 5


def found(params: Mapping) -> dict:
    """What PARAMS search for: words in `find`, or else a row's area code; `digits` in the number."""
    typed = next((value for name, value in params.items() if name.startswith("area_code")), "")
    text = (params.get("find") or typed).replace("\x00", "").strip()[:60]
    digits = "".join(c for c in params.get("digits", "")[:20] if c in "0123456789")[:7]
    result = {"text": text, "digits": digits}
    if not text:
        return result
    matching = search(text)
    shown = matching[:MOST]
    result |= {
        "count": len(matching),
        "areas": [about(area, idle) for idle in [finding.idle_in(a.code for a in shown)] for area in shown],
        "more": len(matching) - len(shown),
    }
    if not matching:
        return result | {"suggestion": suggestion(text)}
    if text in areas():
        result |= {"one": True, **of_one(matching[0], digits, params)}
    return result


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
            "sale": finding.for_sale(
                area_code=area.code,
                digits=digits,
                telephony_provider=connection.telephony_provider,
                telephony_account_connection=connection.api_id,
            ),
        }
    return answer
