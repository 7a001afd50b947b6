"""A simulated book in the shapes in which DATEV, HubSpot, Qualtrics and Zendesk export theirs.

In: the frames of a book, and the zone of the survey account. Out: text files in a folder. Each system has account ids
of its own: debtor numbers, company ids, organisations. What a format has no place for is not written.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

Frames = Mapping[str, pd.DataFrame]

#: Ids of the systems: the number of the account is added.
DEBTORS, COMPANIES, ORGANISATIONS = 10_000, 9_000_000_000, 370_000_000_000
#: What lies between the first and the last debtor number of four-digit ledger accounts.
MOST_ACCOUNTS = 59_999
BANK, REVENUE, TAX_RATE = 1200, 8400, 0.19
_DATEV_BOOKINGS = (
    "Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz", "WKZ Basis-Umsatz",
    "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum", "Belegfeld 1", "Belegfeld 2", "Skonto",
    "Buchungstext",
)  # fmt: skip
_DATEV_MASTERS = (
    "Konto", "Name (Adressatentyp Unternehmen)", "Name (Adressatentyp natürl. Person)",
    "Vorname (Adressatentyp natürl. Person)", "Name (Adressatentyp keine Angabe)", "Adressatentyp", "EU-Land",
    "EU-USt-IdNr.", "Ort", "Land", "E-Mail",
)  # fmt: skip
_QUALTRICS = {
    "StartDate": "startDate", "EndDate": "endDate", "Status": "status", "Progress": "progress", "Finished": "finished",
    "RecordedDate": "recordedDate", "ResponseId": "_recordId", "ExternalReference": "externalDataReference",
    "DistributionChannel": "distributionChannel", "UserLanguage": "userLanguage", "Q1_NPS_GROUP": "QID1_NPS_GROUP",
    "Q1": "QID1",
}  # fmt: skip
PRIORITIES = {"critical": "urgent"}


def _records(frame: pd.DataFrame) -> Iterator[Any]:
    yield from frame.itertuples(index=False)


def number_of(account_id: str) -> int:
    """Return the number in the id of a simulated account."""
    return int(account_id[1:])


def mail_domain(account_id: str) -> str:
    """Return the e-mail domain of an account: no two have the same."""
    return f"kunde-{number_of(account_id)}.example"


def write_datev(book: Frames, out: Path, _: str) -> None:
    """Write the master data, and the bookings of each year: invoices gross, and the payment of each."""
    accounts = book["accounts"]
    masters = [
        (DEBTORS + number_of(row.account_id), row.name, "", "", "", 2, row.country, "", "", row.country,
         f"rechnung@{mail_domain(row.account_id)}")
        for row in _records(accounts)
    ]  # fmt: skip
    _write_datev(out / "datev_stammdaten.csv", 16, "Debitoren/Kreditoren", 20230101, _DATEV_MASTERS, masters)
    invoices = book["invoices"]
    years = pd.to_datetime(invoices["invoiced_on"]).dt.year
    for year, rows in invoices.groupby(years, sort=True):
        bookings = [line for row in _records(rows) for line in _bookings(row)]
        path = out / f"datev_buchungsstapel_{year}.csv"
        _write_datev(path, 21, "Buchungsstapel", int(f"{year}0101"), _DATEV_BOOKINGS, bookings)


def _bookings(row: Any) -> Iterable[tuple[Any, ...]]:
    """Yield the booking of an invoice or credit note, unsigned, and that of its payment."""
    debtor = DEBTORS + number_of(row.account_id)
    gross = f"{abs(round(row.amount * (1 + TAX_RATE), 2)):.2f}".replace(".", ",")
    day = f"{row.invoiced_on.day:02}{row.invoiced_on.month:02}"
    side, other = ("S", "H") if row.amount >= 0 else ("H", "S")
    yield gross, side, "", "", "", "", debtor, REVENUE, "", day, row.invoice_id, "", "", "Rechnung"
    yield gross, other, "", "", "", "", debtor, BANK, "", day, row.invoice_id, "", "", "Zahlung"


def _write_datev(
    path: Path, category: int, title: str, first: int, headings: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a file of DATEV's: what it is, headings, rows; in Windows's code page where it holds every sign."""
    top = ["EXTF", 700, category, title, 13, "20260101120000000", "", "RE", "", "", 1001, 1, first, 4, first]
    top += [first + 1130, title, "", 1, 0, 0, "EUR", *[""] * 9]
    text = _csv([top, headings, *rows], ";")
    try:
        path.write_bytes(text.encode("cp1252"))
    except UnicodeEncodeError:
        path.write_bytes(text.encode("utf-8"))


