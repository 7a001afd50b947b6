"""One digest by e-mail: the message is made, and handed to the mail server of the settings."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from features.errors import InputError
from serving.digest.digest import Digest
from serving.digest.digest_html import html_of, one_line, text_of
from serving.digest.managers_file import is_address
from serving.digest.outcomes import Outcome
from serving.networks import is_loopback
from serving.settings import ServiceSettings

PORTS = {"starttls": 587, "tls": 465, "none": 25}
#: Longest wait for one answer of the server.
SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """The mail server, as the settings name it."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    user: str | None
    password: str = field(repr=False)

    @classmethod
    def of(cls, settings: ServiceSettings) -> Server:
        """Return the server of the settings; raises InputError with everything that is missing or wrong."""
        password, host = settings.mail_secret(), settings.mail_host or ""
        problems = list(_problems(settings, host, password))
        if problems:
            raise InputError("digests cannot be sent by e-mail:\n" + "\n".join(f"- {problem}" for problem in problems))
        port = settings.mail_port or PORTS[settings.mail_security]
        return cls(host, port, settings.mail_security, settings.mail_from or "", settings.mail_user, password)

    def send(self, message: EmailMessage, to: str) -> Outcome:
        """Send a message; raises nothing that the server or the network may cause."""
        try:
            smtp = self._signed_in()
        except smtplib.SMTPResponseException as error:
            return replace(_refused(error.smtp_code, error.smtp_error), away=True)
        except (smtplib.SMTPException, OSError) as error:
            lasting = isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError)
            return Outcome("failed", _told(error), passing=not lasting, away=True)
        try:
            return _addressed(smtp, self.sender, to) or _handed_over(smtp, message)
        except (smtplib.SMTPException, OSError) as error:  # Before anything of the message was sent.
            return Outcome("failed", _told(error), passing=True)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _signed_in(self) -> smtplib.SMTP:
        trusted = ssl.create_default_context()
        if self.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=trusted)
        else:
            smtp = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            if self.security == "starttls":
                smtp.starttls(context=trusted)
            if self.user:
                smtp.login(self.user, self.password)
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return smtp


def message_of(digest: Digest, sender: str, to: str, name: str, identity: str, at: datetime) -> EmailMessage:
    """Return a digest as a message: HTML with plain text beside it.

    Parameters
    ----------
    sender, to : str
        Addresses.
    name : str
        Of the reader.
    identity : str
        The same for the same digest, for the Message-ID: a mail program then shows a copy as one.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("churn-risk", addr_spec=sender)
    message["To"] = Address(one_line(name), addr_spec=to)
    message["Subject"] = one_line(digest.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = digest.lang
    message.set_content(text_of(digest), cte="quoted-printable")
    message.add_alternative(html_of(digest), subtype="html", cte="quoted-printable")
    return message


def _problems(settings: ServiceSettings, host: str, password: str) -> Iterator[str]:
    if not host:
        yield "set CHURN_RISK_MAIL_HOST to the mail server"
    if settings.mail_from is None:
        yield "set CHURN_RISK_MAIL_FROM to the address that they come from"
    elif not is_address(settings.mail_from):
        yield f"CHURN_RISK_MAIL_FROM={settings.mail_from!r} is no e-mail address"
    if settings.mail_user and not password:
        yield "CHURN_RISK_MAIL_USER needs CHURN_RISK_MAIL_PASSWORD or CHURN_RISK_MAIL_PASSWORD_FILE"
    if settings.mail_user and settings.mail_security == "none" and not is_loopback(host):
        yield f"CHURN_RISK_MAIL_SECURITY=none would send the password to {host!r} for everybody to read"


def _addressed(smtp: smtplib.SMTP, sender: str, to: str) -> Outcome | None:
    """Name sender and receiver; return the outcome when one of them is refused."""
    for code, text in (smtp.mail(sender), smtp.rcpt(to)):
        if code not in (250, 251):
            return _refused(code, text)
    return None


def _handed_over(smtp: smtplib.SMTP, message: EmailMessage) -> Outcome:
    """Hand the message over; when the connection breaks here, nobody knows whether the server has it."""
    try:
        code, text = smtp.data(message.as_bytes())
    except smtplib.SMTPDataError as error:
        return _refused(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        return Outcome("uncertain", _told(error))
    return Outcome("sent") if code == 250 else _refused(code, text)


def _told(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}".rstrip(": "))[:300]


def _refused(code: int, text: bytes | str) -> Outcome:
    """Return the outcome of a refusal; one of 4xx is for now."""
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Outcome("failed", f"{code} {one_line(told)}"[:300], passing=400 <= code < 500)
