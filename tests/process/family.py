"""A running berth as its processes: the keeper, the primary, the workers, and who kills them."""

import collections
import os
import re
import signal
import time
from pathlib import Path

import procs


def children_of(pid):
    """As procs.children_of(), of a process with one thread, without a look at all others."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        return None


def is_primary(pid):
    """A worker that is still a copy of its primary has a session of its own."""
    try:
        return program_of(pid) == "berthd" and os.getsid(pid) != pid
    except ProcessLookupError:
        return False


class Family:
    """@run, and its keeper: the process that was started, or the one after it."""

    def __init__(self, run):
        self.run = run
        self.keeper = run.pid

    def _kids(self):
        """Whoever is the keeper's, and whoever it should have: they are ours after its death."""
        if self.keeper != self.run.pid:
            reap_adopted()
        return children_of(self.keeper) + [pid for pid in procs.orphans() if pid != self.keeper]

    def primary_now(self):
        """The primary, or None between two of them."""
        return next((pid for pid in self._kids() if is_primary(pid)), None)

    def primary(self, other_than=None):
        """Waits until there is one."""

        def another():
            pid = self.primary_now()
            return pid if pid != other_than else None

        return procs.wait_until(another, "a primary runs")

    def kill_primary(self):
        """Returns the pid of the one that was killed."""
        victim = self.primary()
        os.kill(victim, signal.SIGKILL)
        return victim

    def stop_primary(self):
        """From now on there is none that does anything."""
        pid = self.primary()
        os.kill(pid, signal.SIGSTOP)
        procs.wait_until(lambda: procs.state_of(pid) == "T", "the primary stands still")
        return pid

    def end_keeper(self):
        """From now on it is not there; perhaps another is, soon."""
        os.kill(self.keeper, signal.SIGKILL)
        procs.wait_until_gone(self.keeper)

    def find_keeper(self):
        """Waits until there is another keeper, and goes on with that."""
        before = self.keeper

        def another():
            reap_adopted()
            found = [pid for pid in procs.orphans() if program_of(pid) == "berth-keeper"]
            return found[0] if found else None

        self.keeper = procs.wait_until(another, "another keeper runs")
        assert self.keeper != before

    def kill_keeper(self):
        """Waits until the next one has everything, and goes on with that."""
        since = self.run.n_lines()
        self.end_keeper()
        self.find_keeper()
        self.run.wait_for(f"another one (pid {self.keeper}) has everything", since=since)

    def workers(self):
        """Slot to the pids of the workers' leaders in it; what is none of them is in slot 0."""
        slots = {}
        for pid in self._kids():
            if not is_primary(pid):
                slots.setdefault(procs.slot_of(pid), []).append(pid)
        return slots

    def _whole(self, n_workers):
        kids = self._kids()
        slots = self.workers()
        if len(kids) != n_workers + 1 or any(procs.is_gone(pid) for pid in kids):
            return None
        if sorted(slots) != list(range(1, n_workers + 1)):
            return None
        return {slot: pids[0] for slot, pids in slots.items()}

    def wait_whole(self, n_workers):
        """Waits until there is one primary, one worker in each slot, and nothing else."""
        try:
            return procs.wait_until(
                lambda: self._whole(n_workers), f"a primary and {n_workers} workers"
            )
        except AssertionError as error:
            kids = [procs.describe(pid) for pid in self._kids()]
            raise AssertionError(f"{error}; there are {kids}\n{self.run.output()}") from None

    def fds(self):
        """How many descriptors of each kind the keeper holds."""
        targets = procs.fds_of(self.keeper).values()
        return collections.Counter(re.sub(r":\[\d+\]", "", target) for target in targets)

    def wait_fds(self, wanted):
        """Waits until the keeper holds what it has held before."""
        try:
            procs.wait_until(lambda: self.fds() == wanted, "the keeper's descriptors")
        except AssertionError:
            now = self.fds()
            raise AssertionError(f"too many: {now - wanted}, too few: {wanted - now}") from None

    def assert_no_primary_crashed(self):
        crashed = self.run.matching(
            lambda line: re.search(r"primary .*\(code (?!0\b)|primary .*signal (?![09]\))", line.text)
        )
        assert not crashed, self.run.output()

    def _reap_all_but_keeper(self):
        """Returns who lives, a keeper that does included."""
        left = reap_adopted(but=self.keeper)
        return left if procs.is_gone(self.keeper) else [self.keeper, *left]

    def end(self, number=signal.SIGTERM):
        """Tells the keeper to stop, and waits until it has: nothing may be left."""
        self.assert_no_primary_crashed()
        if self.keeper == self.run.pid:
            self.run.stop(sig=number)
            return
        os.kill(self.keeper, number)
        procs.wait_until(lambda: self._reap_all_but_keeper() == [], "the family has ended", 20)
        assert os.waitpid(self.keeper, 0)[1] == 0, "the keeper has failed"
        self.run.wait()
        self.run.assert_nothing_left()


def at_a_pace(act, seconds, per_s):
    """Calls @act so many times a second. Returns how often."""
    due = time.monotonic()
    until = due + seconds
    n_calls = 0
    while due < until:
        time.sleep(max(0, due - time.monotonic()))
        act()
        n_calls += 1
        due += 1 / per_s
    return n_calls


def reap_adopted(but=None):
    """As init does: whoever lost its parent is a child of ours. Returns who lives on."""
    left = []
    for pid in procs.orphans():
        if pid == but:
            continue
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                left.append(pid)
        except ChildProcessError:
            pass
    return left
