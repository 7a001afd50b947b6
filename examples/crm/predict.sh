#!/bin/sh
# Score accounts from their raw history: up to 100 in a call, all or nothing, and nothing is stored.
#
#     CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... sh predict.sh history.json
#
# The key needs the scope `score`. Needs curl 7.76 or later, and jq.
set -eu
: "${CHURN_RISK_URL:?where the service is}" "${CHURN_RISK_KEY:?an API key}"

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# curl asks again after 429 and 503, when Retry-After says. The Idempotency-Key is the same in every attempt: a request
# that was done although its answer got lost is not done twice. The API key stays off the command line, which all see.
curl --silent --show-error --fail-with-body --max-time 60 --retry 4 --retry-connrefused --output "$answer" \
  --header "Content-Type: application/json" \
  --header "Idempotency-Key: $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" \
  --data-binary "@${1:?a file, as history.json}" --config - "$CHURN_RISK_URL/v1/predictions" <<END || { cat "$answer" >&2; exit 1; }
header = "Authorization: Bearer $CHURN_RISK_KEY"
END

jq --raw-output '.predictions[]
  | {account_id, churn_probability, band, revenue_at_risk, reason_1, reason_2, reason_3}
  | to_entries[] | select(.value != null) | "\(.key): \(.value)"' "$answer"
