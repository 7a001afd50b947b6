"""Score many accounts, 10,000 unless the service is set otherwise: make a job, wait for it, fetch its results.

    CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... python3 job.py history.json results.csv [KEY]

KEY names the job, as `nightly-2026-01-01`: run again within 24 hours with the same KEY and file, it goes on with the
job that is there. The CSV has one row an account: `status` is done or failed, `problem` says why. It ends with 1 where
none was scored. The API key needs the scope `score`. Nothing to install.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ATTEMPTS = 5
LONGEST_PAUSE = 30


def main() -> None:
    """Make the job and see it through."""
    source, target, *named = sys.argv[1:]
    key = named[0] if named else str(uuid.uuid4())
    job = json.loads(call("POST", "/v1/jobs", Path(source).read_bytes(), key))
    pause = 1.0
    while job["status"] in ("queued", "running"):
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE)
        job = json.loads(call("GET", f"/v1/jobs/{job['job_id']}"))
    Path(target).write_bytes(call("GET", f"/v1/jobs/{job['job_id']}/results?format=csv"))
    print(f"{job['job_id']} {job['status']}: {job['done']} scored, {job['failed']} failed")
    sys.exit(job["status"] != "done" or not job["done"])


def call(method: str, path: str, body: bytes | None = None, key: str = "") -> bytes:
    """Return the answer; ask again where that is worth it."""
    headers = {"Authorization": f"Bearer {os.environ['CHURN_RISK_KEY']}"}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
    request = Request(os.environ["CHURN_RISK_URL"] + path, body, headers, method=method)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urlopen(request, timeout=300) as answer:
                return answer.read()
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
    if len(sys.argv) < 3 or not {"CHURN_RISK_URL", "CHURN_RISK_KEY"} <= os.environ.keys():
        sys.exit(__doc__)
    main()
