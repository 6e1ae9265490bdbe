"""What is measured, one function each, in the order of the report."""

import dataclasses
import json
import os
import pathlib
import sqlite3
import statistics
import subprocess
import time

from . import rows
from .processes import Service
from .report import ratio, turns


@dataclasses.dataclass
class Lab:
    """Everything that measurements work with."""

    options: object
    report: object
    programs: dict
    folder: pathlib.Path
    postgres: object
    pgbench: object
    load: object
    service: object
    subscribers: int = 0
    template: object = None
    script: object = None

    def median(self, values):
        return statistics.median(values)

    def fresh(self, count, insert=None):
        """So many new subscribers, with fresh snapshots in the database (PostgreSQL's, or by `insert`), looked at for signals."""
        if self.template is None:
            [[_, subscription]] = self.load.ask("seed", count=1)
            self.template = self.load.ask("snapshot", subscription=subscription)
        first, self.subscribers = self.subscribers, self.subscribers + count
        pairs = [(f"cus_bench{n:09}", f"sub_bench{n:09}") for n in range(first, first + count)]
        if insert:
            insert(pairs, self.body)
        else:
            body = self.body("cus_bench", "sub_bench").replace("'", "''")
            number = "lpad(n::text, 9, '0')"
            body = f"replace(replace('{body}', 'cus_bench', 'cus_bench' || {number}), 'sub_bench', 'sub_bench' || {number})"
            self.postgres.query(
                f"INSERT INTO snapshots SELECT 'sub_bench' || {number}, 'cus_bench' || {number}, {body}, "
                f"{now_micros()}, {now_micros() + DAY} FROM generate_series({first}, {first + count - 1}) AS n; ANALYZE; CHECKPOINT;")
        return pairs

    def body(self, customer, subscription):
        return json.dumps({**self.template, "id": subscription, "customer": customer}, separators=(",", ":"))

    def begin(self, connections=64, seconds=None, count=None, pairs=None, service=None, **more):
        """Begins sessions for a while; the figures, with the CPU seconds of service and PostgreSQL."""
        service, seconds = service or self.service, seconds or self.options.seconds
        pairs = pairs or self.fresh(count or int(seconds * (14_000 if connections > 1 else 3_000)))
        own, database = service.cpu(), self.postgres.cpu()
        got = self.load.begin(service.address, pairs, connections, seconds, reason=self.options.reason, **more)
        got["cpu_service"], got["cpu_database"] = service.cpu() - own, self.postgres.cpu() - database
        expect_no_errors(got)
        return got

    def running(self):
        if self.service.process is None:
            self.service.start()

    def begin_script(self):
        """pgbench's script for one begin, from the rows that a real one wrote."""
        if self.script is None:
            self.begin(connections=1, seconds=5, count=20)
            session = self.postgres.rows("sessions", "customer like 'cus_bench%' order by id limit 1")[0]
            session_rows = self.rows_of(session["id"])
            self.script = rows.begin(session, session_rows["offers"], session_rows["decisions"][0])
            size = written([session, *session_rows["offers"], *session_rows["decisions"]])
            self.report.note(f"A begin writes 1 session, {len(session_rows['offers'])} offers and 1 decision, about "
                             f"{size / 1000:.1f} kB in all; pgbench writes the same rows to the same tables.")
        return self.script

    def rows_of(self, session):
        of = f"session_id = '{session}'"
        return {"offers": self.postgres.rows("session_offers", of + " order by ordinal"),
                "decisions": self.postgres.rows("session_decisions", of),
                "audit": self.postgres.rows("audit_lines", of)}


# In microseconds, as the database counts.
DAY = 86_400_000_000


def now_micros():
    return int(time.time() * 1_000_000)


def written(these):
    """How long the values of these rows are, as text."""
    return sum(len(str(value)) for row in these for value in row.values())


def expect_no_errors(got):
    if got["unexpected"] or not got["count"]:
        wrong = {status: f"{count} times, as {body[:500]}" for status, (count, body) in got["unexpected"].items()}
        raise SystemExit(f"unexpected answers: {wrong} and {got['count']} good ones")


def millis(micros):
    return f"{micros / 1000:.2f} ms"


