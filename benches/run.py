#!/usr/bin/env python3
"""Measures the two hot paths beside pgbench writing the same rows, and what else the design promises in figures.

Needs Rust, Python 3.9 or later and PostgreSQL's programs; nothing else has to run. Starts its own PostgreSQL (durable)
and its own service in a folder of its own, on loopback only, and removes both. See README.md beside this file.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# Nothing of a measurement stays in the source folder.
sys.dont_write_bytecode = True

from lab import deciding, measure, neighbour
from lab.pgbench import Pgbench
from lab.processes import Load, Postgres, Service
from lab.report import Report

ALL = {**measure.ALL, **neighbour.ALL, **deciding.ALL}
ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="length of each turn (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side (default 3)")
    parser.add_argument("--folder", default="/var/tmp", help="where to make databases; its disk is what is measured")
    parser.add_argument("--only", default="", help="comma separated: " + ", ".join(ALL))
    parser.add_argument("--debug", action="store_true", help="use the debug build: to try the script, not to measure")
    parser.add_argument("--reason", default="too_expensive", help="the reason that sessions begin with")
    return parser.parse_args()


def build(debug):
    """Builds service and load generator, as they are released; their paths by name."""
    command = ["cargo", "build", "--bin", "counteroffer", "--bench", "load", "--bench", "decide",
               "--message-format=json-render-diagnostics", *([] if debug else ["--release"])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["target"]["name"]: line["executable"] for line in lines if line.get("executable")}


def main():
    options = arguments()
    wanted = [name for name in options.only.split(",") if name] or list(ALL)
    unknown = set(wanted) - set(ALL)
    if unknown:
        raise SystemExit(f"no such measurement: {', '.join(sorted(unknown))}")
    programs = build(options.debug)
    report = Report(options)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="counteroffer-bench-", dir=options.folder))
    started = []
    try:
        postgres = Postgres(folder)
        started.append(postgres)
        load = Load(programs["load"])
        started.append(load)
        service = Service(programs["counteroffer"], postgres.url, load.sandbox, folder)
        service.command("migrate")
        service.command("flow", "publish", str(ROOT / "examples/flows/default.yaml"))
        started.append(service)
        lab = measure.Lab(options, report, programs, folder, postgres, Pgbench(postgres, folder), load, service)
        report.machine(postgres, folder)
        for name in ALL:
            if name in wanted:
                print(f"== {name}", flush=True)
                ALL[name](lab)
    finally:
        for process in reversed(started):
            process.stop()
        shutil.rmtree(folder, ignore_errors=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "bench"
    target.mkdir(parents=True, exist_ok=True)
    (target / "results.md").write_text(report.text())
    print("\n" + report.text())
    print(f"Written to {target / 'results.md'}")


if __name__ == "__main__":
    main()
