"""The pages of invoices and their command: what is wrong, where it leads, and who may do what."""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from numbers.models import Invoice, InvoiceLayout
from numbers.permissions import Role
from numbers.services.costs import invoices
from tests.services.costs.test_invoices import OWN, own_file
from tests.support.books import run_worker_until_idle
from tests.support.invoices import MONTH, TWILIO, Books, as_file, twilio_invoice
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    return Books("twilio", "617")


def form(content: bytes, **fields) -> dict:
    file = SimpleUploadedFile("october.csv", content, content_type="text/csv")
    return {"account": "twilio ", "month": f"{MONTH}", "currency": "USD", "file": file} | fields


def test_an_upload_leads_to_what_is_wrong_with_a_link_and_a_next_step_each(staff, books):
    rows, planted = twilio_invoice(books)
    answer = staff.post("/invoices/", form(as_file(rows, TWILIO)))
    invoice = Invoice.objects.get()
    assert answer["Location"] == f"/invoices/{invoice.pk}/"
    text = staff.get(answer["Location"]).text
    for e164, kind in planted.items():
        assert f'data-finding="{kind}" data-number="{e164}"' in text
        assert (f'href="/numbers/{e164}/"' in text) == (kind != "strange")
    assert 'href="/numbers/link/?phone_number=%2B16175559002"' in text
    assert "Ask the provider for a credit" in text
    assert "Billed $2.15. Our price is $1.15." in text
    alone = staff.get(f"/invoices/{invoice.pk}/?kind=away").text
    assert (alone.count("data-finding="), 'data-finding="away"' in alone) == (1, True)
    file = b"".join(staff.get(f"/invoices/{invoice.pk}/findings.csv").streaming_content).decode()
    assert len(file.splitlines()) == 1 + len(planted)
    assert "Differs" in staff.get("/invoices/").text


def test_the_link_of_a_strange_number_fills_in_the_form(staff):
    assert 'value="+16175559002"' in staff.get("/numbers/link/?phone_number=%2B16175559002").text


def test_unknown_columns_are_asked_for_on_its_page(staff, books):
    address = staff.post("/invoices/", form(own_file(books)))["Location"]
    text = staff.get(address).text
    assert "Choose the columns" in text
    assert all(f'<option value="{title}">' in text for title in OWN)
    chosen = {"number": "Rufnummer", "amount": "Betrag", "kind": "Art"}
    refused = staff.post(address, chosen)
    assert (refused.status_code, "together with the words" in refused.text) == (422, True)
    assert staff.post(address, chosen | {"only": "Miete"})["Location"] == address
    assert "The invoice matches our records" in staff.get(address).text
    assert staff.post(address, chosen)["Location"] == address  # too late, and said
    again = staff.post("/invoices/", form(own_file(books)))["Location"]
    assert "The invoice matches our records" in staff.get(again).text
    assert InvoiceLayout.objects.count() == 1


def test_a_big_file_is_followed_until_a_worker_has_matched_it(staff, books, monkeypatch):
    monkeypatch.setattr(invoices, "AT_ONCE", 3)
    rows, _ = twilio_invoice(books)
    address = staff.post("/invoices/", form(as_file(rows, TWILIO)))["Location"]
    text = staff.get(address).text
    assert "Comparing the file with our records." in text
    run_worker_until_idle()
    assert staff.get(address).text.count("data-finding=") == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "This file is empty."),
        (b"PK\x03\x04rest", "not CSV"),
        (b"tn,cost\n+14155550123,1\n", "This looks like a file from Telnyx."),
    ],
)
def test_what_is_no_invoice_is_told_beside_the_file(staff, content, says):
    answer = staff.post("/invoices/", form(content))
    assert (answer.status_code, says in answer.text) == (422, True)
    assert not Invoice.objects.exists()


def test_another_month_is_told_on_the_page(staff, books):
    rows, _ = twilio_invoice(books)
    rows = [row | {"Start Date": "2020-01-05"} for row in rows]
    address = staff.post("/invoices/", form(as_file(rows, TWILIO)))["Location"]
    text = staff.get(address).text
    assert "The file covers January 2020" in text
    assert "Nothing was compared." in text


def test_a_viewer_sees_invoices_and_uploads_none(client, books):
    client.force_login(person("vera", Role.VIEWER))
    text = client.get("/invoices/").text
    assert "Upload an invoice" not in text
    assert client.post("/invoices/", form(b"x")).status_code == 403


def test_the_command_says_the_same_with_its_exit_code(books, tmp_path):
    rows, planted = twilio_invoice(books)
    path = tmp_path / "october.csv"
    path.write_bytes(as_file(rows, TWILIO))
    about = ["--telephony-provider", "twilio", "--month", f"{MONTH:%Y-%m}"]
    code, out, _ = run(str(path), *about, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert (code, {row["number"]: row["kind"] for row in found}) == (1, planted)
    assert set(found[0]) == set(invoices.FINDING_COLUMNS)
    path.write_bytes(own_file(books))
    code, _, err = run(str(path), *about)
    assert (code, "Rufnummer, Betrag, Art" in err) == (2, True)
    columns = [f"--column={what}" for what in ("number=Rufnummer", "amount=Betrag", "kind=Art")]
    code, out, _ = run(str(path), *about, "--part", *columns, "--only", "Miete")
    assert (code, "The invoice matches our records." in out) == (0, True)
    assert run(str(path), *about, "--part")[0] == 0  # remembered
    for wrong in (["--month", "10/2026"], ["--telephony-provider", "acme"], ["--currency", "XYZ"],
                  ["--telephony-account-connection", "none"]):  # fmt: skip
        assert run(str(path), *about, *wrong)[0] == 2
    assert run("no-such-file.csv", *about)[0] == 2


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("invoice", *arguments, stdout=out, stderr=err)
    return ended.value.code, out.getvalue(), err.getvalue()
