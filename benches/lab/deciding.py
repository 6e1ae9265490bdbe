"""What is measured of deciding, over HTTP: many segments, and budgets that many draw on. One function each."""

import json
import random

from .measure import expect_no_errors, now_micros
from .neighbour import another
from .report import ratio, turns

NUMBERS, TEXTS = 8, 4


def segments(lab):
    """Begin with 10,000 segments of eight comparisons beside begin with 10, in turns, for customers with a profile."""
    services = {count: following(lab, f"segments-{count}", flow_of(count)) for count in (10, 10_000)}
    rates = {count: [] for count in services}
    try:
        for service in services.values():
            lab.begin(seconds=1, service=service)
        for _ in range(lab.options.rounds):
            for count, service in services.items():
                rates[count].append(lab.begin(pairs=known(lab), service=service)["per_second"])
    finally:
        for service in services.values():
            service.stop()
    for count, runs in rates.items():
        lab.report.line(f"begin with {count:,} segments of 8 comparisons, a second", turns(runs))
    lab.report.least("begin: throughput with 10,000 segments to 10", lab.median(rates[10_000]) / lab.median(rates[10]),
                     0.95, ratio)


def budgets(lab):
    """Begin with a budget beside begin without one, in turns; then 64 connections that accept more than it holds."""
    bounded, free = discounts(10**12), discounts(None)
    services = {"with": following(lab, "bounded", bounded), "without": following(lab, "free", free)}
    rates = {name: [] for name in services}
    try:
        for _ in range(lab.options.rounds):
            for name, service in services.items():
                rates[name].append(lab.begin(service=service)["per_second"])
    finally:
        for service in services.values():
            service.stop()
    for name, runs in rates.items():
        lab.report.line(f"begin {name} a budget, a second", turns(runs))
    lab.report.least("begin: throughput with a budget to without", lab.median(rates["with"]) / lab.median(rates["without"]),
                     0.9, ratio)
    overdrawn(lab)


def overdrawn(lab):
    """Twice as many accepts as the budget holds, 64 at once: exactly as many as it holds must come through."""
    count = max(int(lab.options.seconds * 100), 128) // 2 * 2
    each = 2450
    service = following(lab, "scarce", discounts(count // 2 * each))
    try:
        pairs = lab.load.ask("seed", count=count)
        lab.begin(pairs=pairs, seconds=120, keep=True, offer="discount", service=service)
        got = lab.load.accept(service.address, 64, 120, scarce=True)
    finally:
        service.stop()
    expect_no_errors(got)
    through = got["good"].get("200", 0) + got["good"].get("202", 0)
    spent = int(lab.postgres.query("SELECT sum(spent) FROM budgets WHERE budget LIKE 'scarce/%'"))
    lab.report.line(f"{count} accepts at once on a budget for {count // 2}: through, a second", f"{got['per_second']:,.0f}")
    lab.report.line("accepted, and spent in minor units", f"{through}, {spent:,}", f"{count // 2}, {count // 2 * each:,}",
                    (through, spent) == (count // 2, count // 2 * each))


def following(lab, key, flow):
    """A service of its own whose sessions follow this flow."""
    path = lab.folder / f"{key}.json"
    path.write_text(json.dumps({"key": key, **flow}))
    lab.service.command("flow", "publish", str(path))
    return another(lab, COUNTEROFFER_SESSIONS__FLOW=key)


def known(lab):
    """New subscribers whom the app has told about: a value for each of the attributes that segments ask about."""
    numbers = random.Random(11)
    pairs = lab.fresh(int(lab.options.seconds * 8_000))
    values = []
    for customer, _ in pairs:
        # As the service keeps them.
        told = {f"n{n}": {"type": "number", "value": str(numbers.randrange(1000))} for n in range(NUMBERS)}
        told |= {f"t{n}": {"type": "text", "value": f"w{numbers.randrange(20)}"} for n in range(TEXTS)}
        values.append(f"('{customer}', NULL, '{json.dumps(told)}', {now_micros()})")
    lab.postgres.query("INSERT INTO customers VALUES " + ", ".join(values) + "; ANALYZE; CHECKPOINT;")
    return pairs


def flow_of(count):
    numbers = random.Random(7)
    attributes = {f"customer.n{n}": "number" for n in range(NUMBERS)} | {f"customer.t{n}": "text" for n in range(TEXTS)}
    # So selective that as many hold for a customer whatever the count: 0.3 of them.
    share = (0.3 / (count * 0.95**3)) ** (1 / 5)
    made = {f"s{number}": segment(numbers, share) for number in range(count)}
    rules = [{"when": {"segments": [key]}, "present": ["breather"]} for key in list(made)[:10]]
    return {
        "reasons": REASONS, "attributes": attributes, "segments": made,
        "offers": {"breather": {"type": "pause", "terms": {"choices": [{"interval": "month", "count": 1}]}}},
        "rules": [*rules, {"otherwise": True, "present": ["breather"]}],
    }


def segment(numbers, share):
    """Eight comparisons over twelve attributes: five of numbers, each of which holds for this share; three of texts."""
    parts = []
    for _ in range(5):
        width = round(1000 * share * numbers.uniform(0.8, 1.2))
        test = numbers.choice([{"lt": width}, {"lte": width - 1}, {"gte": 1000 - width}, {"gt": 999 - width}])
        parts.append({"attribute": f"customer.n{numbers.randrange(NUMBERS)}", **test})
    parts += [{"attribute": f"customer.t{numbers.randrange(TEXTS)}", "ne": f"w{numbers.randrange(20)}"} for _ in range(3)]
    return {"all": parts}


def discounts(amount):
    """A flow that gives half of the next month, out of a budget of so many minor units, if any."""
    budget = [{"offer_types": ["discount"], "per": "month", "amount": amount, "currency": "usd"}] if amount else []
    return {
        "reasons": REASONS,
        "offers": {"half-off": {"type": "discount", "terms": {"percent_off": 50, "duration": "once"}}},
        "rules": [{"otherwise": True, "present": ["half-off"]}],
        "policy": {"budgets": budget} if budget else {},
    }


REASONS = [{"key": "too_expensive", "label": {"en": "It costs too much"}, "stripe_feedback": "too_expensive"}]

ALL = {"segments": segments, "budgets": budgets}
