"""The calls of the vocode-api package, made with it in an environment that has it.

Run as ``python vocode_calls.py URL TOKEN FOUND``, where FOUND tells as JSON what there is. Prints one
line of JSON a call: its name and, where the package could make nothing of the answer, its error.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from vocode.client import Vocode


def calls(client: Vocode, *, agent: str, connection: str, owned: str, held: list[str]) -> dict[str, Callable]:
    """By name, in the order in which they make sense. HELD are two numbers that CONNECTION could link."""
    numbers = client.numbers
    line = {"telephony_provider": "twilio", "telephony_account_connection": connection}
    link = {"telephony_account_connection": connection}
    return {
        "buy anything": numbers.buy_number,
        "buy in an area": lambda: numbers.buy_number(area_code="312", inbound_agent="default"),
        "buy for an agent": lambda: numbers.buy_number(area_code="646", inbound_agent=agent, **line),
        "list": numbers.list_numbers,
        "list a sorted page": lambda: numbers.list_numbers(
            page=2, size=1, sort_column="number", sort_desc=True
        ),
        "get": lambda: numbers.get_number(phone_number=owned),
        "update the label": lambda: numbers.update_number(phone_number=owned, label="Front desk"),
        "update the agent": lambda: numbers.update_number(phone_number=owned, inbound_agent=agent),
        "update the rest": lambda: numbers.update_number(
            phone_number=owned, outbound_only=True, example_context={"name": "Ann"}
        ),
        "link": lambda: numbers.link_number(phone_number=held[0], **link),
        "link to an agent": lambda: numbers.link_number(
            phone_number=held[1], outbound_only=True, inbound_agent=agent, **link
        ),
        "get what was linked": lambda: numbers.get_number(phone_number=held[1]),
        "cancel": lambda: numbers.cancel_number(phone_number=owned),
        "list agents": client.agents.list_agents,
        "list connections": client.account_connections.list_account_connections,
    }


def main(url: str, token: str, found: str) -> None:
    client: Any = Vocode(base_url=url, token=token)
    for name, call in calls(client, **json.loads(found)).items():
        try:
            call()
            error = ""
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}".replace("\n", " ")
        sys.stdout.write(json.dumps({"call": name, "error": error[:200]}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
