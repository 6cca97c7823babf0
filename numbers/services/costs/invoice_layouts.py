"""Which columns of a provider's file say what: those of known files, and those that a person has chosen.

Twilio bills phone numbers under the usage categories `phonenumbers…`; Telnyx breaks its monthly charges down
by number (`tn`) with a cost type (MRC, OTC) and the name of a service. A file is taken for one of these only
if it has a title that no other provider uses, and one title at most for each thing.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numbers.db.clock import db_now
from numbers.models import InvoiceLayout
from numbers.services.audit.events import Actor
from numbers.services.csv_tables import BadTable, Columns, key_of_column, read_titles

NUMBER, AMOUNT, DAY, CURRENCY, KIND, DETAIL = "number", "amount", "day", "currency", "kind", "detail"
REQUIRED = (NUMBER, AMOUNT)
#: What a person may choose; KIND with the words that the rows to be counted have there.
CHOSEN = {
    NUMBER: "Phone number",
    AMOUNT: "Amount",
    DAY: "Date or start date",
    CURRENCY: "Currency",
    KIND: "Kind of charge",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How the files of one provider are laid out, under any of the titles that it has used.

    `rental`: what the kind and the detail of a row say where it is about having the number.
    """

    name: str
    marks: Sequence[str]
    titles: Mapping[str, Sequence[str]]
    rental: re.Pattern[str]
    currency: str = ""


#: Charges that name a phone number and are for something else than having it.
BESIDES = r"(?!.*(?:lookup|verif|emergency|e-?911|caller|cnam|\bport(?:ed|ing|s)?\b|minutes?\b|messages?\b))"
KNOWN = {
    "twilio": Known(
        name="Twilio",
        marks=("Account SID", "Price Unit", "Usage Category", "Phone Number SID", "Count Unit", "Usage Unit"),
        titles={
            NUMBER: ("Phone Number", "Number"),
            AMOUNT: ("Price", "Amount", "Total Price"),
            DAY: ("Start Date", "Date"),
            CURRENCY: ("Price Unit", "Currency"),
            KIND: ("Category", "Usage Category"),
            DETAIL: ("Description", "Product", "Item"),
        },
        rental=re.compile(BESIDES + r".*phone[ _-]?numbers?", re.IGNORECASE),
    ),
    "telnyx": Known(
        name="Telnyx",
        marks=("tn", "charge_type", "cost_type", "service_owner_email", "service_owner_user_id", "MRC"),
        titles={
            NUMBER: ("tn", "Phone Number", "Number", "DID"),
            AMOUNT: ("cost", "MRC", "Amount"),
            DAY: ("start_date", "Date", "event_date"),
            CURRENCY: ("currency",),
            KIND: ("cost_type",),
            DETAIL: ("name", "service", "service_name", "description"),
        },
        rental=re.compile(BESIDES + r"(?:.*\b(?:DIDs?|numbers?)\b|(?:MRC|OTC)?\s*$)", re.IGNORECASE),
        currency="USD",  # "All prices within the invoice are in USD"
    ),
}


@dataclass(frozen=True, slots=True)
class Titles(Columns):
    """Exactly the chosen titles count; all others of the file are no concern of ours."""

    others: Sequence[str] = ()

    def known(self) -> dict[str, str]:
        found = {key_of_column(title): "" for title in self.others}
        for name, titles in self.names.items():
            found |= {key_of_column(title): name for title in titles}
        return found

    def near(self, key: str) -> str:  # noqa: ARG002 -- whatever else stands there is fine
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The titles that count in one file, by what they say.

    rental and only say which rows are about having a number: by a pattern, or by a person's words.
    """

    columns: Mapping[str, str]
    rental: re.Pattern[str] | None = None
    only: Sequence[str] = field(default=())
    currency: str = ""

    def is_rental(self, kind: str, detail: str) -> bool:
        if self.only:
            return any(word in kind.casefold() for word in self.only)
        if self.rental and (KIND in self.columns or DETAIL in self.columns):
            return bool(self.rental.match(" ".join(filter(None, [kind.strip(), detail.strip()]))))
        return True

    def table(self, titles: Sequence[str]) -> Titles:
        """For the reader of tables."""
        mine = {key_of_column(title) for title in self.columns.values()}
        others = [title for title in titles if key_of_column(title) not in mine]
        return Titles(names={name: [title] for name, title in self.columns.items()}, others=others)


class OtherProvider(BadTable):
    """A file that another provider has written."""


def titles_of(content: bytes) -> list[str]:
    """The titles of a file's header. Raises BadTable."""
    words = [title for known in KNOWN.values() for titles in known.titles.values() for title in titles]
    words += [mark for known in KNOWN.values() for mark in known.marks]
    words += [title for row in InvoiceLayout.objects.all() for title in row.columns.values()]
    return read_titles(io.BytesIO(content), Titles(names={"any": words}))


def layout_of(telephony_provider: str, titles: Sequence[str]) -> Layout | None:
    """How a file with these titles is read: as a person has said, or as the provider writes it; else None.

    Raises OtherProvider.
    """
    keys = [key_of_column(title) for title in titles]
    for row in InvoiceLayout.objects.filter(telephony_provider=telephony_provider):
        if all(keys.count(key_of_column(title)) == 1 for title in row.columns.values()):
            return chosen(row.columns, row.only)
    marked = {name for name, known in KNOWN.items() if set(map(key_of_column, known.marks)) & set(keys)}
    if telephony_provider in marked:
        return recognized(KNOWN[telephony_provider], titles)
    if marked:
        name = " or ".join(KNOWN[one].name for one in sorted(marked))
        raise OtherProvider(f"This looks like a file from {name}. Choose that provider's account.")
    return None


def recognized(known: Known, titles: Sequence[str]) -> Layout | None:
    """The layout of a file that a known provider wrote; None where a column could be one of two, or none."""
    columns = {}
    for name, others in known.titles.items():
        by_key = {key_of_column(title): n for n, title in enumerate(others)}
        found = [title for title in titles if key_of_column(title) in by_key]
        if len(found) > 1 and name not in (KIND, DETAIL):
            return None
        if found:
            columns[name] = min(found, key=lambda title: by_key[key_of_column(title)])
    if not set(REQUIRED) <= columns.keys():
        return None
    return Layout(columns=columns, rental=known.rental, currency=known.currency)


def chosen(columns: Mapping[str, str], only: str) -> Layout:
    """The layout that a person has chosen; `only` are words, separated by commas."""
    words = [word.strip().casefold() for word in only.split(",") if word.strip()]
    return Layout(columns=dict(columns), only=words if KIND in columns else ())


def remember(*, by: Actor, telephony_provider: str, columns: Mapping[str, str], only: str) -> InvoiceLayout:
    """Keep which columns count, so that the next file of its kind needs nobody; the newest is tried first."""
    InvoiceLayout.objects.filter(telephony_provider=telephony_provider, columns=dict(columns)).delete()
    return InvoiceLayout.objects.create(
        telephony_provider=telephony_provider,
        columns=dict(columns),
        only=only,
        set_by_name=by.name,
        set_at=db_now(),
    )