def write_hubspot(book: Frames, out: Path, _: str) -> None:
    """Write companies, contacts and won deals, as a replication service has them."""
    companies = [
        (COMPANIES + number_of(row.account_id), "false", row.name, f"{row.customer_since} 00:00:00", row.industry,
         row.country, row.account_manager, mail_domain(row.account_id), row.customer_since)
        for row in _records(book["accounts"])
    ]  # fmt: skip
    heading = "id,is_deleted,property_name,property_createdate,property_industry,property_country,"
    heading += "property_hubspot_owner_id,property_domain,property_customer_since"
    _write(out / "hubspot_companies.csv", [heading.split(","), *companies])
    contacts = [
        (row.contact_id, "FALSE", row.email, *_halves(row.name), row.role, row.phone, f"{row.valid_from} 00:00:00",
         COMPANIES + number_of(row.account_id))
        for row in _records(book["contacts"])
    ]  # fmt: skip
    heading = "id,_fivetran_deleted,property_email,property_firstname,property_lastname,property_jobtitle,"
    heading += "property_phone,property_createdate,property_associatedcompanyid"
    _write(out / "hubspot_contacts.csv", [heading.split(","), *contacts])
    deals = [
        (row.contract_id, "false", "default", "closedwon", row.annual_value, f"{row.starts_on} 00:00:00",
         COMPANIES + number_of(row.account_id), row.ends_on)
        for row in _records(book["contracts"])
    ]  # fmt: skip
    heading = "deal_id,is_deleted,deal_pipeline_id,deal_pipeline_stage_id,property_amount,property_closedate,"
    heading += "property_associatedcompanyid,property_contract_end"
    _write(out / "hubspot_deals.csv", [heading.split(","), *deals])


def _halves(name: str) -> tuple[str, str]:
    first, _, last = str(name).partition(" ")
    return first, last


def write_qualtrics(book: Frames, out: Path, zone: str) -> None:
    """Write the answers, with three header rows and times in the zone that the third row names."""
    surveys = book["surveys"]
    answers = surveys[surveys["answered_at"].notna()]
    times = answers["answered_at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        (at, at, "IP Address", 100, "True", at, row.survey_id, DEBTORS + number_of(row.account_id), row.channel, "DE",
         _group(row.score), "" if pd.isna(row.score) else row.score)
        for row, at in zip(_records(answers), times, strict=True)
    ]  # fmt: skip
    titles = [
        name if name != "Q1" else "Wie wahrscheinlich ist es,\ndass Sie uns weiterempfehlen?" for name in _QUALTRICS
    ]
    ids = [
        f'{{"ImportId":"{each}"' + (f',"timeZone":"{zone}"' if each.endswith("Date") else "") + "}"
        for each in _QUALTRICS.values()
    ]
    _write(out / "qualtrics.csv", [list(_QUALTRICS), titles, ids, *rows])


def _group(score: Any) -> str:
    if pd.isna(score):
        return ""
    return "Promoter" if score >= 9 else "Passive" if score >= 7 else "Detractor"


def write_zendesk(book: Frames, out: Path, _: str) -> None:
    """Write organisations, which bear the debtor number, and tickets, whose last change closes them."""
    organisations = [
        (ORGANISATIONS + number_of(row.account_id), "2020-01-01T00:00:00Z", DEBTORS + number_of(row.account_id),
         row.name, "false", "false")
        for row in _records(book["accounts"])
    ]  # fmt: skip
    heading = "id,created_at,external_id,name,shared_comments,shared_tickets"
    _write(out / "zendesk_organizations.csv", [heading.split(","), *organisations])
    tickets = [
        (row.ticket_id, ORGANISATIONS + number_of(row.account_id), 1, 1, _zulu(row.opened_at),
         _zulu(row.opened_at if pd.isna(row.closed_at) else row.closed_at),
         "open" if pd.isna(row.closed_at) else "closed", PRIORITIES.get(row.severity, row.severity), row.kind, "[]")
        for row in _records(book["tickets"])
    ]  # fmt: skip
    heading = "id,organization_id,requester_id,ticket_form_id,created_at,updated_at,status,priority,type,"
    heading += "merged_ticket_ids"
    _write(out / "zendesk_tickets.csv", [heading.split(","), *tickets])


def _zulu(instant: Any) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}Z"


def _csv(rows: Iterable[Sequence[Any]], delimiter: str = ",") -> str:
    text = StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows(["" if pd.isna(cell) else cell for cell in row] for row in rows)
    return text.getvalue()


def _write(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    path.write_bytes(_csv(rows).encode("utf-8"))


#: System -> what writes its files.
WRITERS: Mapping[str, Callable[[Frames, Path, str], None]] = {
    "datev": write_datev,
    "hubspot": write_hubspot,
    "qualtrics": write_qualtrics,
    "zendesk": write_zendesk,
}
