"""Receive webhooks and believe only those that churn-risk has signed (Standard Webhooks, `v1`).

    CHURN_RISK_WEBHOOK_SECRET=whsec_... python3 webhook_receiver.py 8000

The secret is what `churn-risk webhooks add` shows. Listens on loopback: put it behind whatever ends your TLS. Prints a
line an event; write to your CRM there instead. Nothing to install.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import sys
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE = 300  # Seconds between the sender's clock and ours.


def main() -> None:
    """Serve until stopped."""
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, which ends its delivery; anything but 2xx has it sent again later."""

    timeout = 10

    def do_POST(self) -> None:
        """Take an event."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 6:  # Nothing that is meant for us has a megabyte.
            self.answer(413)
            return
        body = self.rfile.read(int(length))
        if not genuine(self.headers, body):
            self.answer(401)
            return
        told(self.headers["webhook-id"], json.loads(body))
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def genuine(headers: Message, body: bytes) -> bool:
    """Whether a request was signed with our secret, over exactly these bytes, and lately."""
    identifier, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or len(sent_at) > 12 or abs(time.time() - int(sent_at)) > TOLERANCE:
        return False
    secret = base64.b64decode(os.environ["CHURN_RISK_WEBHOOK_SECRET"].removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.digest(secret, f"{identifier}.{sent_at}.".encode() + body, "sha256"))
    # While a secret is being replaced there are two signatures, of the old one and of the new.
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(b"v1," + wanted, signature.encode()) for signature in signatures)


def told(identifier: str, event: dict[str, Any]) -> None:
    """Do what the event is for.

    It may come twice, and an older one late: write only where `as_of` is not before what is there.
    """
    data = event["data"]
    after = data.get("after", {})
    shown = (identifier, event["type"], data.get("account_id"), after.get("band"), after.get("revenue_at_risk"))
    print(*("" if value is None else value for value in shown), sep="\t", flush=True)


if __name__ == "__main__":
    main()
