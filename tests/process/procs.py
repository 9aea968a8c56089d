"""Reads /proc and waits for processes: what the tests know without asking berth."""

import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36

OURS = set()  # the processes that the tests themselves started


def become_subreaper():
    """Whatever berth leaves behind becomes our child, where it cannot hide."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def orphans():
    """What somebody left to us: still running, or a zombie that its parent did not reap."""
    return [pid for pid in children_of(os.getpid()) if pid not in OURS]


def reap_orphans():
    for pid in orphans():
        kill_quietly(pid)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass


def describe(pid):
    return f"{pid} ({state_of(pid)}) {command_of(pid)!r}"


def _stat(pid):
    """Returns (state, ppid, start), or None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(b")", 1)[1].split()
    return fields[0].decode(), int(fields[1]), int(fields[19])


def started_at(pid):
    """When a process started, in clock ticks; processes that are gone are the newest."""
    stat = _stat(pid)
    return (stat[2], pid) if stat else (sys.maxsize, pid)


def state_of(pid):
    stat = _stat(pid)
    return stat[0] if stat else None


def children_of(parent):
    found = []
    for pid in all_pids():
        stat = _stat(pid)
        if stat and stat[1] == parent:
            found.append(pid)
    return found


def tree_of(root):
    """Every live descendant of @root, without @root."""
    found = []
    todo = [root]
    while todo:
        kids = children_of(todo.pop())
        found += kids
        todo += kids
    return found


def environ_of(pid):
    """The environment a process was started with; empty for a zombie."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.split(b"=", 1) for item in raw.split(b"\0") if b"=" in item)
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in pairs}


def pids_with_environ(key, value):
    return [pid for pid in all_pids() if environ_of(pid).get(key) == value]


def command_of(pid):
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def fds_of(pid):
    """What every descriptor of @pid points to, by number."""
    targets = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            pass
    return targets


def slot_of(kid):
    """The slot of a child of berth's, which has never an empty environment; 0 if it has none."""
    # In the middle of an exec, a process shows no environment for a moment.
    wait_until(lambda: environ_of(kid) or is_gone(kid), f"process {kid} shows its environment")
    return int(environ_of(kid).get("BERTH_SLOT", 0))


def blocks(pid, sig):
    """Whether it holds such signals back."""
    line = next(
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("SigBlk:")
    )
    return int(line.split()[1], 16) >> sig - 1 & 1


def is_gone(pid):
    return state_of(pid) in (None, "Z", "X")


def wait_until_gone(pid, timeout_s=10.0):
    """Waits for the end of any process, a child of ours or not."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(timeout_s * 1000), f"process {pid} ({command_of(pid)}) is still there"
    finally:
        os.close(fd)


def wait_until(condition, what, timeout_s=10.0):
    """
    For what has no event to wait for: asks often, and gives up at the deadline.

    @what: a text, or what returns one that tells how things stand at the deadline
    """
    end = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(0.002)


def kill_quietly(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass
