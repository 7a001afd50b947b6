"""Settings of the service: where things are kept and what a request may cost, from `CHURN_RISK_*` or churn-risk.toml.

A secret comes from the environment or from a file that the environment names, never from the settings file's text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from features.errors import InputError
from training.settings import Environment

MEBIBYTE = 2**20


class ServiceSettings(Environment):
    """What the service reads beside `training.settings.Environment`.

    Attributes
    ----------
    secret, secret_file : SecretStr, Path or None
        The master secret that links and webhooks are signed with, or a file with it. Several lines: the first signs,
        all verify, so that a secret can be replaced without a break.
    body_bytes, job_body_bytes : int
        Greatest size of a request, and of one that makes a job.
    json_depth : int
        Greatest nesting of a body.
    answer_seconds : float
        Longest time until an answer; after it the caller gets 503.
    waiting : int
        Most predictions that wait at one worker; beyond, the caller gets 503 with Retry-After.
    rate_limit : str
        Requests that one key may make, as `limits` writes it: "600/minute".
    oidc_issuer, oidc_audience : str or None
        Who issues bearer tokens, and for whom they must be meant; both or neither.
    """

    secret: SecretStr | None = None
    secret_file: Path | None = None
    body_bytes: Annotated[int, Field(gt=0)] = 10 * MEBIBYTE
    job_body_bytes: Annotated[int, Field(gt=0)] = 64 * MEBIBYTE
    json_depth: Annotated[int, Field(gt=2)] = 32
    answer_seconds: Annotated[float, Field(gt=0)] = 30.0
    waiting: Annotated[int, Field(gt=0)] = 256
    rate_limit: str = "600/minute"
    oidc_issuer: str | None = None
    oidc_audience: str | None = None

    def secrets(self) -> tuple[str, ...]:
        """Return the master secrets, the one to sign with first; empty where none is set.

        Raises
        ------
        InputError
            When the file cannot be read, or a secret is shorter than 32 characters.
        """
        text = self.secret.get_secret_value() if self.secret else ""
        if not text and self.secret_file is not None:
            try:
                text = self.secret_file.read_text(encoding="utf-8")
            except OSError as error:
                raise InputError(f"CHURN_RISK_SECRET_FILE: {self.secret_file} cannot be read: {error}") from error
        found = tuple(line.strip() for line in text.splitlines() if line.strip())
        if any(len(line) < 32 for line in found):
            raise InputError("CHURN_RISK_SECRET: every secret must have 32 characters or more")
        return found
