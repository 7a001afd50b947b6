// Score many accounts, 10,000 unless the service is set otherwise: make a job, wait for it, fetch its results.
//
//     CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... node job.mjs history.json results.csv [KEY]
//
// KEY names the job, as `nightly-2026-01-01`: run again within 24 hours with the same KEY and file, it goes on with
// the job that is there. The CSV has one row an account: `status` is done or failed, `problem` says why. It ends with 1
// where none was scored. The API key needs the scope `score`. Node 20 or later, nothing to install.

import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const ATTEMPTS = 5;
const LONGEST_PAUSE = 30;

if (process.argv.length < 4 || !process.env.CHURN_RISK_URL || !process.env.CHURN_RISK_KEY) {
  console.error("CHURN_RISK_URL=http://127.0.0.1:3000 CHURN_RISK_KEY=crk_... node job.mjs history.json results.csv [KEY]");
  process.exit(1);
}

const [source, target, key = randomUUID()] = process.argv.slice(2);
let job = JSON.parse(await call("POST", "/v1/jobs", await readFile(source), key));
for (let pause = 1; ["queued", "running"].includes(job.status); pause = Math.min(1.5 * pause, LONGEST_PAUSE)) {
  await sleep(1000 * pause);
  job = JSON.parse(await call("GET", `/v1/jobs/${job.job_id}`));
}
await writeFile(target, await call("GET", `/v1/jobs/${job.job_id}/results?format=csv`));
console.log(`${job.job_id} ${job.status}: ${job.done} scored, ${job.failed} failed`);
process.exitCode = job.status === "done" && job.done > 0 ? 0 : 1;

// Return the answer as bytes; ask again where that is worth it.
async function call(method, path, body, key) {
  const headers = { Authorization: `Bearer ${process.env.CHURN_RISK_KEY}` };
  if (body !== undefined) Object.assign(headers, { "Content-Type": "application/json", "Idempotency-Key": key });
  for (let attempt = 1; ; attempt++) {
    let problem, seconds = 2 ** attempt;
    try {
      const request = { method, headers, body, signal: AbortSignal.timeout(300_000) };
      const answer = await fetch(process.env.CHURN_RISK_URL + path, request);
      if (answer.ok) return Buffer.from(await answer.arrayBuffer());
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
