// List every account's newest stored score, threats first, then by revenue at risk.
//
//     CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... node accounts.mjs
//
// A line an account, with tabs: account_id, name, threat or band, probability, revenue at risk, weightiest reason. The
// key needs the scope `read`; one of an account manager lists theirs. Node 20 or later, nothing to install.

import { setTimeout as sleep } from "node:timers/promises";

const PAGE = 200;
const ATTEMPTS = 5;

if (!process.env.CHURN_RISK_URL || !process.env.CHURN_RISK_KEY) {
  console.error("CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... node accounts.mjs");
  process.exit(1);
}

// Ordered by revenue at risk. All pages are of one scoring run, so that no account is missed or comes twice.
const accounts = [];
let cursor = null;
do {
  const page = await get("/v1/accounts", { limit: PAGE, ...(cursor && { cursor }) });
  accounts.push(...page.accounts);
  cursor = page.next_cursor;
} while (cursor !== null);

accounts.sort((one, other) => other.threat - one.threat); // Keeps the order otherwise.
for (const row of accounts) {
  const what = row.threat ? "threat" : row.band;
  const shown = [row.account_id, row.name, what, row.churn_probability, row.revenue_at_risk, row.reason_1];
  console.log(shown.join("\t")); // Null becomes nothing.
}

// Return the answer; ask again where that is worth it.
async function get(path, query) {
  const address = `${process.env.CHURN_RISK_URL}${path}?${new URLSearchParams(query)}`;
  const headers = { Authorization: `Bearer ${process.env.CHURN_RISK_KEY}` };
  for (let attempt = 1; ; attempt++) {
    let problem, seconds = 2 ** attempt;
    try {
      const answer = await fetch(address, { headers, signal: AbortSignal.timeout(60_000) });
      if (answer.ok) return await answer.json();
      problem = `${answer.status}: ${await answer.text()}`;
      const asked = answer.headers.get("Retry-After");
      seconds = asked === null ? null : Number(asked) || 10;
    } catch (error) {
      problem = `no answer: ${error.cause ?? error}`;
    }
    if (seconds === null || attempt === ATTEMPTS) { // Not 429 or 503: it would be refused again.
      console.error(problem);
      process.exit(1);
    }
    await sleep(1000 * seconds);
  }
}
