// Drives the sandbox with Stripe's official Node.js library and takes its signed webhooks.
//
//     node drive.mjs URL KEY WEBHOOK_SECRET        (with the package `stripe` in reach)
import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {join} from 'node:path';

const require = createRequire(join(process.env.STRIPE_MODULES ?? process.cwd(), 'package.json'));
const loaded = require('stripe');
const Stripe = loaded.default ?? loaded.Stripe ?? loaded;
const [address, key, secret] = process.argv.slice(2);
const base = new URL(address);
const stripe = new Stripe(key, {
  host: base.hostname, port: Number(base.port), protocol: 'http', maxNetworkRetries: 0, telemetry: false,
});

async function control(path, body) {
  const answer = await fetch(new URL(`/_sandbox/${path}`, base), {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

async function refused(promise, type, code) {
  const error = await promise.then(() => assert.fail(`nothing was refused with ${type}`), (error) => error);
  assert.equal(error.type, type);
  if (code) assert.equal(error.code, code);
  assert.ok(error.requestId, 'a refusal names its request');
}

async function subscribe() {
  const product = await stripe.products.create({name: 'Pro'});
  const price = await stripe.prices.create(
    {product: product.id, currency: 'usd', unit_amount: 4900, recurring: {interval: 'month'}});
  const customer = await stripe.customers.create({email: 'grace@example.com', metadata: {plan: 'pro'}});
  const subscription = await stripe.subscriptions.create(
    {customer: customer.id, items: [{price: price.id, quantity: 2}], expand: ['latest_invoice']},
    {idempotencyKey: 'drive-mjs'});
  assert.equal(subscription.status, 'active');
  assert.equal(subscription.latest_invoice.amount_paid, 9800);
  assert.equal(subscription.items.data[0].price.id, price.id);
  return {customer, price, subscription};
}

async function discounts(subscription) {
  const coupon = await stripe.coupons.create({percent_off: 50, duration: 'repeating', duration_in_months: 3});
  const changed = await stripe.subscriptions.update(subscription.id, {discounts: [{coupon: coupon.id}]});
  assert.equal(changed.discounts.length, 1);
  const preview = await stripe.invoices.createPreview({subscription: subscription.id});
  assert.equal(preview.total, 4900);
  const cleared = await stripe.subscriptions.update(subscription.id, {discounts: ''});
  assert.deepEqual(cleared.discounts, []);
}

async function pause(subscription) {
  const held = await stripe.subscriptions.update(subscription.id, {pause_collection: {behavior: 'keep_as_draft'}});
  assert.equal(held.status, 'active');
  await stripe.subscriptions.update(subscription.id, {pause_collection: ''});
  assert.equal((await stripe.subscriptions.pause(subscription.id)).status, 'paused');
  const resumed = await stripe.subscriptions.resume(subscription.id,
    {billing_cycle_anchor: {type: 'now'}, payment_behavior: 'resume_on_payment_success'});
  assert.equal(resumed.status, 'active');
}

async function schedule(subscription, price) {
  const made = await stripe.subscriptionSchedules.create({from_subscription: subscription.id});
  const [{start_date, end_date}] = made.phases;
  const updated = await stripe.subscriptionSchedules.update(made.id, {phases: [
    {start_date, end_date, items: [{price: price.id, quantity: 2}]},
    {items: [{price: price.id, quantity: 1}], proration_behavior: 'none', duration: {interval: 'month'}},
  ]});
  assert.equal(updated.phases.length, 2);
  await refused(stripe.subscriptions.update(subscription.id, {cancel_at_period_end: true}), 'StripeInvalidRequestError');
  assert.equal((await stripe.subscriptionSchedules.release(made.id)).status, 'released');
}

async function invoices(customer) {
  const draft = await stripe.invoices.create({customer: customer.id, currency: 'usd', discounts: ''});
  await stripe.invoiceItems.create({customer: customer.id, invoice: draft.id, amount: 2500});
  const open = await stripe.invoices.finalizeInvoice(draft.id);
  assert.deepEqual([open.status, open.amount_remaining], ['open', 2500]);
  await stripe.creditNotes.create({invoice: draft.id, amount: 500});
  assert.equal((await stripe.invoices.pay(draft.id)).amount_paid, 2000);
  await refused(stripe.invoices.voidInvoice(draft.id), 'StripeInvalidRequestError');
  const change = await stripe.customers.createBalanceTransaction(customer.id, {amount: -300, currency: 'usd'});
  assert.equal(change.ending_balance, -300);
}

async function cancel(customer, subscription) {
  const ended = await stripe.subscriptions.cancel(subscription.id, {cancellation_details: {feedback: 'unused'}});
  assert.equal(ended.status, 'canceled');
  await refused(stripe.subscriptions.cancel(subscription.id), 'StripeInvalidRequestError', 'resource_missing');
  let count = 0;
  for await (const one of stripe.subscriptions.list({customer: customer.id, status: 'all', limit: 1})) {
    assert.equal(one.object, 'subscription');
    count += 1;
  }
  assert.equal(count, 1);
  await control('faults', {method: 'GET', path: '/v1/coupons', fault: {kind: 'rate_limited', retry_after: 1}});
  await refused(stripe.coupons.list(), 'StripeRateLimitError', 'rate_limit');
}

async function webhooks() {
  const taken = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      try {
        taken.push(stripe.webhooks.constructEvent(Buffer.concat(parts), request.headers['stripe-signature'], secret));
        response.writeHead(200).end();
      } catch (error) {
        console.error(error.message);
        response.writeHead(400).end();
      }
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const sent = await control('webhooks', {url: `http://127.0.0.1:${server.address().port}/`});
  server.close();
  assert.ok(sent.length > 0 && sent.every(({status}) => status === 200), 'every webhook is taken');
  assert.throws(() => stripe.webhooks.constructEvent('{}', 't=1,v1=00', secret));
  return taken;
}

const {customer, price, subscription} = await subscribe();
await discounts(subscription);
await pause(subscription);
await schedule(subscription, price);
await invoices(customer);
await cancel(customer, subscription);
const events = await webhooks();
console.log(`stripe ${Stripe.PACKAGE_VERSION} (npm): ${events.length} webhooks of ${new Set(events.map(({type}) => type)).size} types`);
