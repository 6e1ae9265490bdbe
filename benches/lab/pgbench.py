"""pgbench, with a log of every transaction."""

import pathlib
import resource
import subprocess



class Pgbench:
    """Runs scripts against the cluster, each run with numbers of its own."""

    def __init__(self, postgres, folder):
        self.postgres, self.folder, self.base = postgres, folder, 0

    def next_base(self):
        """Where the numbers of the next run begin."""
        self.base += 100_000_000
        return self.base

    def run(self, script, clients, seconds=None, transactions=None, base=None):
        """One run: transactions a second, percentiles in microseconds, CPU seconds of PostgreSQL and of both."""
        text, variables = script
        file = self.folder / "script.sql"
        file.write_text(text)
        values = {**variables, "i": 0, "clients": clients, "base": base if base is not None else self.next_base()}
        length = ["-T", str(max(round(seconds), 1))] if transactions is None else ["-t", str(transactions)]
        prefix = self.folder / "transactions"
        command = [str(self.postgres.bin / "pgbench"), "-n", "-M", "prepared", "-c", str(clients),
                   "-j", str(min(clients, 2)), *length, "-f", str(file), "-l", f"--log-prefix={prefix}",
                   *[part for name, value in values.items() for part in ("-D", f"{name}={value}")],
                   "-h", "127.0.0.1", "-p", str(self.postgres.port), "-U", "bench", "bench"]
        database, client = self.postgres.cpu(), self._children()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        database, client = self.postgres.cpu() - database, self._children() - client
        if done.returncode != 0 or "number of failed transactions: 0" not in done.stdout:
            raise SystemExit(f"pgbench failed: {done.stdout}\n{done.stderr[-2000:]}")
        per_second = [line for line in done.stdout.splitlines() if line.startswith("tps =")][0].split()[2]
        timings = sorted(self._timings(prefix))
        count = len(timings)

        def at(percent):
            return timings[(count - 1) * percent // 100]

        return {"per_second": float(per_second), "count": count,
                "micros": {"p50": at(50), "p90": at(90), "p99": at(99), "max": at(100)},
                "cpu_database": database, "cpu": database + client}

    @staticmethod
    def _children():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    @staticmethod
    def _timings(prefix):
        for file in pathlib.Path(prefix.parent).glob(prefix.name + ".*"):
            with open(file, encoding="ascii") as lines:
                for line in lines:
                    yield int(line.split()[2])
            file.unlink()