def start(lab):
    """From the start of the process to the first answer, on a migrated database."""
    times = []
    for _ in range(7):
        times.append(lab.service.start() * 1000)
        lab.service.stop()
    lab.service.start()
    lab.report.most("start to the first answer, migrated PostgreSQL", lab.median(times), 100, lambda ms: f"{ms:.0f} ms")


def begin(lab):
    """Begin at 64 connections beside pgbench, in turns."""
    lab.running()
    script = lab.begin_script()
    lab.begin(seconds=min(2, lab.options.seconds))
    ours, theirs = [], {8: [], 32: [], 64: []}
    for _ in range(lab.options.rounds):
        ours.append(lab.begin())
        for clients, runs in theirs.items():
            lab.postgres.query("CHECKPOINT")
            runs.append(lab.pgbench.run(script, clients, lab.options.seconds))
    rate = {clients: [run["per_second"] for run in runs] for clients, runs in theirs.items()}
    best = max((8, 32), key=lambda clients: lab.median(rate[clients]))
    mine = [run["per_second"] for run in ours]
    report = lab.report
    report.line("begin, HTTP, 64 connections, a second", turns(mine))
    for clients in (8, 32):
        report.line(f"the same rows by pgbench, {clients} clients, a second", turns(rate[clients]))
    report.least("begin: throughput to pgbench's best", lab.median(mine) / lab.median(rate[best]), 1.7, ratio)
    p99, their_p99 = ([run["micros"]["p99"] for run in runs] for runs in (ours, theirs[64]))
    report.line("begin, p99 at 64 connections", turns(p99, "{:,.0f} µs"))
    report.line("pgbench, p99 at 64 clients", turns(their_p99, "{:,.0f} µs"))
    report.most("begin: p99 to pgbench's at 64 clients", lab.median(p99) / lab.median(their_p99), 0.4, ratio)
    cpu_line(lab, "begin", ours, theirs[best], 0.6)


def cpu_line(lab, what, ours, theirs, limit):
    service = [run["cpu_service"] / run["count"] * 1e6 for run in ours]
    database = [run["cpu_database"] / run["count"] * 1e6 for run in ours]
    both = [one + other for one, other in zip(service, database)]
    alone = [run["cpu_database"] / run["count"] * 1e6 for run in theirs]
    their_all = [run["cpu"] / run["count"] * 1e6 for run in theirs]
    report = lab.report
    report.line(f"{what}, CPU of the service per request", turns(service, "{:.0f} µs"))
    report.line(f"{what}, CPU of PostgreSQL per request", turns(database, "{:.0f} µs"))
    report.line("pgbench, CPU of PostgreSQL per transaction", turns(alone, "{:.0f} µs"))
    report.line("pgbench, CPU of PostgreSQL and pgbench per transaction", turns(their_all, "{:.0f} µs"))
    share = lab.median(both) / lab.median(their_all)
    if limit is None:
        report.line(f"{what}: CPU to pgbench's", ratio(share))
    else:
        report.most(f"{what}: CPU to pgbench's", share, limit, ratio)
    report.line(f"{what}: CPU of PostgreSQL alone to pgbench's", ratio(lab.median(database) / lab.median(alone)))


def single(lab):
    """One connection: the median time of a begin beside pgbench with one client."""
    lab.running()
    script = lab.begin_script()
    ours, theirs = [], []
    for _ in range(lab.options.rounds):
        ours.append(lab.begin(connections=1, seconds=lab.options.seconds / 2)["micros"]["p50"])
        theirs.append(lab.pgbench.run(script, 1, lab.options.seconds / 2)["micros"]["p50"])
    lab.report.line("begin, one connection, p50", turns(ours, "{:,.0f} µs"))
    lab.report.line("pgbench, one client, p50", turns(theirs, "{:,.0f} µs"))
    lab.report.most("one connection: p50 to pgbench's", lab.median(ours) / lab.median(theirs), 1.5, ratio)


