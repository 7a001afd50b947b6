"""Settings of the service: storage, access, limits, webhooks and mail, from `CHURN_RISK_*` or churn-risk.toml.

A secret comes from the environment or from a file that the environment names, never from the text of the settings file.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import limits
from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from features.errors import InputError
from serving.alert_kinds import ALERT_KINDS, kinds_in
from serving.crm_address import checked_template
from serving.glossary_file import read_entries
from serving.networks import is_secure
from training.settings import Environment

MEBIBYTE = 2**20
#: BentoML cuts a request off at twice this time, with its own error text; our limits answer before that.
LONGEST_ANSWER_SECONDS = 600
#: A permitted ancestor of a frame; the pattern excludes text that would start another directive of the policy.
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")


class ServiceSettings(Environment):
    """The service's settings in addition to `training.settings.Environment`.

    Attributes
    ----------
    secret, secret_file : SecretStr, Path or None
        The master secret that signs links and webhooks, or a file with it. With several lines, the first signs and all
        verify, so that a secret can be replaced without a break.
    body_bytes, job_body_bytes : int
        Maximum size of a request, and of a request that makes a job.
    bodies_bytes : int
        Maximum bytes of bodies that a worker holds at a time, from their arrival until their answers; above it, the
        caller gets 503 with Retry-After. The body of a prediction takes about fourteen times as much memory.
    body_seconds : float
        Maximum time until a body of `body_bytes` has arrived; the larger body of a job gets proportionally more time.
    json_depth : int
        Maximum nesting of a body.
    answer_seconds : float
        Maximum time until an answer; after it the caller gets 503.
    replaced_hours : float
        Hours for which the store keeps a replaced scoring run, for callers who page through it.
    waiting : int
        Maximum number of predictions that wait at one worker; above it, the caller gets 503 with Retry-After.
    job_accounts, job_keep_days : int
        Maximum number of accounts of a job; days for which the results of a finished job are kept.
    jobs_waiting, jobs_waiting_accounts : int
        Maximum number of unfinished jobs of one key or token, and of accounts in them that wait for a score; above it,
        a new job gets 429 with Retry-After. A key without waiting jobs may always make one.
    connections : int
        Maximum number of connections of a worker; above it, a new one gets 503 at once and is closed.
    header_seconds : float
        Maximum time until a connection has sent the line and the headers of a request; then it is closed.
    unread_seconds : float
        Maximum time for which a caller may take nothing of an answer that is being sent; then the connection is cut.
    proxies : str
        Addresses or networks of the proxies in front of the service, separated by commas; empty: none. Only from them
        are X-Forwarded-For and X-Forwarded-Proto believed.
    rate_limit : str
        Requests that one key or token may make, in the notation of `limits`: "600/minute". Exactly one limit, above 0;
        each worker counts separately.
    oidc_issuer, oidc_audience : str or None
        Who issues bearer tokens, and the audience that tokens must name; both or neither. The issuer's address is
        https, or http on this machine.
    oidc_scope_claim, oidc_account_manager_claim : str or None
        The claim with the scopes (None: `scope`, `scp` and `roles`), and the claim with the account manager whose
        accounts a token sees. Every token except an admin's must carry the latter (None: tokens see all accounts).
    oidc_scope_prefix : str
        Prefix of our scopes in tokens: "churn-risk:read" is the scope read.
    oidc_client_id, oidc_client_secret, oidc_client_secret_file, oidc_scopes : str, SecretStr, Path or None
        The client that the issuer knows the pages as, its secret, or a file with it (None: a public client), and what
        is asked of the issuer, words with "openid" among them. Without a client the pages take API keys alone.
    public_url : str or None
        Address under which callers reach the service, for links; None: the address of the request.
    crm_url : str or None
        Address of an account in the CRM, with {account_id} in it (`serving.crm_address`); None: no links there.
    frame_ancestors : str
        Origins, separated by spaces, whose pages may show a linked report in a frame; empty: none.
    webhook_private : bool
        Whether webhooks may go to private addresses, and by http: only for receivers in the operator's own network.
    webhook_seconds : float
        Maximum time that a receiver may take.
    webhook_retention_days : int
        Days for which events are kept; events with pending deliveries are kept longer.
    webhook_most_events : int
        Events that an endpoint gets of a run by another model than the one before; of more it gets their sum.
    webhook_moved_share, webhook_moved_accounts : float
        A move of an account's revenue at risk is an event when it reaches this share of the previous amount and also
        this multiple of the average account's revenue at risk. With a quarter and three averages (1 % of a book of 300
        accounts), 300 simulated accounts caused one event a week; with a quarter and a third of an average, 24.
    alerts : str
        Kinds of alerts, separated by commas (`serving.webhooks.alerts`); empty: none.
    alert_unanswered_days, alert_contract_days : int
        Days after which an invitation of a decision maker counts as unanswered, and before which a contract is due.
    hubspot_secret, hubspot_secret_file : SecretStr, Path or None
        The client secret of a HubSpot app, for endpoints with HubSpot's signature, or a file with it.
    audit : bool
        Whether it is kept who read which account.
    audit_days : int
        Days for which that is kept.
    watch_seconds : float
        Seconds after which a worker checks again whether the champion has changed.
    source : str or None
        The book as the commands read it, for what a page or route needs all records of an account for; None: callers
        send them along.
    timezone : str
        The zone of the pages: what "today" is there, and the day on which something was said or done.
    glossary : Path or None
        A glossary file with what readers call the values of the book (`serving.glossary_file`); None: ours alone.
    managers : Path or None
        A file with the account managers' addresses, languages and holidays, for `digest`; `serving.digest` reads it.
    digest_accounts : int
        Accounts that a manager can call in a week, where the file says nothing else.
    digest_points : float
        Points of probability by which an account must have moved for a digest to say so.
    mail_host, mail_port : str, int or None
        The mail server that digests go through, and its port: None is 587 with STARTTLS, 465 with TLS, 25 with neither.
    mail_security : str
        "starttls", "tls" from the first byte, or "none", which takes no password unless the server is this machine.
    mail_user, mail_password, mail_password_file : str, SecretStr, Path or None
        How to sign in at it; without a user nobody does.
    mail_from : str or None
        The address that digests come from.
    log_level, log_format : str
        The lowest level of our own log lines, and their form: one JSON object per line, or text.
    """

    secret: SecretStr | None = None
    secret_file: Path | None = None
    body_bytes: Annotated[int, Field(gt=0)] = 10 * MEBIBYTE
    job_body_bytes: Annotated[int, Field(gt=0)] = 64 * MEBIBYTE
    bodies_bytes: Annotated[int, Field(gt=0)] = 64 * MEBIBYTE
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    json_depth: Annotated[int, Field(gt=2)] = 32
    answer_seconds: Annotated[float, Field(gt=0, le=LONGEST_ANSWER_SECONDS)] = 30.0
    replaced_hours: Annotated[float, Field(ge=0, le=24 * 365)] = 24.0
    waiting: Annotated[int, Field(gt=0)] = 256
    job_accounts: Annotated[int, Field(gt=0)] = 10_000
    job_keep_days: Annotated[int, Field(gt=0)] = 7
    jobs_waiting: Annotated[int, Field(gt=0)] = 50
    jobs_waiting_accounts: Annotated[int, Field(gt=0)] = 50_000
    connections: Annotated[int, Field(gt=0)] = 1000
    header_seconds: Annotated[float, Field(gt=0)] = 10.0
    unread_seconds: Annotated[float, Field(gt=0)] = 60.0
    proxies: str = ""
    rate_limit: str = "600/minute"
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_scope_claim: str | None = None
    oidc_scope_prefix: str = "churn-risk:"
    oidc_account_manager_claim: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_client_secret_file: Path | None = None
    oidc_scopes: str = "openid"
    public_url: str | None = None
    crm_url: Annotated[str, AfterValidator(checked_template)] | None = None
    frame_ancestors: str = ""
    webhook_private: bool = False
    webhook_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    webhook_retention_days: Annotated[int, Field(gt=0)] = 30
    webhook_most_events: Annotated[int, Field(ge=1)] = 1000
    webhook_moved_share: Annotated[float, Field(ge=0)] = 0.25
    webhook_moved_accounts: Annotated[float, Field(ge=0)] = 3.0
    alerts: Annotated[str, AfterValidator(lambda text: ",".join(kinds_in(text)))] = ",".join(ALERT_KINDS)
    alert_unanswered_days: Annotated[int, Field(ge=1, le=365)] = 14
    alert_contract_days: Annotated[int, Field(ge=1, le=730)] = 90
    hubspot_secret: SecretStr | None = None
    hubspot_secret_file: Path | None = None
    audit: bool = True
    audit_days: Annotated[int, Field(gt=0)] = 365
    watch_seconds: Annotated[float, Field(gt=0)] = 1.0
    source: str | None = None
    timezone: str = "Europe/Berlin"
    glossary: Path | None = None
    managers: Path | None = None
    digest_accounts: Annotated[int, Field(ge=1, le=100)] = 10
    digest_points: Annotated[float, Field(gt=0, le=100)] = 5.0
    mail_host: str | None = None
    mail_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    mail_security: Literal["starttls", "tls", "none"] = "starttls"
    mail_user: str | None = None
    mail_password: SecretStr | None = None
    mail_password_file: Path | None = None
    mail_from: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, text: str) -> str:
        rates = limits.parse_many(text)
        if len(rates) != 1 or rates[0].amount < 1:
            raise ValueError(f"rate_limit={text!r}: exactly one limit above 0 is expected, such as 600/minute")
        return text

    @field_validator("proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                ipaddress.ip_network(part)
            except ValueError as error:
                raise ValueError(f"proxies={text!r}: {part!r} is no address or network: {error}") from error
        return text

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _address(cls, address: str | None) -> str | None:
        if address is not None and not is_secure(address):
            raise ValueError(f"{address!r} must be an https address, or http on this machine")
        return address

    @field_validator("frame_ancestors")
    @classmethod
    def _origins(cls, text: str) -> str:
        wrong = [origin for origin in text.split() if not ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"{wrong} are no origins; one looks like https://crm.example or https://*.crm.example")
        return " ".join(text.split())

    @field_validator("glossary")
    @classmethod
    def _glossary(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_entries(path)  # A wrong glossary is told at the start, not by the first report.
        return path

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"timezone={name!r}: a zone such as Europe/Berlin is expected") from error
        return name

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise ValueError("oidc_issuer and oidc_audience are both to be set, or neither")
        if self.oidc_client_id is not None and self.oidc_issuer is None:
            raise ValueError("oidc_client_id needs oidc_issuer and oidc_audience")
        if "openid" not in self.oidc_scopes.split():
            raise ValueError(f"oidc_scopes={self.oidc_scopes!r}: openid must be among them")
        return self

    def secrets(self) -> tuple[str, ...]:
        """Return the master secrets, the signing one first; empty when none is set.

        Raises
        ------
        InputError
            When the file cannot be read or is not UTF-8, or a secret is shorter than 32 characters.
        """
        text = _text(self.secret, self.secret_file, "CHURN_RISK_SECRET_FILE")
        secrets = tuple(line.strip() for line in text.splitlines() if line.strip())
        if any(len(line) < 32 for line in secrets):
            raise InputError("CHURN_RISK_SECRET: every secret must have 32 characters or more")
        return secrets

    def hubspot(self) -> str:
        """Return the client secret of the HubSpot app; raises InputError when none is set or its file is unreadable."""
        secret = _text(self.hubspot_secret, self.hubspot_secret_file, "CHURN_RISK_HUBSPOT_SECRET_FILE").strip()
        if not secret:
            raise InputError("HubSpot's signature needs the app's client secret: set CHURN_RISK_HUBSPOT_SECRET")
        return secret

    def oidc_secret(self) -> str:
        """Return the OIDC client's secret, empty when none is set; raises InputError when its file is unreadable."""
        file = self.oidc_client_secret_file
        return _text(self.oidc_client_secret, file, "CHURN_RISK_OIDC_CLIENT_SECRET_FILE").strip()

    def mail_secret(self) -> str:
        """Return the mail server's password, empty when none is set; raises InputError when its file is unreadable."""
        return _text(self.mail_password, self.mail_password_file, "CHURN_RISK_MAIL_PASSWORD_FILE").strip()


def _text(secret: SecretStr | None, file: Path | None, variable: str) -> str:
    """Return a secret, or else the content of the file; empty when neither is set."""
    text = secret.get_secret_value() if secret else ""
    if text or file is None:
        return text
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{variable}: {file} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{variable}: {file} is not UTF-8 text; write the secret as text") from error
