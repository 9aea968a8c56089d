#!/usr/bin/python3
"""What berth costs and gains, beside the same servers without it, in one run.

Every comparison starts both sides, then loads them in turns, and takes the median of the
rounds' ratios: this machine's speed at the moment divides out, the better the shorter a
round is. Rounds that others disturb are repeated; the table says how many CPUs others used
in those that count. Where a figure has a target, the table says whether it was met, and the
exit status is 1 if one was missed.
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys

sys.dont_write_bytecode = True

import measure  # noqa: E402
import reload  # noqa: E402
from fleet import FleetError, Programs  # noqa: E402

N_CLIENTS = 64  # under way at any time; as many kept connections
MAX_PSS_KIB = 6 * 1024
MAX_PSS_KIB_PER_WORKER = 16
MAX_REPLACEMENT_MS = 50
MAX_START_S = 2
MAX_SUCCESSOR_MS = 50
MAX_SUCCESSOR_OF_MANY_MS = 200
MAX_KEEPER_PSS_KIB = 400
N_SUCCESSORS = 9
MANY_WORKERS = 200
IDLE_S = 5
N_DEATHS = 8
MIN_ROUNDS = 5


@dataclasses.dataclass
class Figure:
    """One line of the table. is_met is None where there's no target."""

    comparison: str
    name: str
    value: float
    unit: str = ""
    target: str = ""
    is_met: bool | None = None
    detail: str = ""


@dataclasses.dataclass
class LeftOut:
    """What berth would be measured beside, were it here. Says nothing against berth."""

    comparison: str
    name: str
    why: str


def n_failed(results):
    return sum(result["failed"] for result in results)


def remarks(pairs):
    """What speaks against a comparison: failures, and what others did to the machine."""
    ours, theirs = zip(*pairs)
    others = statistics.median(result["others_cpus"] for result in ours + theirs)
    words = [f"others {others:.2f} CPUs"]
    if n_failed(ours) + n_failed(theirs) > 0:
        words.append(f"FAILED {n_failed(ours)} and {n_failed(theirs)}")
    return ", ".join(words)