def accept(lab):
    """Accept of a pause, applied in the sandbox before the answer, beside pgbench writing the same rows."""
    lab.running()
    first, whole = accept_scripts(lab)
    count, clients = int(lab.options.seconds * 400), 32
    # As begin: both sides find tables that are not empty, and plans made for these.
    accepts(lab, min(count, 400))
    ours, theirs, firsts = [], [], []
    for _ in range(lab.options.rounds):
        ours.append(accepts(lab, count))
        for script, runs in ((whole, theirs), (first, firsts)):
            base, each = lab.pgbench.next_base(), max(count // clients, 1)
            lab.postgres.query(rows.sessions_to_accept(*lab.to_accept, base + clients, clients * each)
                               + "ANALYZE; CHECKPOINT;")
            runs.append(lab.pgbench.run(script, clients, transactions=each, base=base))
    mine, full, alone = ([run["per_second"] for run in runs] for runs in (ours, theirs, firsts))
    report = lab.report
    report.line("accept of a pause, applied, HTTP, 64 connections, a second", turns(mine))
    report.line("all its rows by pgbench, 32 clients, in as many transactions, a second", turns(full))
    report.line("the rows of its first transaction alone by pgbench, a second", turns(alone))
    report.least("accept: throughput to pgbench's", lab.median(mine) / lab.median(full), 1.2, ratio)
    report.line("accept: throughput to pgbench's first transaction alone", ratio(lab.median(mine) / lab.median(alone)))
    report.line("accept, p50 and p99", millis(lab.median([run["micros"]["p50"] for run in ours])) + ", "
                + millis(lab.median([run["micros"]["p99"] for run in ours])))
    later = [100 * run["good"].get("202", 0) / run["count"] for run in ours]
    report.line("accepts answered 202, applied later by the worker", turns(later, "{:.1f} %"))
    cpu_line(lab, "accept", ours, theirs, None)


def accepts(lab, count, connections=64, service=None, latency=0):
    """Begins `count` sessions in the sandbox's own subscriptions, then accepts the pause in each."""
    service = service or lab.service
    pairs = lab.load.ask("seed", count=count)
    lab.begin(pairs=pairs, seconds=120, keep=True, service=service)
    lab.postgres.query("ANALYZE; CHECKPOINT")
    lab.load.ask("stripe", latency=latency, up=True)
    own, database = service.cpu(), lab.postgres.cpu()
    got = lab.load.accept(service.address, connections, 120)
    got["cpu_service"], got["cpu_database"] = service.cpu() - own, lab.postgres.cpu() - database
    expect_no_errors(got)
    return got


def accept_scripts(lab):
    """pgbench's scripts for one accept, from what the tables held before and after a real one."""
    pairs = lab.load.ask("seed", count=1)
    lab.begin(connections=1, pairs=pairs, seconds=10, keep=True)
    where = f"subscription = '{pairs[0][1]}'"
    [session] = lab.postgres.rows("sessions", where)
    before = {"session": session, **lab.rows_of(session["id"])}
    expect_no_errors(lab.load.accept(lab.service.address, 1, 10))
    [after_session] = lab.postgres.rows("sessions", where)
    [operation] = lab.postgres.rows("operations", f"{where} AND settled")
    # The end of the pause, written with the outcome.
    scheduled = lab.postgres.rows("operations", f"{where} AND NOT settled")
    [snapshot] = lab.postgres.rows("snapshots", where)
    recorded = len(json.loads(operation["body"]).get("steps", []))
    after = {"session": after_session, "operation": operation, "scheduled": scheduled, "snapshot": snapshot,
             **lab.rows_of(session["id"]),
             # The last step is recorded with the outcome.
             "steps": max(recorded - 1, 0)}
    at_accept = {**session, "version": session["version"] + 1, "awaited_operation": operation["id"],
                 "body": after_session["body"]}
    lab.to_accept = ({**session, "version": session["version"]}, before["offers"])
    size = written([after_session, operation, *scheduled, snapshot])
    lab.report.note(f"An accept makes {2 + after['steps']} transactions: the accept itself, {after['steps']} steps recorded "
                    f"on the way, the outcome with the last step; about {size / 1000:.1f} kB of rows at the end.")
    return rows.accept(before, after, at_accept)


def sqlite(lab):
    """Begin on SQLite beside raw transactions of the same rows, each committed alone, on the same disk."""
    lab.running()
    script_rows = sqlite_rows(lab)
    path = lab.folder / "service.db"
    service = Service(lab.programs["counteroffer"], f"sqlite:{path}", lab.load.sandbox, lab.folder)
    raw = Service(lab.programs["counteroffer"], f"sqlite:{lab.folder / 'raw.db'}", lab.load.sandbox, lab.folder)
    raw.command("migrate")
    service.command("migrate")
    service.command("flow", "publish", str(pathlib.Path(__file__).resolve().parents[2] / "examples/flows/default.yaml"))
    service.start()
    ours, theirs, tail = [], [], []
    try:
        for turn in range(lab.options.rounds):
            pairs = lab.fresh(int(lab.options.seconds * 14_000), insert_into(path))
            got = lab.begin(pairs=pairs, service=service)
            ours.append(got["per_second"])
            tail.append(got["micros"]["p99"])
            theirs.append(raw_commits(lab.folder / "raw.db", script_rows, lab.options.seconds, turn))
    finally:
        service.stop()
    lab.report.line("begin on SQLite, HTTP, 64 connections, a second", turns(ours))
    lab.report.line("begin on SQLite, p99", turns(tail, "{:,.0f} µs"))
    lab.report.line("the same rows on SQLite, one commit each, a second", turns(theirs))
    lab.report.least("SQLite: throughput to single commits", lab.median(ours) / lab.median(theirs), 2.3, ratio)


def insert_into(path):
    def insert(pairs, body):
        with sqlite3.connect(path, timeout=30) as database:
            database.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)",
                                 ((sub, cus, body(cus, sub), now_micros(), now_micros() + DAY) for cus, sub in pairs))
        database.close()
    return insert


