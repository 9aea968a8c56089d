"""What workers print: every line, whole, with the name of its slot in front."""

import collections
import os
import pty
import re
import select
import signal

import pytest

import apps
import clients
import procs

TALKER = """
import os, sys
slot, n_lines = os.environ["BERTH_SLOT"], int(sys.argv[1])
for number in range(n_lines):
    text = f"{slot} {number} " + "x" * (number * 37 % 200)
    print(text, file=sys.stderr if number % 5 == 0 else sys.stdout)
for stream in (sys.stdout, sys.stderr):
    print("END", file=stream, flush=True)
open(sys.argv[2]).read()
"""


def python(script, *words):
    return ["--", apps.PYTHON, "-c", script, *words]


@pytest.fixture
def gate(place):
    """A FIFO that nobody opens for writing: who opens it for reading waits."""
    path = place / "gate"
    os.mkfifo(path)
    path.chmod(0o666)
    return path


def test_ten_megabytes_from_four_workers_arrive_with_every_line_whole_and_in_order(
    berth_run, tier, gate
):
    n_lines = 22000
    run = berth_run(
        ["-n", 4, "--name", "web", *python(TALKER, n_lines, gate)], tier=tier, json_lines=False
    )
    run.wait_for("END", count=8, timeout_s=60)
    seen = collections.defaultdict(list)
    for line in run.matching(lambda line: line.text.startswith("web.")):
        match = re.fullmatch(r"web\.([1-4]) +\| (?:END|([1-4]) (\d+) (x*))", line.text)
        assert match, f"a damaged line: {line.text!r}"
        slot, said_slot, number, filling = match.groups()
        if number is None:
            continue
        assert slot == said_slot
        assert len(filling) == int(number) * 37 % 200
        seen[slot, int(number) % 5 == 0].append(int(number))
    for (slot, is_stderr), numbers in seen.items():
        wanted = [n for n in range(n_lines) if (n % 5 == 0) == is_stderr]
        assert numbers == wanted, f"slot {slot}: {len(numbers)} of {len(wanted)} lines"
    assert len(seen) == 8
    run.stop()


def say_and_stay(length):
    return f'import sys; print("<" + "y" * {length} + ">", flush=True); open(sys.argv[1]).read()'


def test_a_long_line_stays_one_line(berth_run, tier, gate):
    run = berth_run(["-n", 3, *python(say_and_stay(60000), gate)], tier=tier, json_lines=False)
    for line in run.wait_for("<y", count=3):
        assert re.fullmatch(r"[^|]*\| <y{60000}>", line.text), f"{len(line.text)} bytes"
    run.stop()


def test_a_line_without_bounds_comes_in_long_pieces_and_nothing_of_it_is_lost(
    berth_run, tier, gate
):
    run = berth_run(
        ["-n", 2, "--name", "web", *python(say_and_stay(300000), gate)],
        tier=tier, json_lines=False,
    )
    run.wait_for(lambda line: line.text.endswith("y>"), count=2)
    for slot in (1, 2):
        prefix = f"web.{slot} | "
        pieces = [line.text[len(prefix):] for line in run.matching(prefix)]
        assert "".join(pieces) == "<" + "y" * 300000 + ">"
        assert len(pieces) < 10
    run.stop()


def test_a_last_line_without_an_end_is_still_a_whole_line(berth_run, tier):
    run = berth_run(
        ["-n", 2, "--name", "web", "--", "sh", "-c", "printf 'no end'; kill -9 $$"],
        tier=tier, json_lines=False,
    )
    for slot in (1, 2):
        run.wait_for(lambda line, want=f"web.{slot} | no end": line.text == want)
    run.stop()


def test_what_a_worker_wrote_before_it_was_killed_is_not_lost(berth_run, tier):
    script = r"""
import os
os.write(1, b"".join(b"line %d\n" % n for n in range(3000)))
os.kill(os.getpid(), 9)
"""
    run = berth_run(["-n", 1, *python(script)], tier=tier, json_lines=False)
    run.wait_for("line 2999", count=2)
    numbers = [int(line.text.rsplit(" ", 1)[1]) for line in run.matching("| line ")]
    assert numbers[:6000] == list(range(3000)) * 2
    run.stop()


