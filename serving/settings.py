"""Settings of the service: where things are kept and what a request may cost, from `CHURN_RISK_*` or churn-risk.toml.

A secret comes from the environment or from a file that the environment names, never from the settings file's text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

import limits
from pydantic import Field, SecretStr, field_validator, model_validator

from features.errors import InputError
from serving.networks import is_secure
from training.settings import Environment

MEBIBYTE = 2**20
#: BentoML cuts a request off at twice this, in words of its own; until then our limits answer.
LONGEST_ANSWER_SECONDS = 600
#: What a frame's ancestor may be; nothing that would begin another directive of the policy.
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")


class ServiceSettings(Environment):
    """What the service reads beside `training.settings.Environment`.

    Attributes
    ----------
    secret, secret_file : SecretStr, Path or None
        The master secret that links and webhooks are signed with, or a file with it. Several lines: the first signs,
        all verify, so that a secret can be replaced without a break.
    body_bytes, job_body_bytes : int
        Greatest size of a request, and of one that makes a job.
    bodies_bytes : int
        Most bytes of bodies that a worker holds at a time, from their arrival until they are answered; beyond, the
        caller gets 503 with Retry-After. A prediction's takes about fourteen times as much memory.
    body_seconds : float
        Longest time until a body of `body_bytes` is there; a job's greater body has as much more.
    json_depth : int
        Greatest nesting of a body.
    answer_seconds : float
        Longest time until an answer; after it the caller gets 503.
    replaced_hours : float
        Hours for which a replaced scoring run is kept for those who are paging through it.
    waiting : int
        Most predictions that wait at one worker; beyond, the caller gets 503 with Retry-After.
    job_accounts, job_keep_days : int
        Most accounts of a job; days that its results are kept for once it is finished.
    rate_limit : str
        Requests that one key or token may make, as `limits` writes it: "600/minute". One limit, above 0; each worker
        counts on its own.
    oidc_issuer, oidc_audience : str or None
        Who issues bearer tokens, and for whom they must be meant; both or neither. The issuer's address is https, or
        on this machine.
    oidc_scope_claim, oidc_account_manager_claim : str or None
        The claim with the scopes (None: `scope`, `scp` and `roles`), and the one that names whose accounts are seen,
        which every token but an admin's must then carry (None: tokens see all accounts).
    oidc_scope_prefix : str
        What stands before our scopes in tokens: "churn-risk:read" is the scope read.
    public_url : str or None
        Address under which callers reach the service, for links; None: that of the request.
    frame_ancestors : str
        Origins, separated by spaces, whose pages may show a linked report in a frame; empty: none.
    webhook_private : bool
        Whether webhooks may go to private addresses, and by http: for receivers in the own network only.
    webhook_seconds : float
        Longest that a receiver may take.
    webhook_retention_days : int
        Days that events are kept for; what is still to be delivered is kept longer.
    webhook_moved_share, webhook_moved_accounts : float
        A move of an account's revenue at risk is an event from this share of what it was on, where it is also so many
        times the average account's revenue at risk. A quarter and three averages (1 % of a book of 300 accounts) made
        one event a week for 300 simulated accounts; a quarter and a third of an average made 24.
    hubspot_secret, hubspot_secret_file : SecretStr, Path or None
        The client secret of a HubSpot app, for endpoints with HubSpot's signature, or a file with it.
    watch_seconds : float
        How often a worker looks whether the champion was changed.
    log_level, log_format : str
        From which level on our own lines are written, and how: one JSON object a line, or text.
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
    rate_limit: str = "600/minute"
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_scope_claim: str | None = None
    oidc_scope_prefix: str = "churn-risk:"
    oidc_account_manager_claim: str | None = None
    public_url: str | None = None
    frame_ancestors: str = ""
    webhook_private: bool = False
    webhook_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    webhook_retention_days: Annotated[int, Field(gt=0)] = 30
    webhook_moved_share: Annotated[float, Field(ge=0)] = 0.25
    webhook_moved_accounts: Annotated[float, Field(ge=0)] = 3.0
    hubspot_secret: SecretStr | None = None
    hubspot_secret_file: Path | None = None
    watch_seconds: Annotated[float, Field(gt=0)] = 1.0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, text: str) -> str:
        rates = limits.parse_many(text)
        if len(rates) != 1 or rates[0].amount < 1:
            raise ValueError(f"rate_limit={text!r}: exactly one limit above 0 is expected, such as 600/minute")
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

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise ValueError("oidc_issuer and oidc_audience are both to be set, or neither")
        return self

    def secrets(self) -> tuple[str, ...]:
        """Return the master secrets, the one to sign with first; empty where none is set.

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


def _text(secret: SecretStr | None, file: Path | None, variable: str) -> str:
    """Return a secret, else what stands in the file; empty where neither is set."""
    text = secret.get_secret_value() if secret else ""
    if text or file is None:
        return text
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{variable}: {file} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{variable}: {file} is not UTF-8 text; write the secret as text") from error
