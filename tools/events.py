#!/usr/bin/python3
"""Check that the manual page names the events that berth tells of, and no others.

usage: events.py SOURCES MANUAL

An event is the first text behind the level of a message, or behind `fail(p, ...`
or `\\"event\\":`, in a C file below SOURCES. The section JSON of MANUAL lists them: "- *name*: ...".
"""
import pathlib
import re
import sys

EVENT = re.compile(
    r'(?:(?:\bMESSAGE_(?:INFO|WARNING|ERROR),|\bfail\(p,)[^;"]*|\\"event\\":\\)"([a-z_]+)(?:"|\\")'
)
LISTED = re.compile(r"^- ((?:\*[a-z_]+\*(?:, )?)+):", re.MULTILINE)


def events_told(sources):
    return {name for path in sources.rglob("*.c") for name in EVENT.findall(path.read_text())}


def events_listed(manual):
    section = manual.partition("\n# JSON\n")[2].partition("\n# ")[0]
    return {name for names in LISTED.findall(section) for name in re.findall(r"[a-z_]+", names)}


def main(sources, manual):
    told = events_told(pathlib.Path(sources))
    listed = events_listed(pathlib.Path(manual).read_text())
    for name in sorted(told - listed):
        print(f"{manual}: the event {name} does not stand there")
    for name in sorted(listed - told):
        print(f"{manual}: there is no event {name}")
    return told != listed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
