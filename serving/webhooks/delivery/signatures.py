"""Signatures of a delivery: Standard Webhooks (`v1`, HMAC-SHA256), or HubSpot's version 3.

No signing secret is stored. HKDF-SHA256 (RFC 5869) derives each one from the master secret, the endpoint's id and the
generation of the secret, which counts rotations. With several master secrets, during a replacement, all of them sign.

References
----------
The Standard Webhooks specification 1.0.0, "Signature scheme" and "Webhook headers".
HubSpot, "Validating requests": the version 3 request signature.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook

from features.errors import InputError
from serving.settings import ServiceSettings
from serving.webhooks.endpoints import Endpoint

SECRET_BYTES = 32
#: The only percent-encoded characters that HubSpot decodes in the source string.
HUBSPOT_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def signing_secret(master: str, endpoint_id: str, generation: int) -> str:
    """Return an endpoint's signing secret in the form for its receiver: `whsec_` and 32 bytes in base64.

    Examples
    --------
    >>> signing_secret("m" * 32, "ep_1", 1) == signing_secret("m" * 32, "ep_1", 1)
    True
    >>> signing_secret("m" * 32, "ep_1", 1) == signing_secret("m" * 32, "ep_1", 2)
    False
    """
    purpose = f"churn-risk webhook {endpoint_id} {generation}".encode()
    key = HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=purpose).derive(master.encode())
    return f"whsec_{base64.b64encode(key).decode()}"


def demand_secrets(settings: ServiceSettings) -> tuple[str, ...]:
    """Return the master secrets; raises InputError when there are none."""
    secrets = settings.secrets()
    if not secrets:
        raise InputError(
            "webhooks are signed, and there is no secret to do it with: set CHURN_RISK_SECRET to 32 random characters "
            "or more (or CHURN_RISK_SECRET_FILE to a file with them), the same for service and command line"
        )
    return secrets


def demand_secret_of(endpoint: Endpoint, settings: ServiceSettings) -> None:
    """Check that the secret of an endpoint's signatures exists; raises InputError. Slack's messages are not signed."""
    if endpoint.signature == "hubspot-v3":
        settings.hubspot()
    elif endpoint.format != "slack":
        demand_secrets(settings)


def receiver_secret(endpoint: Endpoint, settings: ServiceSettings) -> str | None:
    """Return the secret for the receiver's verification; None when it gets none from us. Raises InputError."""
    if endpoint.format == "slack" or endpoint.signature == "hubspot-v3":
        return None
    return signing_secret(demand_secrets(settings)[0], endpoint.endpoint_id, endpoint.generation)


def headers(endpoint: Endpoint, settings: ServiceSettings, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers with a delivery's id, time and signature; raises InputError without a secret.

    Parameters
    ----------
    event_id : str
        The `webhook-id`.
    body : bytes
        The signed body.
    now : datetime
        The time of the signature.
    """
    stamped = {"webhook-id": event_id, "webhook-timestamp": str(int(now.timestamp()))}
    if endpoint.format == "slack":
        return stamped
    if endpoint.signature == "hubspot-v3":
        at = str(int(now.timestamp() * 1000))
        signature = hubspot_signature(settings.hubspot(), "POST", endpoint.url, body, at)
        return stamped | {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": at}
    secrets = [
        signing_secret(master, endpoint.endpoint_id, generation)
        for master in demand_secrets(settings)
        for generation in endpoint.generations(now)
    ]
    return stamped | {"webhook-signature": standard_signature(secrets, event_id, body, now)}


def standard_signature(secrets: Sequence[str], event_id: str, body: bytes, now: datetime) -> str:
    """Return the signatures of Standard Webhooks, one per secret, separated by spaces.

    Parameters
    ----------
    secrets : sequence of str
        Signing secrets, each `whsec_` and base64.
    event_id : str
        The `webhook-id`.
    """
    return " ".join(Webhook(secret).sign(event_id, now, body.decode()) for secret in secrets)


def hubspot_signature(secret: str, method: str, url: str, body: bytes, at: str) -> str:
    """Return HubSpot's version 3 signature: base64 of HMAC-SHA256 over method, URI, body and time.

    Parameters
    ----------
    secret : str
        The app's client secret.
    url : str
        The endpoint's URL, percent-encoded.
    at : str
        Milliseconds since 1970, as in `X-HubSpot-Request-Timestamp`.
    """
    decoded = re.sub("|".join(HUBSPOT_DECODED), lambda match: HUBSPOT_DECODED[match[0].upper()], url, flags=re.I)
    source = f"{method}{decoded}".encode() + body + at.encode()
    return base64.b64encode(hmac.digest(secret.encode(), source, "sha256")).decode()
