"""Drives the sandbox with Stripe's official Python library: makes and changes the objects it has, holds each answer
against the library's own types, and takes its signed webhooks.

    python drive.py URL KEY WEBHOOK_SECRET"""

import http.server
import json
import sys
import threading
import urllib.request

import stripe

from stripe_types import problems

BASE, KEY, SECRET = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3]
client = stripe.StripeClient(KEY, base_addresses={"api": BASE}, max_network_retries=0)
v1 = client.v1
seen, wrong = set(), []


def held(answer):
    """Notes where an answer is not what its class says."""
    seen.add(type(answer).__name__)
    for problem in problems(answer, type(answer).__name__):
        wrong.append(problem)
    return answer


def expect(condition, words):
    if not condition:
        wrong.append(words)


def refused(call, kind, code=None):
    try:
        call()
    except kind as error:
        expect(code is None or error.code == code, f"the refusal's code is {error.code}, not {code}")
        expect(error.http_status and error.headers, "a refusal without status and headers")
        return
    wrong.append(f"nothing was refused with {kind.__name__}")


def control(path, body):
    request = urllib.request.Request(
        f"{BASE}/_sandbox/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    return json.load(urllib.request.urlopen(request))


def catalog():
    product = held(v1.products.create({"name": "Pro", "metadata": {"tier": "2"}}))
    month = held(v1.prices.create({
        "product": product.id, "currency": "usd", "unit_amount": 4900, "recurring": {"interval": "month"}}))
    tiered = held(v1.prices.create({
        "product": product.id, "currency": "usd", "recurring": {"interval": "month"}, "billing_scheme": "tiered",
        "tiers_mode": "volume", "tiers": [{"up_to": 5, "unit_amount": 900}, {"up_to": "inf", "unit_amount": 700}],
        "expand": ["tiers"]}))
    expect(tiered.unit_amount is None and tiered.tiers[1].up_to is None, "tiers")
    metered = held(v1.prices.create({
        "product": product.id, "currency": "usd", "unit_amount": 2,
        "recurring": {"interval": "month", "usage_type": "metered", "meter": "mtr_calls"}}))
    held(v1.products.update(product.id, {"description": "For teams", "default_price": month.id}))
    held(v1.products.retrieve(product.id))
    held(v1.prices.list({"product": product.id, "active": True}))
    return product, month, tiered, metered


def discounts():
    half = held(v1.coupons.create({"percent_off": 12.5, "duration": "repeating", "duration_in_months": 3}))
    fixed = held(v1.coupons.create({"amount_off": 500, "currency": "usd", "duration": "once"}))
    code = held(v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": fixed.id}, "code": "SAVE5"}))
    held(v1.promotion_codes.list({"code": "SAVE5"}))
    return half, code


def features(product, customer):
    feature = held(v1.entitlements.features.create({"lookup_key": "export", "name": "Export"}))
    held(v1.products.features.create(product.id, {"entitlement_feature": feature.id}))
    held(v1.products.features.list(product.id))
    held(v1.entitlements.active_entitlements.list({"customer": customer.id}))


def subscriptions(customer, month, tiered, metered, half, code):
    one = held(v1.subscriptions.create({
        "customer": customer.id, "items": [{"price": month.id, "quantity": 2}], "metadata": {"seat": "a"},
        "discounts": [{"coupon": half.id}, {"promotion_code": code.id}],
        "expand": ["latest_invoice", "discounts.source.coupon"]}, options={"idempotency_key": "drive-1"}))
    again = v1.subscriptions.create({
        "customer": customer.id, "items": [{"price": month.id, "quantity": 2}], "metadata": {"seat": "a"},
        "discounts": [{"coupon": half.id}, {"promotion_code": code.id}],
        "expand": ["latest_invoice", "discounts.source.coupon"]}, options={"idempotency_key": "drive-1"})
    expect(again.id == one.id, "an idempotency key replays")
    expect(one.latest_invoice.status == "paid", "the first invoice is paid")
    held(one.latest_invoice)
    held(v1.subscriptions.update(one.id, {"discounts": "", "pause_collection": {"behavior": "void"}}))
    held(v1.subscriptions.update(one.id, {"pause_collection": "", "proration_behavior": "none", "trial_end": "now"}))
    held(v1.subscriptions.create({"customer": customer.id, "items": [{"price": tiered.id}, {"price": metered.id}],
                                  "collection_method": "send_invoice", "days_until_due": 14}))
    classic = held(v1.subscriptions.create({
        "customer": customer.id, "items": [{"price": month.id}], "billing_mode": {"type": "classic"},
        "trial_period_days": 14}))
    held(v1.subscriptions.migrate(classic.id, {"billing_mode": {"type": "flexible"}}))
    held(v1.subscriptions.update(classic.id, {"cancel_at": "min_period_end"}))
    ended = held(v1.subscriptions.cancel(classic.id, {"cancellation_details": {"feedback": "too_expensive"}}))
    expect(ended.status == "canceled", "canceled")
    page = v1.subscriptions.list({"customer": customer.id, "status": "all", "limit": 1})
    expect(len(list(page.auto_paging_iter())) == 3, "pages lead to all subscriptions")
    return one


def items(one, tiered):
    added = held(v1.subscription_items.create({
        "subscription": one.id, "price": tiered.id, "quantity": 3, "proration_behavior": "none"}))
    held(v1.subscription_items.update(added.id, {"quantity": 6}))
    held(v1.subscription_items.list({"subscription": one.id}))
    held(v1.subscription_items.delete(added.id))
    preview = held(v1.invoices.create_preview({
        "subscription": one.id, "subscription_details": {"billing_cycle_anchor": {"type": "unchanged"}}}))
    expect(preview.amount_due is not None, "a preview has an amount")


def pauses(one):
    paused = held(v1.subscriptions.pause(one.id, {"bill_for": {"unused_time_from": {"type": "none"}}}))
    expect(paused.status_details.paused.subscription.type == "pause_requested", "status_details")
    resumed = held(v1.subscriptions.resume(one.id, {
        "billing_cycle_anchor": {"type": "now"}, "payment_behavior": "resume_on_payment_success"}))
    expect(resumed.status == "active", "resumed")


def schedules(one, month):
    schedule = held(v1.subscription_schedules.create({"from_subscription": one.id}))
    phase = schedule.phases[0]
    held(v1.subscription_schedules.update(schedule.id, {"end_behavior": "release", "phases": [
        {"start_date": phase.start_date, "end_date": phase.end_date,
         "items": [{"price": i.price, "quantity": i.quantity} for i in phase["items"]]},
        {"items": [{"price": month.id, "quantity": 1}], "proration_behavior": "none",
         "duration": {"interval": "month", "interval_count": 1}}]}))
    refused(lambda: v1.subscriptions.update(one.id, {"cancel_at_period_end": True}), stripe.InvalidRequestError)
    held(v1.subscription_schedules.list({"customer": schedule.customer}))
    held(v1.subscription_schedules.release(schedule.id))


def invoices(customer):
    draft = held(v1.invoices.create({"customer": customer.id, "currency": "usd", "collection_method": "send_invoice",
                                     "days_until_due": 30, "discounts": "", "metadata": {"part": "1"}}))
    held(v1.invoice_items.create({"customer": customer.id, "invoice": draft.id, "amount": 2500, "description": "Part"}))
    single = held(v1.invoice_items.create({"customer": customer.id, "amount": -100}))
    held(v1.invoice_items.list({"pending": True, "customer": customer.id}))
    held(v1.invoice_items.delete(single.id))
    held(v1.invoices.update(draft.id, {"description": "The first part"}))
    held(v1.invoices.finalize_invoice(draft.id, {"auto_advance": False}))
    note = held(v1.credit_notes.create({"invoice": draft.id, "amount": 500, "reason": "order_change"}))
    held(v1.credit_notes.list({"invoice": draft.id}))
    expect(note.pre_payment_amount == 500, "credit note")
    written = held(v1.invoices.mark_uncollectible(draft.id))
    expect(written.status_details.uncollectible.reason == "user_forgiven", "why it is uncollectible")
    held(v1.invoices.void_invoice(draft.id))
    unwanted = v1.invoices.create({"customer": customer.id})
    expect(held(v1.invoices.delete(unwanted.id)).deleted, "drafts are deleted")
    held(v1.invoices.list({"customer": customer.id, "status": "paid"}))
    held(v1.customers.balance_transactions.create(customer.id, {"amount": -700, "currency": "usd"}))
    held(v1.customers.balance_transactions.list(customer.id))


def failures(month):
    poor = held(v1.customers.create({
        "email": "poor@example.com", "invoice_settings": {"default_payment_method": "pm_card_chargeCustomerFail"}}))
    behind = held(v1.subscriptions.create({"customer": poor.id, "items": [{"price": month.id}]}))
    expect(behind.status == "incomplete", "a first payment that fails leaves it incomplete")
    refused(lambda: v1.invoices.pay(behind.latest_invoice), stripe.CardError, "card_declined")
    paid = held(v1.invoices.pay(behind.latest_invoice, {"payment_method": "pm_card_visa"}))
    expect(paid.status == "paid", "paid with another card")
    refused(lambda: v1.subscriptions.retrieve("sub_none"), stripe.InvalidRequestError, "resource_missing")
    refused(lambda: v1.coupons.create({"percent_of": 5}), stripe.InvalidRequestError, "parameter_unknown")
    nobody = stripe.StripeClient("sk_test_wrong", base_addresses={"api": BASE}, max_network_retries=0)
    refused(lambda: nobody.v1.customers.list(), stripe.AuthenticationError)
    for fault, error in [
        ({"kind": "rate_limited"}, stripe.RateLimitError),
        ({"kind": "server_error"}, stripe.APIError),
    ]:
        control("faults", {"method": "GET", "path": "/v1/coupons", "fault": fault})
        refused(lambda: v1.coupons.list(), error)


class Receiver(http.server.BaseHTTPRequestHandler):
    taken, troubles = [], []

    def do_POST(self):
        payload = self.rfile.read(int(self.headers["Content-Length"]))
        signature = self.headers["Stripe-Signature"]
        try:
            event = client.construct_event(payload, signature, SECRET)
            self.taken.append(event)
            self.troubles += problems(event.data.object, event.type)
            self.send_response(200)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            self.troubles.append(f"a webhook: {error!r}")
            self.send_response(400)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def webhooks():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sent = control("webhooks", {"url": f"http://127.0.0.1:{server.server_port}/"})
    expect(sent and all(one["status"] == 200 for one in sent), "every webhook is taken")
    wrong.extend(sorted(set(Receiver.troubles)))
    try:
        client.construct_event(b"{}", "t=1,v1=00", SECRET)
        wrong.append("a wrong signature is taken")
    except stripe.SignatureVerificationError:
        pass
    return len(Receiver.taken), sorted({event.type for event in Receiver.taken})


def main():
    held(client.v1.accounts.retrieve_current())
    product, month, tiered, metered = catalog()
    half, code = discounts()
    clock = held(v1.test_helpers.test_clocks.create({"frozen_time": 1798761600, "name": "drive"}))
    held(v1.customers.create({"email": "clock@example.com", "test_clock": clock.id}))
    customer = held(v1.customers.create({"email": "ada@example.com", "name": "Ada", "metadata": {"plan": "pro"}}))
    one = subscriptions(customer, month, tiered, metered, half, code)
    features(product, customer)
    items(one, tiered)
    pauses(one)
    schedules(one, month)
    invoices(customer)
    failures(month)
    held(v1.events.list({"type": "customer.*", "limit": 5}))
    held(v1.customers.update(customer.id, {"phone": "+1 555 0100", "balance": 0}))
    expect(held(v1.customers.delete(customer.id)).deleted, "customers are deleted")
    count, kinds = webhooks()
    print(f"stripe {stripe.VERSION} (PyPI): {len(seen)} kinds of answers, {count} webhooks of {len(kinds)} types")
    if wrong:
        sys.exit("\n".join(sorted(set(wrong))))


main()
