"""The processes under measurement: a throwaway PostgreSQL, the service, the load generator; and what they use."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
SECRET_KEY = "sk_test_counteroffer_bench"
TOKEN_SECRET = "a-secret-for-measuring-32-bytes-long"
ISSUER = "bench"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _stat(pid):
    """Parent, own seconds, seconds of children that have ended."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2:].split()
    own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return int(fields[1]), own / TICKS, ended / TICKS


def cpu_of_tree(pid):
    """CPU seconds of a process, its children, and its children that have ended."""
    while True:
        _, own, ended = _stat(pid)
        children = _living_children(pid)
        # A child that ended between the two looks would be in neither.
        if _stat(pid)[2] == ended:
            return own + ended + children


def _living_children(pid):
    total = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent, own, ended = _stat(entry)
            except OSError:
                continue
            total += own + ended if parent == pid else 0
    return total


class Postgres:
    """A cluster of its own, durable, on a free port; stopped at the end and removed with the folder."""

    SETTINGS = {
        "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB",
        "max_wal_size": "8GB", "checkpoint_timeout": "1h", "max_connections": "200", "autovacuum": "on",
    }

    def __init__(self, folder):
        self.bin = self._programs()
        self.port = free_port()
        self.data = folder / "postgres"
        self.become = self._unprivileged(folder)
        self._run("initdb", "-D", str(self.data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C")
        settings = [part for name, value in self.SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self.log = open(folder / "postgres.log", "wb")
        command = [*self.become, str(self.bin / "postgres"), "-D", str(self.data), "-h", "127.0.0.1",
                   "-p", str(self.port), "-k", "", *settings]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log)
        while self._query("postgres", "select 1", check=False).returncode != 0:
            if self.process.poll() is not None:
                raise SystemExit("PostgreSQL did not start:\n" + (folder / "postgres.log").read_text())
            time.sleep(0.1)
        self.pid = int((self.data / "postmaster.pid").read_text().split()[0])
        self.version = self.query("show server_version", "postgres")
        self.query("create database bench", "postgres")
        self.url = f"postgres://bench@127.0.0.1:{self.port}/bench"

    @staticmethod
    def _programs():
        found = [pathlib.Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
        installed = pathlib.Path("/usr/lib/postgresql")
        versions = [p for p in installed.glob("*/bin") if p.parent.name.isdigit()]
        found += sorted(versions, key=lambda path: -int(path.parent.name))
        for folder in found:
            if all((folder / name).exists() for name in ("initdb", "postgres", "pgbench", "psql")):
                return folder
        raise SystemExit("PostgreSQL's programs (initdb, postgres, pgbench, psql) are neither on PATH nor in "
                         "/usr/lib/postgresql; install them first")

    @staticmethod
    def _unprivileged(folder):
        """How to run PostgreSQL, which refuses root."""
        if os.geteuid() != 0:
            return []
        shutil.chown(folder, "nobody", "nogroup")
        if shutil.which("setpriv"):
            return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
        return ["runuser", "-u", "nobody", "--"]

    def _run(self, program, *arguments):
        command = [*self.become, str(self.bin / program), *arguments]
        done = subprocess.run(command, cwd=self.data.parent, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{program} failed: {done.stderr}")

    def _query(self, database, sql, check=True):
        command = [str(self.bin / "psql"), "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                   "-p", str(self.port), "-U", "bench", "-d", database, "-f", "-"]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise SystemExit(f"psql failed: {done.stderr}\n{sql[:500]}")
        return done

    def query(self, sql, database="bench"):
        return self._query(database, sql).stdout.strip()

    def rows(self, table, where="true"):
        """Rows as dictionaries."""
        lines = self.query(f"select row_to_json(t) from {table} t where {where}").splitlines()
        return [json.loads(line) for line in lines]

    def cpu(self):
        return cpu_of_tree(self.pid)

    def stop(self):
        try:
            os.kill(self.pid, signal.SIGINT)
        finally:
            self.process.wait(timeout=60)
            self.log.close()


class Service:
    """`counteroffer serve` on a database, with the sandbox as Stripe."""

    def __init__(self, program, url, sandbox, folder, **more):
        self.program, self.folder = str(program), folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COUNTEROFFER_")},
            "DATABASE_URL": url,
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "COUNTEROFFER_STRIPE__API_BASE": sandbox,
            # The sandbox has no limits; what our own cost is measured by `drain`.
            "COUNTEROFFER_STRIPE__REQUESTS_PER_SECOND": "10000",
            "COUNTEROFFER_STRIPE__REQUESTS_PER_ENDPOINT": "10000",
            "COUNTEROFFER_STRIPE__WRITES_PER_SUBSCRIPTION": "10000",
            "COUNTEROFFER_AUTH__ISSUER": ISSUER,
            "COUNTEROFFER_AUTH__HS256_SECRET": TOKEN_SECRET,
            "COUNTEROFFER_SESSIONS__ACCEPT_DEADLINE_MS": "10000",
            "COUNTEROFFER_SESSIONS__SNAPSHOT_MAX_AGE_SECONDS": "86400",
            "COUNTEROFFER_RATE_LIMIT__PER_SECOND": "100000",
            "COUNTEROFFER_RATE_LIMIT__BURST": "100000",
            **more,
        }
        self.process = None

    def command(self, *arguments):
        """Runs another command on the same configuration."""
        command = [self.program, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{command} failed: {done.stdout}{done.stderr}")

    def start(self):
        """Starts, and answers the seconds from there to the first answer of /readyz."""
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        environment = {**self.environment, "COUNTEROFFER_SERVER__LISTEN": self.address}
        log = open(self.folder / "service.log", "wb")
        started = time.perf_counter()
        self.process = subprocess.Popen([self.program, "serve"], env=environment, stdout=log, stderr=log)
        log.close()
        while not self._ready():
            if self.process.poll() is not None or time.perf_counter() - started > 30:
                raise SystemExit("the service did not start:\n" + (self.folder / "service.log").read_text())
            time.sleep(0.001)
        return time.perf_counter() - started

    def _ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def cpu(self):
        return _stat(self.process.pid)[1]

    def memory(self):
        """Resident memory now and at most, in megabytes."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Vm")}
        return sizes["VmRSS"], sizes["VmHWM"]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Load:
    """The load generator, which holds the sandbox, too."""

    def __init__(self, program):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([str(program)], stdin=pipe, stdout=pipe, text=True)
        self.sandbox = json.loads(self.process.stdout.readline())["sandbox"]

    def ask(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the load generator stopped")
        return json.loads(line)

    def begin(self, address, subscribers, connections, seconds, **more):
        begins = {"subscribers": subscribers, "issuer": ISSUER, "secret": TOKEN_SECRET, **more}
        return self.ask("begin", begins=begins, run=self._run(address, connections, seconds))

    def accept(self, address, connections, seconds, **more):
        return self.ask("accept", run=self._run(address, connections, seconds), **more)

    @staticmethod
    def _run(address, connections, seconds):
        return {"address": address, "connections": connections, "seconds": seconds}

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
