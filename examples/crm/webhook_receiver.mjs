// Receive webhooks and believe only those that churn-risk has signed (Standard Webhooks, `v1`).
//
//     CHURN_RISK_WEBHOOK_SECRET=whsec_... node webhook_receiver.mjs 8000
//
// The secret is what `churn-risk webhooks add` shows. Listens on loopback: put it behind whatever ends your TLS. Prints a
// line an event; write to your CRM there instead. Node 20 or later, nothing to install.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 300; // Seconds between the sender's clock and ours.
const MOST_BYTES = 1_000_000; // Nothing that is meant for us has a megabyte.
const SECRET = Buffer.from(process.env.CHURN_RISK_WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");

const server = createServer((request, response) => {
  const answer = (status) => response.writeHead(status, { Connection: "close" }).end();
  received(request).then(answer, (error) => {
    console.error(error);
    answer(500);
  });
});
server.requestTimeout = 10_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

// Return the status to answer: 204 ends a delivery; anything but 2xx has it sent again later.
async function received(request) {
  if (request.method !== "POST") return 405;
  const body = await read(request);
  if (body === null) return 413;
  if (!genuine(request.headers, body)) return 401;
  told(request.headers["webhook-id"], JSON.parse(body));
  return 204;
}

// Return the body's bytes; null where they are too many.
async function read(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > MOST_BYTES) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

// Whether a request was signed with our secret, over exactly these bytes, and lately.
function genuine(headers, body) {
  const identifier = headers["webhook-id"] ?? "", sentAt = headers["webhook-timestamp"] ?? "";
  if (!/^\d{1,12}$/.test(sentAt) || Math.abs(Date.now() / 1000 - Number(sentAt)) > TOLERANCE) return false;
  const digest = createHmac("sha256", SECRET).update(`${identifier}.${sentAt}.`).update(body).digest("base64");
  const wanted = Buffer.from(`v1,${digest}`);
  // While a secret is being replaced there are two signatures, of the old one and of the new.
  return (headers["webhook-signature"] ?? "").split(" ").some((text) => {
    const signature = Buffer.from(text);
    return signature.length === wanted.length && timingSafeEqual(signature, wanted);
  });
}

// Do what the event is for. It may come twice, and an older one late: write only where `as_of` is not before what is
// there.
function told(identifier, { type, data }) {
  console.log([identifier, type, data.account_id, data.after?.band, data.after?.revenue_at_risk].join("\t"));
}
