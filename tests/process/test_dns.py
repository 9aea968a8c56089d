"""A real DNS server under load, through reload after reload: not one answer is lost."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import apps
import control
import procs
from reloads import App

N_WORKERS = 4
LONG = os.environ.get("BERTH_TEST_LONG") == "1"
N_RELOADS = 50 if LONG else 3
QUERIES_PER_S = 1000
N_OUTSTANDING = 100
N_CLIENTS = 8


class Queries:
    """dnsperf at work."""

    def __init__(self, spawn, place, port):
        data = place / "queries"
        data.write_text("www.example.test A\nns.example.test A\n")
        self._process = spawn(
            [
                apps.need("dnsperf"), "-s", "127.0.0.1", "-p", port, "-d", data,
                "-c", N_CLIENTS, "-T", 1, "-q", N_OUTSTANDING, "-Q", QUERIES_PER_S, "-l", 3600, "-t", 5,
                "-b", 1024,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def stop(self):
        """Returns how many were sent, answered and lost."""
        self._process.send_signal(signal.SIGINT)
        out, _ = self._process.communicate(timeout=30)
        counts = dict(re.findall(r"Queries (sent|completed|lost): +(\d+)", out))
        assert len(counts) == 3, out
        return {name: int(n) for name, n in counts.items()}


def drops(app):
    """What may have become of datagrams: those of this machine, and those of berth's."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines()
        if line.startswith("Udp:")
    )  # fmt: skip
    _, _, document = control.request(f"{app.directory}/web.sock", "GET", "/v1/ports")
    return {
        **{name: int(values[names.index(name)]) for name in ("RcvbufErrors", "NoPorts")},
        "dropped": sum(port.get("dropped", 0) for port in document["ports"]),
    }


@pytest.fixture(autouse=True)
def long_deadline(deadline):
    if LONG:
        signal.alarm(1200)


@pytest.mark.slow
def test_not_one_answer_is_lost_through_reloads(berth_run, programs, place, steered, spawn):
    apps.need("dnsperf")
    app = App(
        berth_run, programs, place, "--watch", "off", "--undo", "off", "--drain", "2s",
        tier=steered, n_workers=N_WORKERS, server=apps.knot,
    )  # fmt: skip
    before = drops(app)
    queries = Queries(spawn, place, app.port)
    for generation in range(2, 2 + N_RELOADS):
        app.reload()
        procs.wait_until(lambda: not app.in_state("draining"), "nobody drains", timeout_s=20)
        members = [slot for slot in app.slots() if slot["role"] == "member"]
        assert {slot["generation"] for slot in members} == {generation}
    counts = queries.stop()
    assert counts["lost"] == 0, (counts, before, drops(app))
    # Those that it had just sent when it was stopped are neither lost nor answered.
    assert counts["sent"] - N_OUTSTANDING <= counts["completed"], counts
    assert counts["completed"] > N_RELOADS * QUERIES_PER_S / 2, counts
    app.run.stop()