@dataclasses.dataclass
class Bench:
    programs: Programs
    n_rounds: int
    seconds: float

    def ratio(self, comparison, name, ours, theirs, load_args, at_least):
        """Our rate divided by theirs, both fleets under the same load."""
        args = [*load_args, "--seconds", self.seconds]
        with ours, theirs:
            pairs = measure.in_turns(self.programs, ours, theirs, self.n_rounds, args)
        sides = list(zip(*pairs))
        ratios = [a["requests_per_s"] / b["requests_per_s"] for a, b in pairs]
        value = statistics.median(ratios)
        low, high = measure.interval(ratios)
        rates = [measure.median_of(side, "requests_per_s") for side in sides]
        cpu = [measure.median_of(side, "cpu_us_per_request") for side in sides]
        return Figure(
            comparison,
            f"{name}, beside {theirs.name}",
            value,
            "x",
            f">= {at_least}",
            value >= at_least and n_failed(sides[0]) == 0,
            f"95 %: {low:.3f} to {high:.3f}; {rates[0]:,.0f} and {rates[1]:,.0f} /s; "
            f"CPU {cpu[0]:.1f} and {cpu[1]:.1f} us; {remarks(pairs)}",
        )

    def latencies(self, comparison, ours, theirs, rate):
        """The quantiles of both at a fixed rate; fewer and longer rounds, for p99.9's sake."""
        args = ["--open", rate, "--seconds", 4 * self.seconds]
        n_rounds = max(self.n_rounds // 3, MIN_ROUNDS)
        figures = []
        with ours, theirs:
            pairs = measure.in_turns(self.programs, ours, theirs, n_rounds, args)
        for fleet, results in zip((ours, theirs), zip(*pairs)):
            p50, p99, p999 = (
                measure.median_of(results, "latency_us", key) for key in ("p50", "p99", "p999")
            )
            figures.append(
                Figure(
                    comparison,
                    f"{rate:,}/s, {fleet.name}: p99",
                    p99,
                    "us",
                    detail=f"p50 {p50:,.0f} us, p99.9 {p999:,.0f} us; {remarks(pairs)}",
                )
            )
        return figures

    # --- the comparisons, by name ---

    def connections(self):
        """New connections a second of a C server, beside the kernel's hash."""
        p, load = self.programs, ["--closed", N_CLIENTS]
        for n in (2, 4):
            ours, theirs = p.hello_under_berth(n), p.hello_by_kernel_hash(n)
            yield self.ratio("connections", f"C, {n} workers", ours, theirs, load, 0.97)

    def node(self):
        """New connections a second of a Node server, beside Node's own cluster."""
        p, load = self.programs, ["--closed", N_CLIENTS]
        for n in (2, 4):
            ours, theirs = p.node_under_berth(n), p.node_cluster(n)
            yield self.ratio("node", f"Node, {n} workers", ours, theirs, load, 1.75)

    def latency(self):
        """p50, p99 and p99.9 at fixed rates, each timed from its turn."""
        p = self.programs
        for rate in (2000, 8000):
            ours, theirs = p.hello_under_berth(4), p.hello_by_kernel_hash(4)
            yield from self.latencies("latency", ours, theirs, rate)
        for rate in (1000, 2000):
            ours, theirs = p.node_under_berth(4), p.node_cluster(4)
            yield from self.latencies("latency", ours, theirs, rate)

    def keep_alive(self):
        """Requests a second on kept connections, beside the same programs without berth."""
        p, load = self.programs, ["--keep-alive", N_CLIENTS]
        pairs = [
            ("C, 1 worker", p.hello_under_berth(1), p.hello_alone()),
            ("C, 4 workers", p.hello_under_berth(4), p.hello_by_kernel_hash(4)),
            ("Node, 1 worker", p.node_under_berth(1), p.node_alone()),
            ("Node, 2 workers", p.node_under_berth(2), p.node_cluster(2)),
        ]
        for name, ours, theirs in pairs:
            yield self.ratio("keep-alive", name, ours, theirs, load, 0.97)

    def datagrams(self):
        """Datagrams that are answered in a second, beside the kernel's hash."""
        p, load = self.programs.with_volley(), ["--flows", N_CLIENTS, "--window", 4]
        bench = dataclasses.replace(self, programs=p)
        for n in (2, 4):
            ours, theirs = p.echo_under_berth(n), p.echo_by_kernel_hash(n)
            yield bench.ratio("datagrams", f"C, {n} workers", ours, theirs, load, 0.97)
        with p.echo_under_berth(4) as fleet:
            args = [*load, "--seconds", self.seconds]
            ns = measure.program_ns("flow_by_queue", lambda: measure.run_load(p, fleet, *args))
        yield Figure("datagrams", "the program, for each datagram", ns, "ns", detail="with the kernel's measuring of it")

    def memory(self):
        """The primary's memory with few and with many workers."""
        pss = {}
        for n in (4, MANY_WORKERS):
            with self.programs.hello_under_berth(n) as fleet:
                measure.run_load(self.programs, fleet, "--closed", 8, "--requests", 10 * n)
                pss[n] = measure.pss_kib(fleet.primary_pid)
        per_worker = (pss[MANY_WORKERS] - pss[4]) / (MANY_WORKERS - 4)
        yield Figure(
            "memory", "PSS, 4 workers", pss[4], "KiB", "<= 6 MiB", pss[4] <= MAX_PSS_KIB
        )
        yield Figure(
            "memory",
            f"PSS for each of {MANY_WORKERS - 4} more",
            per_worker,
            "KiB",
            f"<= {MAX_PSS_KIB_PER_WORKER} KiB",
            per_worker <= MAX_PSS_KIB_PER_WORKER,
            f"{pss[MANY_WORKERS]:,} KiB with {MANY_WORKERS} workers",
        )

    def idle(self):
        """Wake-ups of the primary while nothing happens."""
        with self.programs.hello_under_berth(4) as fleet:
            measure.run_load(self.programs, fleet, "--closed", 8, "--requests", 100)
            n = measure.wake_ups_in(fleet.primary_pid, IDLE_S)
        yield Figure("idle", f"wake-ups in {IDLE_S} s", n, "", "0", n == 0)

    def replacement(self):
        """From a worker's death to its replacement's first answer."""
        with self.programs.hello_under_berth(N_DEATHS) as fleet:
            known = set(fleet.pids)
            times = [measure.replacement_ms(fleet, pid, known) for pid in list(fleet.pids)]
        value = statistics.median(times)
        yield Figure(
            "replacement",
            "death to first answer",
            value,
            "ms",
            f"< {MAX_REPLACEMENT_MS} ms",
            max(times) < MAX_REPLACEMENT_MS,
            f"{min(times):.1f} to {max(times):.1f} ms in {N_DEATHS}; the worst counts",
        )

    def successor(self):
        """From the primary's death to its successor's answer to a trapped bind."""
        for n, most_ms in ((4, MAX_SUCCESSOR_MS), (MANY_WORKERS, MAX_SUCCESSOR_OF_MANY_MS)):
            with self.programs.hello_and_a_binder(n) as fleet:
                times = [measure.successor_ms(fleet) for _ in range(N_SUCCESSORS)]
            value = statistics.median(times)
            yield Figure(
                "successor",
                f"a primary's death to a bind's answer, {n} workers",
                value,
                "ms",
                f"< {most_ms} ms",
                value < most_ms,
                f"{min(times):.1f} to {max(times):.1f} ms in {N_SUCCESSORS}",
            )

    def keeper(self):
        """The keeper's memory, and its wake-ups while nothing happens."""
        with self.programs.hello_under_berth(4) as fleet:
            pss = measure.pss_kib(fleet.keeper_pid)
            n = measure.wake_ups_in(fleet.keeper_pid, IDLE_S)
        yield Figure(
            "keeper", "PSS", pss, "KiB", f"< {MAX_KEEPER_PSS_KIB} KiB", pss < MAX_KEEPER_PSS_KIB
        )
        yield Figure("keeper", f"wake-ups in {IDLE_S} s", n, "", "0", n == 0)

    def start(self):
        """From berth's start until all of many workers listen."""
        with self.programs.hello_under_berth(MANY_WORKERS) as fleet:
            value = fleet.start_s
        yield Figure(
            "start",
            f"{MANY_WORKERS} workers listen",
            value,
            "s",
            f"< {MAX_START_S} s",
            value < MAX_START_S,
        )

    def reload(self):
        """Failed requests over reloads, deaths and bad versions, beside other managers."""
        comparison = reload.Comparison(self.programs, max(self.n_rounds // MIN_ROUNDS, 1))
        comparison.find()
        for name, why in comparison.missing.items():
            yield LeftOut("reload", name, why)
        for fleet, what, tally in comparison.run():
            may_fail = not reload.is_promised(fleet, what)
            yield Figure(
                "reload",
                f"{what}: {fleet.name}",
                tally.n_failed,
                "",
                "" if may_fail else "0",
                None if may_fail else tally.n_failed == 0,
                tally.detail(),
            )


COMPARISONS = {
    "connections": Bench.connections,
    "node": Bench.node,
    "latency": Bench.latency,
    "keep-alive": Bench.keep_alive,
    "datagrams": Bench.datagrams,
    "memory": Bench.memory,
    "idle": Bench.idle,
    "replacement": Bench.replacement,
    "successor": Bench.successor,
    "keeper": Bench.keeper,
    "start": Bench.start,
    "reload": Bench.reload,
}


def print_figure(figure):
    if isinstance(figure, LeftOut):
        print(f"{figure.comparison:<12} {figure.name:<56} left out: {figure.why}", flush=True)
        return
    word = {True: "yes", False: "NO", None: ""}[figure.is_met]
    value = f"{figure.value:,.3f}" if figure.unit in ("x", "s") else f"{figure.value:,.1f}"
    if isinstance(figure.value, int):
        value = f"{figure.value:,}"
    print(
        f"{figure.comparison:<12} {figure.name:<56} {value:>9} {figure.unit:<4}"
        f"{figure.target:<10} {word:<4} {figure.detail}".rstrip(),
        flush=True,
    )


def run_all(bench, names, tell):
    """Runs the comparisons; tells each figure at once.

    Returns them, what was left out of them, and what went wrong.
    """
    figures, left_out, not_measured = [], [], {}
    for name in names:
        try:
            for figure in COMPARISONS[name](bench):
                (left_out if isinstance(figure, LeftOut) else figures).append(figure)
                tell(figure)
        except FleetError as error:
            not_measured[name] = str(error)
    return figures, left_out, not_measured


def parse_arguments():
    names = "; ".join(f"{name}: {run.__doc__}" for name, run in COMPARISONS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=names)
    parser.add_argument("--build", default="build", help="build directory (default build)")
    parser.add_argument("--only", action="append", choices=COMPARISONS, help="can be repeated")
    parser.add_argument("--rounds", type=int, default=21, help="of each ratio (default 21)")
    parser.add_argument("--seconds", type=float, default=0.7, help="of each round (default 0.7)")
    parser.add_argument("--quick", action="store_true", help="5 rounds of 0.5 s")
    parser.add_argument("--json", action="store_true", help="print JSON and not a table")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = MIN_ROUNDS, 0.5
    if arguments.rounds < MIN_ROUNDS:
        parser.error(f"a median needs at least {MIN_ROUNDS} rounds")
    return arguments


def main():
    arguments = parse_arguments()
    bench = Bench(Programs(arguments.build), arguments.rounds, arguments.seconds)
    tell = (lambda figure: None) if arguments.json else print_figure
    figures, left_out, not_measured = run_all(bench, arguments.only or COMPARISONS, tell)
    if arguments.json:
        machine = {"cpus": os.cpu_count(), "kernel": platform.release()}
        run = {"rounds": arguments.rounds, "seconds": arguments.seconds}
        rows = {
            "figures": [dataclasses.asdict(figure) for figure in figures],
            "left_out": [dataclasses.asdict(one) for one in left_out],
            "not_measured": not_measured,
        }
        print(json.dumps({**machine, **run, **rows}))
    else:
        for name, why in not_measured.items():
            print(f"{name:<12} not measured: {why}")
    return 1 if not_measured or any(figure.is_met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
