#!/usr/bin/env node
// Mint a customer token (HS256) for Counteroffer with Node's standard library only.
//
// The app's back end does this when a signed-in subscriber clicks "cancel", and hands the token to the front end.
//
//     export COUNTEROFFER_AUTH__HS256_SECRET=…      # the secret in Counteroffer's configuration
//     node mint-token.mjs --issuer app --customer cus_123 --subscription sub_123 --attribute industry=travel

import { createHmac, randomUUID } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

// Counteroffer refuses tokens that are good for longer (`auth.max_token_age_seconds`).
const MAX_TTL_SECONDS = 900;
// The shortest secret that Counteroffer takes.
const MIN_SECRET_BYTES = 32;

/**
 * A token that is good for `ttl` seconds from `now` (seconds since 1970; the present unless given).
 *
 * `customer` is the app's own id of the customer, or Stripe's `cus_…`. With `subscription` the token is good for that
 * subscription only. `attributes` are facts about the customer: texts, numbers, booleans, or lists of texts.
 */
export function mint({ secret, issuer, customer, subscription, attributes, ttl = 600, now = Date.now() / 1000 }) {
  const bytes = Buffer.byteLength(secret);
  if (bytes < MIN_SECRET_BYTES) {
    throw new RangeError(`the secret has ${bytes} bytes; use at least ${MIN_SECRET_BYTES}`);
  }
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL_SECONDS) {
    throw new RangeError(`a token may live 1 to ${MAX_TTL_SECONDS} seconds, not ${ttl}`);
  }
  const issuedAt = Math.floor(now);
  const claims = {
    aud: "counteroffer",
    iss: issuer,
    sub: customer,
    iat: issuedAt,
    exp: issuedAt + ttl,
    // Names this token: a session begun twice with it is the same session.
    jti: randomUUID(),
    // Members that are undefined are left out.
    subscription,
    attributes,
  };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

// `name=value`; a value that is JSON is taken as that, any other as text.
function attribute(text) {
  const at = text.indexOf("=");
  if (at < 0) {
    throw new RangeError(`expected name=value, got ${text}`);
  }
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

function main() {
  const { values } = parseArgs({
    options: {
      issuer: { type: "string", default: "app" },
      customer: { type: "string" },
      subscription: { type: "string" },
      attribute: { type: "string", multiple: true, default: [] },
      ttl: { type: "string", default: "600" },
    },
  });
  if (!values.customer) {
    throw new RangeError("give --customer: the app's customer id, or Stripe's cus_…");
  }
  const attributes = values.attribute.length > 0 ? Object.fromEntries(values.attribute.map(attribute)) : undefined;
  const secret = process.env.COUNTEROFFER_AUTH__HS256_SECRET ?? "";
  console.log(mint({ ...values, secret, attributes, ttl: Number(values.ttl) }));
}

// Run, not imported.
const script = process.argv[1];
if (script && existsSync(script) && realpathSync(script) === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    console.error(`mint-token.mjs: ${error.message}`);
    process.exitCode = 1;
  }
}
