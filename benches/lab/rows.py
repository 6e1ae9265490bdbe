"""What pgbench writes: the rows that the service wrote, taken from its tables, with ids of pgbench's own.

Each long text is a variable, so that it travels to the server with every statement, as the service's texts do.
"""


class Statements:
    """SQL for pgbench, and the values of its variables."""

    def __init__(self):
        self.variables = {}

    def value(self, value):
        """A constant as SQL; a text becomes a variable."""
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return str(value)
        for name, known in self.variables.items():
            if known == value:
                return ":" + name
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        return ":" + name

    def insert(self, table, rows, own, end=""):
        """One INSERT of rows, with expressions of our own for the columns in `own` (one dictionary a row)."""
        columns = list(rows[0])
        lines = []
        for row, mine in zip(rows, own):
            lines.append("(" + ", ".join(mine.get(c) or self.value(row[c]) for c in columns) + ")")
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join(lines)}{end};\n"

    def update(self, table, row, columns, where, own=None):
        own = own or {}
        sets = ", ".join(f"{c} = {own.get(c) or self.value(row[c])}" for c in columns)
        return f"UPDATE {table} SET {sets} WHERE {where};\n"


def numbered(prefix, like, tail=""):
    """An id as long as `like` that ends in the transaction's number, so that ids ascend as the service's do."""
    width = max(len(like) - len(prefix) - len(tail), 12)
    return f"'{prefix}' || lpad(:n::text, {width}, '0')" + (f" || '{tail}'" if tail else "")


# Numbers that no two clients share, ascending over all of them. `base` keeps runs apart.
COUNTING = "\\set i :i + 1\n\\set n :base + :i * :clients + :client_id\n"


def _session_ids(session):
    return {
        "id": numbered("ses_", session["id"]),
        "subscription": numbered("sub_pg", session["subscription"]),
        "customer": numbered("cus_pg", session["customer"]),
        "stripe_customer": numbered("cus_pg", session["stripe_customer"]),
        "token_id": numbered("token", session["token_id"]),
    }


def _offer_ids(session, offers):
    return [{"id": numbered("off_", offer["id"], str(at)), "session_id": numbered("ses_", session["id"])}
            for at, offer in enumerate(offers)]


def begin(session, offers, decision):
    """The rows of one begin, in one transaction. Returns script and variables."""
    sql = Statements()
    of_session = {"session_id": numbered("ses_", session["id"])}
    script = COUNTING + "BEGIN;\n"
    script += sql.insert("sessions", [session], [_session_ids(session)], " ON CONFLICT DO NOTHING")
    script += sql.insert("session_offers", offers, _offer_ids(session, offers))
    script += sql.insert("session_decisions", [decision], [of_session])
    return script + "COMMIT;\n", sql.variables


def sessions_to_accept(session, offers, first, count):
    """SQL that puts `count` begun sessions from number `first` on into the tables, for pgbench to accept in."""
    def literal(value):
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return Statements().value(value)

    def insert(table, row, own):
        own = {column: sql.replace(":n", "n") for column, sql in own.items()}
        values = ", ".join(own.get(column) or literal(value) for column, value in row.items())
        return (f"INSERT INTO {table} ({', '.join(row)}) SELECT {values} "
                f"FROM generate_series({first}, {first + count - 1}) AS n;\n")

    script = insert("sessions", session, _session_ids(session))
    for row, own in zip(offers, _offer_ids(session, offers)):
        script += insert("session_offers", row, own)
    return script


def accept(before, after, at_accept):
    """The rows of one accept, in the same transactions. `before` and `after` are what the tables held before the accept
    and after it was applied; `at_accept` is the session as the first transaction left it. Returns script and variables.

    First the accept itself, which adds the operation with the lease of the process that accepts; then each step but the last
    recorded, and the outcome with the last.
    """
    sql = Statements()
    session, operation = after["session"], after["operation"]
    ours = numbered("ses_", session["id"])
    ids = {"id": numbered("ope_", operation["id"]), "session_id": ours,
           "subscription": numbered("sub_pg", operation["subscription"])}
    changed = ["customer", "stripe_customer", "status", "step", "reason", "mrr", "currency", "awaited_operation",
               "updated_at", "expires_at", "closed_at", "version", "body"]
    kept = {**_session_ids(session), "awaited_operation": ids["id"]}
    done = {**_session_ids(session)}
    # Far ahead, so that no worker takes up what pgbench wrote.
    pending = {**operation, "state": "pending", "settled": False, "lease_owner": session["id"],
               "lease_until": operation["updated_at"], "due_at": 4_000_000_000_000_000}
    held = {**pending, "state": "applying"}
    is_held = f"id = {ids['id']} AND lease_owner = {sql.value(held['lease_owner'])}"
    held_columns = ["state", "settled", "due_at", "lease_owner", "lease_until", "updated_at", "body"]

    script = COUNTING + "BEGIN;\n"
    script += sql.update("sessions", at_accept, changed, f"id = {ours} AND version = {before['session']['version']}", kept)
    script += sql.insert("operations", [pending], [ids])
    offers = [offer for offer in after["offers"] if offer["state"] != "presented"]
    own = [mine for mine, offer in zip(_offer_ids(session, after["offers"]), after["offers"]) if offer in offers]
    decided = sql.insert("session_offers", offers, own,
                         " ON CONFLICT (id) DO UPDATE SET ordinal = excluded.ordinal, state = excluded.state, "
                         "decided_at = excluded.decided_at, cost = COALESCE(excluded.cost, session_offers.cost)")
    script += decided
    if after["audit"]:
        script += sql.insert("audit_lines", after["audit"],
                             [{"id": numbered("aud_", after["audit"][0]["id"]), "session_id": ours}])
    script += "COMMIT;\n"
    first = script, dict(sql.variables)

    for _ in range(after["steps"]):
        script += sql.update("operations", held, held_columns, is_held)
    script += "BEGIN;\n"
    version = at_accept["version"]
    script += sql.update("sessions", session, changed, f"id = {ours} AND version = {version}", done)
    script += sql.update("operations", {**operation, "due_at": pending["due_at"]}, held_columns, is_held)
    if after["scheduled"]:
        follows = {**ids, "id": numbered("ope_", operation["id"], "r")}
        later = [{**row, "due_at": pending["due_at"]} for row in after["scheduled"]]
        script += sql.insert("operations", later, [follows] * len(later))
    snapshot = after["snapshot"]
    script += sql.insert("snapshots", [snapshot], [{"subscription": numbered("sub_pg", snapshot["subscription"])}],
                         " ON CONFLICT (subscription) DO UPDATE SET stripe_customer = excluded.stripe_customer, "
                         "body = excluded.body, fetched_at = excluded.fetched_at "
                         "WHERE snapshots.fetched_at < excluded.fetched_at")
    script += decided
    return first, (script + "COMMIT;\n", sql.variables)
