// Score accounts from their raw history: up to 100 in a call, all or nothing, and nothing is stored.
//
//     CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... node predict.mjs history.json
//
// The key needs the scope `score`. Node 20 or later, nothing to install.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const FIELDS = ["account_id", "churn_probability", "band", "revenue_at_risk", "reason_1", "reason_2", "reason_3"];
const ATTEMPTS = 5;

if (process.argv.length < 3 || !process.env.CHURN_RISK_URL || !process.env.CHURN_RISK_KEY) {
  console.error("CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... node predict.mjs history.json");
  process.exit(1);
}

const { predictions } = await post("/v1/predictions", await readFile(process.argv[2]));
for (const score of predictions) {
  for (const name of FIELDS) {
    if (score[name] !== null) console.log(`${name}: ${score[name]}`);
  }
}

// Return the answer; ask again where that is worth it.
async function post(path, body) {
  const headers = {
    Authorization: `Bearer ${process.env.CHURN_RISK_KEY}`,
    "Content-Type": "application/json",
    // The same in every attempt: a request that was done although its answer got lost is not done twice.
    "Idempotency-Key": randomUUID(),
  };
  for (let attempt = 1; ; attempt++) {
    let problem, seconds = 2 ** attempt;
    try {
      const request = { method: "POST", headers, body, signal: AbortSignal.timeout(60_000) };
      const answer = await fetch(process.env.CHURN_RISK_URL + path, request);
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