def test_what_a_worker_says_while_it_stops_is_not_lost(berth_run, tier):
    script = r"""
import os, signal, sys
def stop(*_):
    os.write(1, b"".join(b"bye %d\n" % n for n in range(3000)))
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
print("armed", flush=True)
while True:
    signal.pause()
"""
    run = berth_run(["-n", 3, *python(script)], tier=tier, json_lines=False)
    run.wait_for("armed", count=3)
    run.stop()
    assert len(run.matching("| bye ")) == 9000


def test_bytes_that_are_no_text_pass_as_they_are(berth_run, tier, place):
    script = "import os, time; os.write(1, b'\\xff\\xfe\\x00\\x80|\\n'); time.sleep(1000)"
    with open(place / "out", "w+b") as out:
        run = berth_run(
            ["-n", 1, "--name", "web", *python(script)], tier=tier, json_lines=False, stdout=out
        )
        wanted = b"web.1 | \xff\xfe\x00\x80|\n"
        procs.wait_until(lambda: wanted in (place / "out").read_bytes(), "the bytes are there")
        run.stop()


def test_a_pipe_gets_no_colour(berth_run):
    run = berth_run(["-n", 2, "--", "sh", "-c", "echo hi; exec sleep 1000"], json_lines=False)
    run.wait_for("| hi", count=2)
    run.stop()
    assert "\x1b" not in run.output()


def test_a_terminal_gets_colour(berth_run):
    ours, theirs = pty.openpty()
    run = berth_run(
        ["-n", 2, "--name", "web", "--", "sh", "-c", "echo hi; exec sleep 1000"],
        json_lines=False, stdout=theirs, env={"TERM": "xterm"},
    )
    os.close(theirs)
    text = b""
    while text.count(b"hi") < 2:
        assert select.select([ours], [], [], 10)[0], text
        text += os.read(ours, 4096)
    assert re.search(rb"\x1b\[[0-9;]*mweb\.1", text), text
    run.stop()
    os.close(ours)


def test_berth_goes_on_when_the_reader_of_its_output_goes_away(berth_run, tier, programs):
    port = clients.free_port()
    ours, theirs = os.pipe()
    server = f"{programs.hello} {port} 127.0.0.1"
    talk_and_serve = f"while :; do echo talk; sleep 0.01; done & exec {server}"
    run = berth_run(
        ["-n", 2, "--listen", f"127.0.0.1:{port}", "--", "sh", "-c", talk_and_serve],
        tier=tier, json_lines=False, stdout=theirs,
    )
    os.close(theirs)
    assert os.read(ours, 1)
    first = clients.get_number(port)
    os.close(ours)
    assert first in clients.tally(port, 200)
    os.kill(first, signal.SIGKILL)
    assert clients.get_number(port)
    run.stop()


def test_a_grandchild_that_keeps_the_output_open_does_not_hold_up_the_replacement(berth_run, tier):
    script = 'setsid sleep 1000 & echo "here $$"; exec sleep 1000'
    run = berth_run(["-n", 1, "--", "sh", "-c", script], tier=tier, json_lines=False)
    run.wait_for("here ")
    os.kill(run.workers()[1], signal.SIGKILL)
    run.wait_for("here ", count=2)
    run.stop()


def test_quiet_leaves_only_what_the_workers_say(berth_run, tier):
    run = berth_run(
        ["-n", 2, "--name", "web", "--quiet", "--", "sh", "-c", "echo hi; exec sleep 1000"],
        tier=tier, json_lines=False,
    )
    run.wait_for("| hi", count=2)
    run.stop()
    assert sorted(line.text for line in run.lines) == ["web.1 | hi", "web.2 | hi"]
