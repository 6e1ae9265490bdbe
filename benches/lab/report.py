"""The table of results."""

import os
import pathlib
import platform
import statistics
import time


def fsync_micros(folder, times=300):
    """The median time of writing 8 kB and making them durable, in microseconds."""
    path, spent = folder / "fsync", []
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 8192)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(spent) * 1e6


class Report:
    """Collects lines and writes them as Markdown."""

    def __init__(self, options):
        self.options, self.head, self.lines, self.more = options, "", [], []

    def machine(self, postgres, folder):
        cpu = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
               if line.startswith("model name")]
        build = "the debug build (not a measurement)" if self.options.debug else "the release build"
        self.head = (
            f"{time.strftime('%Y-%m-%d', time.gmtime())}, {build}: {os.cpu_count()} processors"
            f"{' (' + cpu[0] + ')' if cpu else ''}, {platform.system()} {platform.release()}, "
            f"PostgreSQL {postgres.version}, fdatasync of 8 kB {fsync_micros(folder):.0f} µs. "
            f"{self.options.rounds} turns of {self.options.seconds:g} s each, medians; in brackets every turn.")

    def note(self, text):
        """A paragraph or table below the table of results."""
        self.more.append(text)
        print(text, flush=True)

    def line(self, what, got, target="", met=None):
        """A result: what was measured, what came out, what was aimed at and whether it was reached."""
        verdict = "" if met is None else "yes" if met else "**no**"
        self.lines.append(f"| {what} | {got} | {target} | {verdict} |")
        print(f"{what}: {got} {target and '(target ' + target + ')'} {verdict}", flush=True)

    def most(self, what, value, limit, show):
        self.line(what, show(value), f"at most {show(limit)}", value <= limit)

    def least(self, what, value, limit, show):
        self.line(what, show(value), f"at least {show(limit)}", value >= limit)

    def text(self):
        table = ["| what | got | target | reached |", "| --- | --- | --- | --- |", *self.lines]
        return "\n\n".join([self.head, "\n".join(table), *self.more]) + "\n"


def turns(values, show="{:,.0f}"):
    """The median with every turn in brackets."""
    return show.format(statistics.median(values)) + " (" + ", ".join(show.format(v) for v in values) + ")"


def ratio(value):
    return f"{value:.2f}"
