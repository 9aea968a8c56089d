"""What clients notice of reloads, of workers' deaths, and of versions that are no good.

Some come with new connections, at a fixed rate, and some keep theirs. All servers run at the
same time and are loaded in turns, one at a time, so that what the machine does besides meets
them all.
"""

import collections
import contextlib
import dataclasses
import json
import os
import random
import signal
import statistics
import subprocess
import time

from deploy import ALL, EXITS, GOOD, N_WORKERS, NEVER_LISTENS, SAYS_500, Berth
from fleet import HOST

NEW_PER_S = 500
N_KEPT = 50
THINK_MS = 90
TIMEOUT_MS = 1000
MAX_TURN_S = 90
QUIET_S = 1  # before and after all else: what the machine alone does
RELOADS_A_ROUND = 5
KILLS_A_ROUND = 2
DONE_S = 10  # for a reload or for another worker, else it counts as not done
HEAL_S = 5  # for a good version after a bad one
STAY_S = 1.5  # for the old workers after that, else they count as such that stay
PAUSE_S = 0.15
BAD_VERSIONS = (EXITS, NEVER_LISTENS, SAYS_500)
MIN_BAD_S, MAX_BAD_S = 2, 8  # of its deployment: until the order has ended

NO_EVENT = "no event"


def is_promised(fleet, what):
    """Whether berth says that no request fails of it. A killed worker takes along what it was at."""
    return isinstance(fleet, Berth) and "kill" not in what


class Load:
    """Both kinds of clients at one server, as long as the context lasts."""

    def __init__(self, programs, port):
        limits = ["--timeout-ms", TIMEOUT_MS, "--seconds", MAX_TURN_S, f"{HOST}:{port}"]
        kinds = (["--open", NEW_PER_S], ["--keep-alive", N_KEPT, "--think-ms", THINK_MS])
        self._processes = [self._start([programs.load, *kind, *limits]) for kind in kinds]

    @staticmethod
    def _start(command):
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)

    def __enter__(self):
        time.sleep(PAUSE_S)  # the load's own time: nothing is to happen in it
        return self

    def __exit__(self, *_):
        self.results = []
        time.sleep(PAUSE_S)
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            self.results.append(json.loads(process.communicate()[0]))


@dataclasses.dataclass
class Tally:
    """All turns of one kind at one server."""

    turns: list = dataclasses.field(default_factory=list)  # new connections' and kept ones' results
    times_s: list = dataclasses.field(default_factory=list)
    words: list = dataclasses.field(default_factory=list)

    @property
    def n_failed(self):
        return sum(result["failed"] for turn in self.turns for result in turn)

    def detail(self):
        n_sent = sum(result["sent"] for turn in self.turns for result in turn)
        p99 = [
            statistics.median(result["latency_us"]["p99"] for result in kind) / 1e3
            for kind in zip(*self.turns)
        ]
        parts = [f"of {n_sent:,}", f"p99 {p99[0]:.0f} ms new, {p99[1]:.0f} ms kept"]
        if self.times_s:
            middle, low, high = (f(self.times_s) for f in (statistics.median, min, max))
            parts.insert(0, f"{middle:.2f} s each, {low:.2f} to {high:.2f}")
        words = [f"{word} ({n} times)" if n > 1 else word for word, n in self._words()]
        return "; ".join(parts + words + self._kinds())

    def _words(self):
        return collections.Counter(self.words).items()

    def _kinds(self):
        """How they failed, of both kinds of clients."""
        kinds = {}
        for turn in self.turns:
            for i, result in enumerate(turn):
                for kind, n in result["failures"].items():
                    kinds.setdefault(kind, [0, 0])[i] += n
        return [
            f"{kind} {new} new, {kept} kept".replace("_", " ")
            for kind, (new, kept) in kinds.items()
            if new or kept
        ]


