// Reads rules and customers from standard input; writes nanoseconds a customer and the matches.
import { Engine } from "json-rules-engine";
import { text } from "node:stream/consumers";

const { rules, customers } = JSON.parse(await text(process.stdin));
const engine = new Engine(rules);
const bytes = customers.map((known) => JSON.stringify(known));

async function median(items, values) {
  const rounds = [];
  let matches = 0;
  const begun = process.hrtime.bigint();
  while (rounds.length < 3 || process.hrtime.bigint() - begun < 2_000_000_000n) {
    matches = 0;
    const started = process.hrtime.bigint();
    for (const item of items) matches += (await engine.run(values(item))).events.length;
    rounds.push(Number(process.hrtime.bigint() - started) / items.length);
  }
  return { median: rounds.sort((a, b) => a - b)[Math.floor(rounds.length / 2)], matches };
}

const ready = await median(customers, (known) => known);
const parsed = await median(bytes, (text) => JSON.parse(text));
process.stdout.write(JSON.stringify({ ready: ready.median, bytes: parsed.median, matches: ready.matches }));
