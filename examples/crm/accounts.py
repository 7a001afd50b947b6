"""List every account's newest stored score, threats first, then by revenue at risk.

    CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... python3 accounts.py

A line an account, with tabs: account_id, name, threat or band, probability, revenue at risk, weightiest reason. The key
needs the scope `read`; one of an account manager lists theirs. Nothing to install.
"""

from __future__ import annotations

import json
import os
import sys
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SHOWN = ("account_id", "name", "what", "churn_probability", "revenue_at_risk", "reason_1")
PAGE, ATTEMPTS = 200, 5


def main() -> None:
    """Read page after page, then print."""
    # Ordered by revenue at risk. All pages are of one scoring run, so that no account is missed or comes twice.
    page = get("/v1/accounts", {"limit": PAGE})
    accounts = page["accounts"]
    while page["next_cursor"] is not None:
        page = get("/v1/accounts", {"limit": PAGE, "cursor": page["next_cursor"]})
        accounts += page["accounts"]
    for row in sorted(accounts, key=lambda row: not row["threat"]):
        what = "threat" if row["threat"] else row["band"]
        shown = (
            row["account_id"],
            row["name"],
            what,
            row["churn_probability"],
            row["revenue_at_risk"],
            row["reason_1"],
        )
        print(*("" if value is None else value for value in shown), sep="\t")


def get(path: str, query: dict[str, Any]) -> dict[str, Any]:
    """Return the answer; ask again where that is worth it."""
    address = f"{os.environ['CHURN_RISK_URL']}{path}?{urlencode(query)}"
    request = Request(address, headers={"Authorization": f"Bearer {os.environ['CHURN_RISK_KEY']}"})
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
    if not {"CHURN_RISK_URL", "CHURN_RISK_KEY"} <= os.environ.keys():
        sys.exit(__doc__)
    main()