def sqlite_rows(lab):
    lab.begin_script()
    session = lab.postgres.rows("sessions", "customer like 'cus_bench%' order by id limit 1")[0]
    return session, lab.rows_of(session["id"])


def raw_commits(path, captured, seconds, turn):
    """Transactions a second: the rows of one begin each, durable (WAL, synchronous FULL), prepared once."""
    session, others = captured
    offers, decision = others["offers"], others["decisions"][0]
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")

    def statement(table, row):
        return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"

    sql = statement("sessions", session), statement("session_offers", offers[0]), statement("session_decisions", decision)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        number = f"{turn}{count:012}"
        count += 1
        mine = {"id": "ses_" + number, "subscription": "sub_" + number, "customer": "cus_" + number, "token_id": number}
        database.execute("BEGIN IMMEDIATE")
        database.execute(sql[0], tuple({**session, **mine}.values()))
        for offer in offers:
            row = {**offer, "id": f"off_{number}{offer['ordinal']}", "session_id": mine["id"]}
            database.execute(sql[1], tuple(row.values()))
        database.execute(sql[2], tuple({**decision, "session_id": mine["id"]}.values()))
        database.execute("COMMIT")
    rate = count / (time.perf_counter() - started)
    database.close()
    return rate


def poison(lab):
    """Ten poisoned requests among 10,000: every innocent one must succeed, and no poisoned one may be a 5xx."""
    lab.running()
    got = lab.load.begin(lab.service.address, lab.fresh(10_000), 64, 120, reason=lab.options.reason, poison_every=1_000)
    failed = 10_000 - 10 - got["count"]
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(got["poisoned"].items()))
    lab.report.line("10 poisoned requests among 10,000: innocent ones that failed", str(failed), "0", failed == 0)
    worst = max(int(status) for status in got["poisoned"])
    lab.report.line("answers to the poisoned ones", statuses, "no 5xx", worst < 500)


def memory(lab):
    """Resident memory of the service after everything before."""
    lab.running()
    now, most = lab.service.memory()
    lab.report.line("resident memory at most during the load", f"{most:.0f} MB")
    lab.report.most("resident memory after the load", now, 64, lambda size: f"{size:.0f} MB")


def size(lab):
    """The binary as it is released."""
    megabytes = os.stat(lab.programs["counteroffer"]).st_size / 1e6
    lab.report.most("the release binary, stripped", megabytes, 40, lambda size: f"{size:.1f} MB")


def decide(lab):
    """The decision alone."""
    done = subprocess.run([lab.programs["decide"]], stdout=subprocess.PIPE, text=True, check=True)
    lab.report.note("The decision alone, for one subscriber:\n\n" + done.stdout.strip())


ALL = {"start": start, "begin": begin, "single": single, "accept": accept, "poison": poison, "memory": memory,
       "sqlite": sqlite, "size": size, "decide": decide}