class Comparison:
    def __init__(self, programs, n_rounds):
        self.programs = programs
        self.n_rounds = n_rounds
        self.fleets = []
        self.missing = {}
        self.random = random.Random(1)  # the same victims every time

    def find(self):
        for kind in ALL:
            fleet = kind(self.programs.build)
            missing = fleet.find_programs()
            if missing:
                self.missing[fleet.name] = f"no {', no '.join(missing)} here"
            else:
                self.fleets.append(fleet)

    def turn(self, tally, fleet, happen):
        """Loads one server while something happens to it. Mends what that has spoilt."""
        with Load(self.programs, fleet.port) as load:
            is_spoilt = happen(tally, fleet)
        tally.turns.append(load.results)
        if not is_spoilt and not fleet.wait_for(fleet.is_whole, DONE_S):
            tally.words.append("did not come back")
            is_spoilt = True
        if is_spoilt:
            fleet.restart()

    # --- what happens ---

    def nothing(self, _tally, _fleet):
        time.sleep(QUIET_S)  # the measured time itself

    def reloads(self, tally, fleet):
        for _ in range(RELOADS_A_ROUND):
            old = fleet.workers()
            began_s = time.monotonic()
            order = fleet.order_reload()
            if not fleet.wait_for(lambda: _is_done(fleet, old, order), DONE_S):
                tally.words.append(f"not done after {DONE_S} s")
            elif not fleet.wait_for(lambda: not fleet.workers() & old, STAY_S):
                tally.words.append(f"old workers there {STAY_S} s later")
            tally.times_s.append(time.monotonic() - began_s)
            _end(order)
            time.sleep(PAUSE_S)

    def kills(self, tally, fleet):
        for _ in range(KILLS_A_ROUND):
            workers = sorted(fleet.workers())
            if not workers:
                tally.words.append("nobody left to kill")
                return
            victim = self.random.choice(workers)
            began_s = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            if not fleet.wait_for(lambda: _is_replaced(fleet, victim), DONE_S):
                tally.words.append(f"nobody in its place after {DONE_S} s")
            tally.times_s.append(time.monotonic() - began_s)
            time.sleep(PAUSE_S)

    def bad_version(self, version):
        def happen(tally, fleet):
            fleet.deploy(version)
            order = fleet.order_reload()
            time.sleep(MIN_BAD_S)  # the measured time itself
            fleet.wait_for(lambda: order.poll() is not None, MAX_BAD_S - MIN_BAD_S)
            code = _end(order)
            fleet.deploy(GOOD)
            tally.words.append(f"no end in {MAX_BAD_S} s" if code is None else f"exit code {code}")
            tally.words.append("all ended" if fleet.has_ended() else _heal(fleet))
            return True  # hung workers may be left, which are not to be in the next turn

        return happen

    # --- all of it ---

    def run(self):
        """Yields each server, what happened to it, and the tally."""
        with contextlib.ExitStack() as stack:
            for fleet in self.fleets:
                stack.enter_context(fleet)
            tallies = self._all_rounds()
        for (what, fleet), tally in tallies.items():
            yield fleet, what, tally

    def _all_rounds(self):
        tallies = {}
        self._round(tallies, NO_EVENT, self.nothing)
        for _ in range(self.n_rounds):
            self._round(tallies, f"{self.n_rounds * RELOADS_A_ROUND} reloads", self.reloads)
        for _ in range(self.n_rounds):  # afterwards: PM2's reloads suffer from earlier deaths
            self._round(tallies, f"{self.n_rounds * KILLS_A_ROUND} kill -9", self.kills)
        for version in BAD_VERSIONS:
            able = [fleet for fleet in self.fleets if version in fleet.can_deploy]
            self._round(tallies, f"a version that {version}", self.bad_version(version), able)
        self._round(tallies, NO_EVENT, self.nothing)
        return tallies

    def _round(self, tallies, what, happen, fleets=None):
        for fleet in fleets or self.fleets:
            self.turn(tallies.setdefault((what, fleet), Tally()), fleet, happen)


def _is_replaced(fleet, victim):
    return victim not in fleet.workers() and fleet.is_whole()


def _is_done(fleet, old, order):
    """Whether there are as many new workers as there should be, and the order has ended."""
    n_new = len(fleet.workers() - old)
    return order.poll() is not None and n_new >= N_WORKERS and fleet.answers()


def _heal(fleet):
    """Whether a good version can be deployed after a bad one. Workers that hang may stay."""
    bad = fleet.workers()
    order = fleet.order_reload(is_anyway=True)
    is_well = fleet.wait_for(lambda: _is_done(fleet, bad, order), HEAL_S)
    _end(order)
    return "then a good one works" if is_well else f"then a good one doesn't work in {HEAL_S} s"


def _end(order):
    """Returns the exit code of who gave an order, or None if it had to be ended."""
    code = order.poll()
    if code is None:
        order.kill()
        order.wait()
    return code
