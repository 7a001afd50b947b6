"""Score accounts from their raw history: up to 100 in a call, all or nothing, and nothing is stored.

    CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... python3 predict.py history.json

The key needs the scope `score`. Nothing to install.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

FIELDS = ("account_id", "churn_probability", "band", "revenue_at_risk", "reason_1", "reason_2", "reason_3")
ATTEMPTS = 5


def main() -> None:
    """Send the file and print what is to be stored of the answer."""
    for score in post("/v1/predictions", Path(sys.argv[1]).read_bytes())["predictions"]:
        for name in FIELDS:
            if score[name] is not None:
                print(f"{name}: {score[name]}")


def post(path: str, body: bytes) -> dict[str, Any]:
    """Return the answer; ask again where that is worth it."""
    headers = {
        "Authorization": f"Bearer {os.environ['CHURN_RISK_KEY']}",
        "Content-Type": "application/json",
        # The same in every attempt: a request that was done although its answer got lost is not done twice.
        "Idempotency-Key": str(uuid.uuid4()),
    }
    request = Request(os.environ["CHURN_RISK_URL"] + path, body, headers)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            problem, asked = f"{error.code}: {error.read().decode()}", error.headers["Retry-After"]
            if asked is None:  # Not 429 or 503: it would be refused again.
                sys.exit(problem)
            seconds = int(asked) if asked.isdecimal() else 10
        except (OSError, HTTPException) as error:
            problem, seconds = f"no answer: {error}", 2**attempt
        if attempt < ATTEMPTS:
            time.sleep(seconds)
    sys.exit(problem)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not {"CHURN_RISK_URL", "CHURN_RISK_KEY"} <= os.environ.keys():
        sys.exit(__doc__)
    main()
