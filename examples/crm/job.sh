#!/bin/sh
# Score many accounts, 10,000 unless the service is set otherwise: make a job, wait for it, fetch its results.
#
#     CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... sh job.sh history.json results.csv [KEY]
#
# KEY names the job, as `nightly-2026-01-01`: run again within 24 hours with the same KEY and file, it goes on with
# the job that is there. The CSV has one row an account: `status` is done or failed, `problem` says why. It ends with 1
# where none was scored. The API key needs the scope `score`. Needs curl 7.76 or later, and jq.
set -eu
: "${CHURN_RISK_URL:?where the service is}" "${CHURN_RISK_KEY:?an API key}"

source=${1:?a file, as history.json} target=${2:?a file for the results} key=${3:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Asks again after 429 and 503, when Retry-After says. The API key stays off the command line, which all see.
call() {
  path=$1
  shift
  curl --silent --show-error --fail-with-body --max-time 300 --retry 4 --retry-connrefused \
    --output "$folder/answer" "$@" --config - "$CHURN_RISK_URL$path" <<END || { cat "$folder/answer" >&2; exit 1; }
header = "Authorization: Bearer $CHURN_RISK_KEY"
END
}

told() {
  jq --raw-output "$1" "$folder/answer"
}

call /v1/jobs --header "Content-Type: application/json" --header "Idempotency-Key: $key" --data-binary "@$source"
job=$(told .job_id) pause=1
while [ "$(told '.status == "queued" or .status == "running"')" = true ]; do
  sleep "$pause"
  pause=$((pause < 30 ? pause + 1 : 30))
  call "/v1/jobs/$job"
done
summary=$(told '"\(.job_id) \(.status): \(.done) scored, \(.failed) failed"') some=$(told '.status == "done" and .done > 0')

call "/v1/jobs/$job/results?format=csv"
cp "$folder/answer" "$target"
echo "$summary"
[ "$some" = true ]
