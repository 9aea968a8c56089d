"""One measurement each: a run of load, the primary's memory, its wake-ups, a replacement."""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import time
from pathlib import Path

from fleet import HOST, FleetError

ANSWER_S = 5
SETTLE_S = 10
QUIET_CPUS = 0.15
MAX_ROUNDS_FACTOR = 2


def _busy_s():
    """CPU time that all processes have used since the machine started, the host's share too."""
    fields = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def run_load(programs, fleet, *args):
    """What load says of one run against a fleet, and what CPU time that and others used."""
    command = [str(word) for word in [programs.load, *args, f"{HOST}:{fleet.port}"]]
    begin_s, before_s, all_before_s = time.monotonic(), fleet.cpu_s(), _busy_s()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout)
    used_s = fleet.cpu_s() - before_s + result["cpu_s"]
    others_s = _busy_s() - all_before_s - used_s
    result["cpu_us_per_request"] = used_s / max(result["ok"], 1) * 1e6
    result["others_cpus"] = max(others_s, 0) / (time.monotonic() - begin_s)
    return result


def _disturbance(pair):
    return max(result["others_cpus"] for result in pair)


def in_turns(programs, one, other, n_rounds, args):
    """Runs load on both in turns, A B, B A, A B, ..., after one round that doesn't count.

    A round in which others used the machine is followed by another one, within limits. What
    counts is the n_rounds quietest, as a list of pairs.
    """
    for fleet in (one, other):
        run_load(programs, fleet, *args)
    pairs = []
    while len(pairs) < n_rounds * MAX_ROUNDS_FACTOR:
        order = (one, other) if len(pairs) % 2 == 0 else (other, one)
        results = {fleet: run_load(programs, fleet, *args) for fleet in order}
        pairs.append((results[one], results[other]))
        if sum(_disturbance(pair) < QUIET_CPUS for pair in pairs) == n_rounds:
            break
    return sorted(pairs, key=_disturbance)[:n_rounds]


def interval(values):
    """Where the median of all possible rounds is, with 95 % confidence: two of the values."""
    ordered = sorted(values)
    rank = max(int(len(ordered) / 2 - 0.98 * len(ordered) ** 0.5), 1)
    return ordered[rank - 1], ordered[-rank]


def median_of(results, *path):
    """The median over rounds of one figure of load's."""
    values = []
    for result in results:
        for key in path:
            result = result[key]
        values.append(result)
    return statistics.median(values)


def pss_kib(pid):
    """Proportional set size: what it holds alone, and its share of what others map too."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise FleetError(f"pid {pid}: no Pss in smaps_rollup")


def wake_ups(pid):
    """Times that a process's threads were given a CPU after they had none."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if "ctxt_switches:" in line:
                total += int(line.split()[1])
    return total


def wake_ups_in(pid, seconds):
    """Wake-ups in so much time, once what the start had left to do is done: 1 s without one."""
    for _ in range(SETTLE_S):
        before = wake_ups(pid)
        time.sleep(1)
        if wake_ups(pid) == before:
            break
    before = wake_ups(pid)
    time.sleep(seconds)  # the measured time itself: nothing is to happen in it
    return wake_ups(pid) - before


def successor_ms(fleet):
    """Kills the primary; how long until its successor has answered a trapped bind."""
    n_known = len(fleet.lines)
    os.kill(fleet.primary_pid, signal.SIGKILL)
    begin_s = time.monotonic()
    while time.monotonic() < begin_s + ANSWER_S:
        for line in fleet.lines[n_known:]:
            found = re.search(r"waited ([\d.]+) ([\d.]+)", line)
            if found and float(found[2]) > begin_s:
                return (float(found[2]) - begin_s) * 1e3
        time.sleep(0.005)  # the figure comes from the worker's clock
    raise FleetError(f"{fleet.name}: no bind was answered in {ANSWER_S} s")


def _who_answers(port):
    with socket.create_connection((HOST, port), timeout=ANSWER_S) as s:
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while chunk := s.recv(4096):
            answer += chunk
    return int(re.search(rb"pid (\d+)", answer)[1])


def replacement_ms(fleet, victim, known):
    """Kills a worker; how long until a process that isn't known answers. Adds it to known."""
    os.kill(victim, signal.SIGKILL)
    begin_s = time.monotonic()
    while time.monotonic() < begin_s + ANSWER_S:
        try:
            pid = _who_answers(fleet.port)
        except ConnectionError:
            continue  # it was the victim's own
        if pid not in known:
            known.add(pid)
            return (time.monotonic() - begin_s) * 1e3
    raise FleetError(f"{fleet.name}: nobody took the place of pid {victim} in {ANSWER_S} s")


def _program_runs(name):
    """Of each program in the kernel that has this name: how often it ran, and how long in all."""
    done = subprocess.run(
        ["bpftool", "--json", "prog", "show"], stdout=subprocess.PIPE, check=True,
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
    )  # fmt: skip
    return {
        program["id"]: (program.get("run_cnt", 0), program.get("run_time_ns", 0))
        for program in json.loads(done.stdout)
        if program.get("name") == name
    }


def program_ns(name, run):
    """What one run of a program takes, while run() lasts: of the one that runs most."""
    switch = Path("/proc/sys/kernel/bpf_stats_enabled")
    was = switch.read_text()
    switch.write_text("1")
    try:
        before = _program_runs(name)
        run()
        after = _program_runs(name)
    finally:
        switch.write_text(was)
    spans = [
        (n - before.get(key, (0, 0))[0], ns - before.get(key, (0, 0))[1])
        for key, (n, ns) in after.items()
    ]
    n, ns = max(spans, default=(0, 0))
    if n == 0:
        raise FleetError(f"{name} has not run")
    return ns / n
