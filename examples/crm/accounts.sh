#!/bin/sh
# List every account's newest stored score, threats first, then by revenue at risk.
#
#     CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... sh accounts.sh
#
# A line an account, with tabs: account_id, name, threat or band, probability, revenue at risk, weightiest reason. The key
# needs the scope `read`; one of an account manager lists theirs. Needs curl 7.76 or later, and jq.
set -eu
: "${CHURN_RISK_URL:?where the service is}" "${CHURN_RISK_KEY:?an API key}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Asks again after 429 and 503, when Retry-After says. The API key stays off the command line, which all see.
page() {
  curl --silent --show-error --fail-with-body --max-time 60 --retry 4 --retry-connrefused --output "$folder/page" \
    --get --data "limit=200" "$@" --config - "$CHURN_RISK_URL/v1/accounts" <<END || { cat "$folder/page" >&2; exit 1; }
header = "Authorization: Bearer $CHURN_RISK_KEY"
END
  jq --compact-output '.accounts[]' "$folder/page" >> "$folder/rows"
  cursor=$(jq --raw-output '.next_cursor // empty' "$folder/page")
}

# Ordered by revenue at risk. All pages are of one scoring run, so that no account is missed or comes twice.
page
while [ -n "$cursor" ]; do
  page --data-urlencode "cursor=$cursor"
done

jq --raw-output --slurp 'sort_by(.threat | not)[]
  | [.account_id, .name, (if .threat then "threat" else .band end), .churn_probability, .revenue_at_risk, .reason_1]
  | @tsv' "$folder/rows"
