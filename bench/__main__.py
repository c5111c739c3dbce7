"""The command: `python -m bench [--quick] [--runs N] [--only NAME]... [--engine NAME]... [--json FILE] [--strict]`.

Run it from the repository's root. Exit code 1 when a checksum is wrong or a program does not finish, 2 with --strict
when a target is missed; targets are only reported otherwise, because they depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.measure import measure
from bench.report import budgets, show, w9x_runners


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs per program; medians are shown (3)")
    parser.add_argument("--quick", action="store_true", help="one run with a tenth of the work: checks, rough ratios")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="program (a_int), result (d.Tls) or hello, by its beginning; may be repeated",
    )
    parser.add_argument("--engine", action="append", metavar="NAME", help="engine of w9x; default: those that work")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    parser.add_argument("--strict", action="store_true", help="exit code 2 when a target is missed")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs must be at least 1")

    def say(text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    runs, divisor = (1, 10) if options.quick else (options.runs, 1)
    results = measure(runs, divisor, options.only, options.engine, say)
    say("")
    met = show(results)
    if options.json:
        judged = {
            runner: [{"name": b.name, "value": b.value, "limit": b.limit, "unit": b.unit, "met": b.met} for b in rows]
            for runner in w9x_runners(results)
            if (rows := budgets(results, runner))
        }
        options.json.write_text(json.dumps({**results.as_json(), "targets": judged}, indent=1), encoding="utf-8")
    if results.failures:
        return 1
    return 2 if options.strict and not met else 0


if __name__ == "__main__":
    sys.exit(main())
