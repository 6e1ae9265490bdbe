#!/usr/bin/env node
// Verify evidence exported by Counteroffer, with Node's standard library only.
//
// For an auditor: `jwks.json` is `GET /v1/evidence/jwks.json`, got over a way that you trust; `evidence.jws` holds
// exports (`GET /v1/sessions/{id}/evidence`), one a line.
//
//     node verify-evidence.mjs jwks.json evidence.jws

import { createHash, createPublicKey, verify } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

// How each algorithm is verified; any other is refused.
const ALGORITHMS = {
  EdDSA: { crv: "Ed25519", check: (data, key, signature) => verify(null, data, key, signature) },
  ES256: {
    crv: "P-256",
    check: (data, key, signature) => verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature),
  },
};

/** The payload of an export whose signature is good, as text; throws where it is not. */
export function open(jws, jwks) {
  const [head, body, signature] = jws.trim().split(".");
  const { alg, kid } = JSON.parse(Buffer.from(head, "base64url"));
  const jwk = jwks.keys.find((key) => key.kid === kid);
  const algorithm = ALGORITHMS[alg];
  if (!jwk || !algorithm || jwk.crv !== algorithm.crv) {
    throw new Error(`no key ${kid} for ${alg} among those given`);
  }
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (!algorithm.check(Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"))) {
    throw new Error("the signature is not that of the content");
  }
  return Buffer.from(body, "base64url").toString("utf8");
}

/** Checks that no event was changed or taken out, and that the texts are those that were shown; throws where not. */
export function checkChain(text) {
  const { receipt, texts } = JSON.parse(text);
  // What is digested is the JSON as it stands there, so it is cut out rather than written anew.
  let from = text.indexOf('"events":[') + '"events":['.length;
  let before = "";
  for (const event of receipt.events) {
    const end = `,"hash":"${event.hash}"}`;
    const until = text.indexOf(end, from);
    const digest = sha256(`${before}\n${text.slice(from, until)}}`);
    if (until < 0 || digest !== event.hash) {
      throw new Error(`the event \`${event.event}\` at ${event.at} does not follow the one before`);
    }
    const shown = texts.find((one) => one.event === event.hash);
    if (shown && sha256(JSON.stringify(shown.texts)) !== event.texts_digest) {
      throw new Error(`the texts of ${event.at} are not those that were shown`);
    }
    before = event.hash;
    from = until + end.length + 1;
  }
  if ((receipt.evidence.head ?? "") !== before) {
    throw new Error("the last event is not the head of the chain");
  }
}

function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}

function main([keys, exports]) {
  if (!exports) {
    throw new Error("give the file with the keys (JWKS) and the file with the exports");
  }
  const jwks = JSON.parse(readFileSync(keys, "utf8"));
  for (const jws of readFileSync(exports, "utf8").split("\n").filter(Boolean)) {
    const text = open(jws, jwks);
    checkChain(text);
    const { session, rules, receipt } = JSON.parse(text);
    const policy = rules ? `${rules.policy.key} ${rules.policy.version}` : "no rules of a place";
    console.log(`${session.id}: ${receipt.status}, ${receipt.events.length} events, ${policy}`);
  }
}

// Run, not imported.
const script = process.argv[1];
if (script && existsSync(script) && realpathSync(script) === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`verify-evidence.mjs: ${error.message}`);
    process.exitCode = 1;
  }
}
