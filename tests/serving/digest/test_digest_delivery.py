"""Digests by mail and to Slack: over TLS to a real server, once a week, tried again; what is not known is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.mailing import PASSWORD, USER, Mailbox, certificate_in, mail_server
from support.portfolios import EVA, EVIL, JAN
from support.served import free_port
from support.webhooks import receiving

from features.errors import InputError
from serving.database.engine import reading
from serving.digest.digest_ledger import forget_in_digests
from serving.digest.digest_tables import DIGESTS, STANDINGS
from serving.digest.mail import Server, message_of
from serving.digest.managers_file import Manager, Managers
from serving.digest.rounds import PAUSES, Postman, Sent, make_all
from serving.settings import ServiceSettings
from serving.store import ScoreStore

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
MAILS = {EVA: {"email": "eva@company.example", "lang": "de"}, JAN: {"email": "jan@company.example"}}


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as made:
        yield made


class Office:
    """Sends the digests of a store through a server on a port, and waits for nothing."""

    def __init__(self, store: ScoreStore, port: int, managers: Any = MAILS, **settings: Any) -> None:
        self.store, self.waits = store, list[float]()
        plain = {
            "mail_host": "127.0.0.1",
            "mail_port": port,
            "mail_security": "none",
            "mail_from": "risk@company.example",
        }
        self.settings = ServiceSettings(**plain | {"webhook_private": True, "alerts": ""} | settings)
        self.managers = Managers({name: Manager(**fields) for name, fields in managers.items()})

    def send(self, now: datetime = NOW, again: bool = False) -> Sent:
        made = make_all(self.store.engine, self.settings, self.managers, None, "en", now)
        postman = Postman(self.store.engine, self.settings, self.managers, lambda: now, self.waits.append)
        return postman.send(made, again)

    def ledger(self) -> list[tuple[str, str, int, str]]:
        names = ("account_manager", "period", "number", "state")
        query = sa.select(*(DIGESTS.c[name] for name in names)).order_by(DIGESTS.c.digest_id)
        with reading(self.store.engine) as connection:
            return [tuple(row) for row in connection.execute(query)]


def test_a_mail_over_starttls_with_a_password(
    store: ScoreStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificate_in(tmp_path)
    with mail_server(certificate) as mailbox:
        office = Office(store, mailbox.port, mail_security="starttls", mail_user=USER, mail_password=PASSWORD)
        done = office.send()
        assert not done.sent and "CERTIFICATE_VERIFY_FAILED" in done.not_sent[0][2], "nobody vouches for it"
        assert len(done.not_sent) == 2 and office.waits == [], "no second attempt changes that"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        wrong = Office(store, mailbox.port, mail_security="starttls", mail_user=USER, mail_password="wrong").send()
        assert [why[:3] for _, _, why in wrong.not_sent] == ["535", "535"] and not mailbox.messages
        assert office.send() == Sent(sent=[(EVA, "mail"), (JAN, "mail")])
    assert mailbox.receivers == ["eva@company.example", "jan@company.example"]
    message = mailbox.messages[0]
    assert message["To"] == "Eva Groß <eva@company.example>" and message["From"] == "churn-risk <risk@company.example>"
    assert message["Subject"] == "KW 2: 2 Kunden zum Anrufen, 1 Veränderung" and message["Auto-Submitted"]
    assert message["Date"] == "Wed, 07 Jan 2026 09:00:00 +0000" and message["Message-ID"].endswith("@company.example>")
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert EVIL in text.get_content() and EVIL not in html.get_content() and "&lt;script&gt;" in html.get_content()
    assert max(map(len, message.as_bytes().splitlines())) < 998


def test_nobody_gets_one_twice_in_a_week(store: ScoreStore, mailbox: Mailbox) -> None:
    office = Office(store, mailbox.port)
    assert office.send().sent == [(EVA, "mail"), (JAN, "mail")]
    assert office.send(NOW + timedelta(days=4)) == Sent(already=[(EVA, "mail"), (JAN, "mail")])
    assert len(mailbox.messages) == 2
    assert office.send(NOW + timedelta(days=4), again=True).sent == [(EVA, "mail"), (JAN, "mail")]
    assert office.send(NOW + timedelta(days=5)).sent == [(EVA, "mail"), (JAN, "mail")], "another week"
    assert [row[1:] for row in office.ledger() if row[0] == EVA] == [
        ("2026-W02", 1, "sent"), ("2026-W02", 2, "sent"), ("2026-W03", 1, "sent"),
    ]  # fmt: skip
    assert [message["Subject"] for message in mailbox.messages[::2]] == [
        "KW 2: 2 Kunden zum Anrufen, 1 Veränderung", "KW 2: 2 Kunden zum Anrufen, 1 Veränderung",
        "KW 3: 2 Kunden zum Anrufen",
    ]  # fmt: skip


def test_what_is_refused_is_tried_again_and_then_listed(store: ScoreStore, mailbox: Mailbox) -> None:
    office = Office(store, mailbox.port)
    mailbox.replies = {"eva@company.example": ["451 4.7.1 greylisted"], "jan@company.example": ["550 no such user"]}
    done = office.send()
    assert done == Sent(sent=[(EVA, "mail")], not_sent=[(JAN, "mail", "550 no such user")])
    assert office.waits == [PAUSES[0]] and mailbox.receivers == ["eva@company.example"]
    assert office.send() == Sent(already=[(EVA, "mail")], sent=[(JAN, "mail")]), "the next run tries what was not sent"
    assert [row[3] for row in office.ledger()] == ["sent", "sent"]


def test_a_server_that_is_away(store: ScoreStore) -> None:
    office = Office(store, free_port())
    done = office.send()
    assert office.waits == list(PAUSES) and not done.sent
    assert [(name, why.partition(":")[0]) for name, _, why in done.not_sent] == [
        (EVA, "ConnectionRefusedError"), (JAN, "ConnectionRefusedError"),
    ]  # fmt: skip
    assert [row[3] for row in office.ledger()] == ["failed"], "the second was not even begun"


def test_what_may_have_been_sent_is_not_sent_again(
    store: ScoreStore, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(store, mailbox.port, {EVA: MAILS[EVA]})
    mailbox.cut = True
    done = office.send()
    assert [entry[:2] for entry in done.uncertain] == [(EVA, "mail")] and len(mailbox.messages) == 1
    mailbox.cut = False
    assert len(office.send().uncertain) == 1 and len(mailbox.messages) == 1
    with monkeypatch.context() as patch:  # The process dies between the server's yes and the ledger.
        patch.setattr("serving.digest.rounds.settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            office.send(again=True)
    assert len(mailbox.messages) == 2 and len(office.send().uncertain) == 1 and len(mailbox.messages) == 2
    assert office.send(again=True).sent == [(EVA, "mail")] and len(mailbox.messages) == 3
    assert [row[2:] for row in office.ledger()] == [(1, "sending"), (2, "sending"), (3, "sent")]


def test_no_name_can_add_a_header(store: ScoreStore) -> None:
    made = make_all(store.engine, ServiceSettings(), Managers({}), EVA, "en", NOW).digests[0].digest
    evil = "Eva\r\nBcc: all@x.example\r\n\r\n<b>"
    message = message_of(replace(made, subject=evil), "a@b.example", "c@d.example", f'"{evil}", ', "id", NOW)
    sent = message_from_bytes(message.as_bytes(), policy=default)
    assert "Bcc" not in sent and sent["Subject"] == "Eva Bcc: all@x.example <b>"
    assert [each.addr_spec for each in sent["To"].addresses] == ["c@d.example"]
    assert sent.get_content_type() == "multipart/alternative"


def test_slack_gets_the_same_once(store: ScoreStore) -> None:
    with receiving() as receiver:
        receiver.answers(500)
        office = Office(store, 1, {EVA: {"slack": receiver.url, "lang": "de"}})
        done = office.send()
        assert [entry[:2] for entry in done.not_sent] == [(JAN, None), (EVA, "slack")]
        receiver.answers(200)
        assert office.send().sent == [(EVA, "slack")] and office.send().already == [(EVA, "slack")]
        private = Office(store, 1, {EVA: {"slack": receiver.url}}, webhook_private=False).send(again=True)
        assert "not in the internet" in private.not_sent[-1][2]
    assert len(receiver.received) == 1 + len(PAUSES) + 1
    text = json.loads(receiver.received[-1].body)["text"]
    assert text.startswith("*Ihre Kunden in KW 2*") and "Ärzteverlag: 42" in text and EVIL not in text


def test_what_is_kept_is_forgotten_with_the_account(store: ScoreStore, mailbox: Mailbox) -> None:
    Office(store, mailbox.port).send()
    with store.engine.begin() as connection:
        assert forget_in_digests(connection, "E1") == {"digest_standings": 1}
        assert "E1" not in connection.execute(sa.select(STANDINGS.c.account_id)).scalars().all()


def test_settings_that_would_send_nothing_or_the_password_to_all() -> None:
    with pytest.raises(InputError) as refused:
        Server.of(ServiceSettings(mail_host="mx.example", mail_user="u", mail_security="none", mail_from="no address"))
    told = str(refused.value)
    assert "CHURN_RISK_MAIL_FROM='no address' is no e-mail address" in told and "CHURN_RISK_MAIL_PASSWORD" in told
    assert "for everybody to read" in told
    assert "hunter2" not in repr(
        Server.of(ServiceSettings(mail_host="mx", mail_user="u", mail_password="hunter2", mail_from="a@b"))
    )
