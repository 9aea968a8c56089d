"""bind, listen and socket under berth: what the kernel would have said, once, whatever happens."""

import contextlib
import socket
import re
import subprocess

import pytest

import apps
import clients
import procs

N_WORKERS = 4
CALL_LINE = re.compile(r"(?:^|\| )([a-z-]+): ((?:ok|E[A-Z0-9]+)\b.*)$")

# Where berth answers otherwise than the kernel, and should.
OTHERWISE = {
    "attach-cbpf": "ok",  # and it is not obeyed
    "attach-ebpf": "ok",
    "mptcp": "ok protocol=tcp",
}


def read_calls(lines):
    found = filter(None, map(CALL_LINE.search, lines))
    return {match.group(1): match.group(2) for match in found}


def call_names(programs):
    done = subprocess.run([programs.calls], capture_output=True, text=True, check=True)
    return done.stdout.split()


def all_calls(programs, names, ports):
    """A shell script that makes one odd call after the other."""
    return "".join(f"{programs.calls} {name} {port}; " for name, port in zip(names, ports))


def without_chosen_ports(name, said, by_number):
    """What the kernel chose differs from run to run."""
    return said if by_number and name != "listen-unbound" else re.sub(r"=\d+", "=N", said)


def assert_the_same_number(said):
    first, again = re.findall(r"=(\d+)", said)
    assert first == again != "0", said


@pytest.mark.parametrize("ports", ["chosen_by_the_kernel", "by_number"])
def test_every_odd_call_has_the_same_outcome_with_and_without_berth(
    berth_run, tier, programs, ports
):
    names = call_names(programs)
    by_number = ports == "by_number"
    numbers = [clients.free_port() if by_number else 0 for _ in names]
    script = all_calls(programs, names, numbers)
    as_user = {"user": tier.user, "group": "nogroup", "extra_groups": []} if tier.user else {}
    plain = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, timeout=30, **as_user
    )
    run = berth_run(
        ["-n", 1, "--", "sh", "-c", script + "echo calls-done; exec sleep 1000"],
        tier=tier, json_lines=False,
    )
    run.wait_for("| calls-done")
    under = read_calls(line.text for line in run.matching("| "))
    wanted = {**read_calls(plain.stdout.splitlines()), **OTHERWISE}
    assert set(wanted) == set(names)
    assert_the_same_number(under["port-zero-then-again"])
    under, wanted = (
        {name: without_chosen_ports(name, said, by_number) for name, said in outcomes.items()}
        for outcomes in (under, wanted)
    )
    under["mptcp"] = under["mptcp"].replace(" refused=EPROTONOSUPPORT", "")
    assert under == wanted
    run.stop()


OWN_PROGRAM = """
import ctypes, os, socket, struct, sys
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
sock.bind(("127.0.0.1", int(sys.argv[1])))
sock.listen(64)
first = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))
program = struct.pack("HL", 1, ctypes.addressof(first))
sock.setsockopt(socket.SOL_SOCKET, 51, program)
print("attached", flush=True)
while True:
    client, _ = sock.accept()
    while b"\\r\\n\\r\\n" not in client.recv(4096):
        pass
    client.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n%d" % os.getpid())
    client.close()
"""


def test_a_reuseport_program_of_a_worker_is_told_yes_and_not_obeyed(berth_run, steered):
    port = clients.free_port()
    run = berth_run(
        ["-n", N_WORKERS, "--", apps.PYTHON, "-c", OWN_PROGRAM, port],
        tier=steered, json_lines=False,
    )
    run.wait_for("| attached", count=N_WORKERS)
    assert sorted(clients.tally(port, 40).values()) == [10] * N_WORKERS
    run.stop()


def storm_in_slot_1(programs, port, *options):
    storm = f"{programs.storm} {' '.join(options)} {port}"
    return ["sh", "-c", f'[ "$BERTH_SLOT" = 1 ] && {storm} && exec sleep 1000; '
                        f"exec {programs.hello} {port}"]


@pytest.mark.parametrize("options", [(), ("--signal", "ALRM"), ("--signal", "URG"),
                                     ("--signal", "ALRM", "--no-restart")], ids=" ".join)
def test_a_storm_of_calls_from_one_worker_does_not_disturb_the_others(
    berth_run, tier, programs, start_load, options
):
    port = clients.free_port()
    n_times = 5000
    command = storm_in_slot_1(programs, port, "--times", str(n_times), *options)
    run = berth_run(["-n", N_WORKERS, "--", *command], tier=tier, json_lines=False)
    run.wait_for(f"listens on port {port}", count=N_WORKERS - 1)
    load = start_load("--open", 500, "--seconds", 30, port)
    (line,) = run.wait_for(f"| {n_times} times")
    figures = load.stop()
    said = re.search(r"(\d+) interrupted, (\d+) errors, (\d+) signals", line.text)
    n_interrupted, n_errors, n_signals = map(int, said.groups())
    assert n_errors == 0, run.output()
    assert n_interrupted == 0 or "--no-restart" in options
    assert (n_signals > 0) == ("--signal" in options)
    assert not clients.failures_of(figures)
    run.stop()


KILLER = """
import random, subprocess, sys
dice = random.Random(int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    process = subprocess.Popen(sys.argv[3:], stdout=subprocess.DEVNULL)
    try:
        process.wait(dice.uniform(0, 0.008))
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
print("killer done", flush=True)
"""


def test_processes_killed_in_the_middle_of_a_call_leave_nothing_behind_in_berth(
    berth_run, tier, programs, place
):
    port, other = clients.free_port(), clients.free_port()
    killer = place / "killer.py"
    killer.write_text(KILLER)
    killer.chmod(0o644)
    storm = [programs.storm, "--signal", "ALRM", "--times", "1000000", port]
    script = (
        f"{programs.hello} {other} & "
        + "".join(f"{apps.PYTHON} {killer} {seed} {n} {' '.join(map(str, storm))}; "
                  for seed, n in ((1, 20), (2, 250)))
        + "exec sleep 1000"
    )
    run = berth_run(["-n", 2, "--", "sh", "-c", script], tier=tier, json_lines=False)
    run.wait_for("killer done", count=2)
    before = procs.fds_of(run.pid)
    run.wait_for("killer done", count=4, timeout_s=40)
    # Berth's copy of the last socket goes when somebody comes: until then it harms nobody.
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        pass
    procs.wait_until(
        lambda: len(procs.fds_of(run.pid)) <= len(before),
        f"no descriptor more than before: {sorted(before.values())}, "
        f"{sorted(procs.fds_of(run.pid).values())}",
    )
    assert clients.get_number(other)
    run.stop()
