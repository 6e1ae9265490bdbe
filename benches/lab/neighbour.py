"""What is measured of Stripe as a neighbour: slow, limited, and away. One function each, in the order of the report."""

import json
import time
import urllib.request

from .measure import accepts, expect_no_errors, millis
from .processes import Service
from .report import ratio, turns

# As often as one endpoint of Stripe's may be called by work in the background: three quarters of 20.
BACKGROUND_A_SECOND = 15
LIMITS = {
    "COUNTEROFFER_STRIPE__REQUESTS_PER_SECOND": "80",
    "COUNTEROFFER_STRIPE__REQUESTS_PER_ENDPOINT": "20",
    "COUNTEROFFER_STRIPE__RESERVED_PERCENT": "25",
}
# What is to be done by now. The ends of pauses lie a month ahead, and what pgbench wrote lies farther still.
OPEN = "NOT settled AND due_at < (extract(epoch FROM now())::bigint + 86400) * 1000000"


def slow(lab):
    """Accept over HTTP with Stripe answering in 0, 100 and 1,000 ms, waiting for it as long as is usual (2 s)."""
    service = another(lab, COUNTEROFFER_SESSIONS__ACCEPT_DEADLINE_MS="2000")
    try:
        for latency, a_second in ((0, 300), (100, 60), (1_000, 20)):
            count = max(int(lab.options.seconds * a_second), 64)
            got = accepts(lab, count, service=service, latency=latency)
            later = 100 * got["good"].get("202", 0) / got["count"]
            name = f"accept, Stripe answering in {latency:,} ms"
            lab.report.line(f"{name}, 64 connections, a second", f"{got['per_second']:,.0f}")
            lab.report.line(f"{name}: p50 and p99", f"{millis(got['micros']['p50'])}, {millis(got['micros']['p99'])}")
            lab.report.line(f"{name}: answered 202, applied later", f"{later:.1f} %")
            lab.load.ask("stripe", latency=0, up=True)
            settled(lab, service)
    finally:
        service.stop()


def drain(lab):
    """Operations that one worker drains with Stripe at 100 ms: within our limits, and with them lifted."""
    for name, limits, a_second in (("within our limits", LIMITS, 12), ("our limits lifted", {}, 60)):
        count = int(lab.options.seconds * a_second)
        service = due(lab, count, limits)
        try:
            before, started = calls(service), time.perf_counter()
            waiting = unsettled(lab)
            settled(lab, service)
            took = time.perf_counter() - started
            by_call = {call: (made - before.get(call, 0)) / took for call, made in calls(service).items()}
        finally:
            service.stop()
            lab.load.ask("stripe", latency=0, up=True)
        busiest, rate = max(by_call.items(), key=lambda item: item[1])
        lab.report.line(f"operations drained by one worker, Stripe at 100 ms, {name}, a second", f"{waiting / took:.1f}")
        lab.report.line(f"calls to Stripe meanwhile, a second ({busiest}: {rate:.1f})", f"{sum(by_call.values()):.1f}")
        if limits:
            share = rate / BACKGROUND_A_SECOND
            lab.report.least(f"{busiest}: calls to what our limit leaves to the background", share, 0.9, ratio)
    lab.service.start()


def outage(lab):
    """Begin while Stripe is down and every picture of a subscription is stale, beside begin with fresh ones, in turns."""
    lab.running()
    stale = another(lab, COUNTEROFFER_SESSIONS__SNAPSHOT_MAX_AGE_SECONDS="0")
    up, down = [], []
    try:
        lab.begin(seconds=1)
        for _ in range(lab.options.rounds):
            lab.load.ask("stripe", latency=0, up=True)
            up.append(lab.begin())
            pairs = lab.fresh(int(lab.options.seconds * 8_000))
            lab.load.ask("stripe", latency=0, up=False)
            until_away(lab, stale)
            down.append(lab.begin(pairs=pairs, service=stale))
    finally:
        stale.stop()
        lab.load.ask("stripe", latency=0, up=True)
    before, after = ([run["per_second"] for run in runs] for runs in (up, down))
    lab.report.line("begin with fresh pictures and Stripe up, a second", turns(before))
    lab.report.line("begin with stale pictures and Stripe down, a second", turns(after))
    lab.report.least("begin: throughput while Stripe is down to before", lab.median(after) / lab.median(before), 0.9, ratio)
    before, after = ([run["micros"]["p99"] for run in runs] for runs in (up, down))
    lab.report.line("begin: p99 while Stripe is down to before", ratio(lab.median(after) / lab.median(before)))


def another(lab, **more):
    """A second service on the same database, started."""
    service = Service(lab.programs["counteroffer"], lab.postgres.url, lab.load.sandbox, lab.folder, **more)
    service.start()
    return service


def due(lab, count, limits):
    """So many operations due at once, accepted while Stripe was down, and a service that has just begun with them."""
    lab.service.stop()
    service = another(lab, COUNTEROFFER_SESSIONS__ACCEPT_DEADLINE_MS="0")
    pairs = lab.load.ask("seed", count=count)
    lab.begin(pairs=pairs, seconds=120, keep=True, service=service)
    lab.load.ask("stripe", latency=0, up=False)
    expect_no_errors(lab.load.accept(service.address, 64, 120))
    service.stop()
    lab.load.ask("stripe", latency=100, up=True)
    lab.postgres.query(f"UPDATE operations SET due_at = created_at, lease_owner = NULL, lease_until = NULL WHERE {OPEN}")
    return another(lab, **limits)


def unsettled(lab):
    return int(lab.postgres.query(f"SELECT count(*) FROM operations WHERE {OPEN}"))


def settled(lab, service):
    """Waits until nothing is left to apply."""
    while unsettled(lab):
        if service.process.poll() is not None:
            raise SystemExit("the service ended:\n" + (lab.folder / "service.log").read_text()[-4000:])
        time.sleep(0.05)


def until_away(lab, service):
    """Lets the service find out that Stripe is away."""
    for _ in range(20):
        with urllib.request.urlopen(f"http://{service.address}/readyz", timeout=5) as answer:
            if json.load(answer)["checks"]["stripe"] != "ok":
                return
        lab.begin(pairs=lab.fresh(8), connections=8, seconds=10, service=service)
    raise SystemExit("the service does not notice that Stripe is away")


def calls(service):
    """Calls to Stripe so far, by method and path."""
    with urllib.request.urlopen(f"http://{service.address}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = {}
    for line in lines:
        if line.startswith("counteroffer_stripe_call_seconds_count{"):
            labels, made = line.rsplit(" ", 1)
            call = labels.split('call="')[1].split('"')[0]
            found[call] = found.get(call, 0) + float(made)
    return found


ALL = {"slow": slow, "drain": drain, "outage": outage}
