#!/usr/bin/python3
"""Check that the page on the architecture tells the truth.

usage: house.py PAGE

In PAGE a heading such as "### src/base/" opens a room, and each line
"- `file.c`: ..." below it is a file there ("`a.[ch]`" is a.c and a.h). Every
room of src/ and every C file in it must stand on the page, once, and the
reverse. A file that the text mentions as `room/file.c` must exist too.
"""
import pathlib
import re
import sys

ROOM = re.compile(r"#+ `?([\w/]+)/`?$")
FILE = re.compile(r"- ((?:`[^`]+`(?:, )?)+):")
MENTION = re.compile(r"`(\w+/\w+\.[ch])`")


def files_on_page(text):
    found, room = [], None
    for line in text.splitlines():
        if line.startswith("#"):
            match = ROOM.match(line)
            room = match[1] if match else None
        elif room and (match := FILE.match(line)):
            for name in re.findall(r"`([^`]+)`", match[1]):
                stem, both, _ = name.partition(".[ch]")
                found += [f"{room}/{stem}.{end}" for end in "ch"] if both else [f"{room}/{name}"]
    return found


def files_in_tree(root):
    return {str(path.relative_to(root)) for path in (root / "src").rglob("*.[ch]")}


def main(page):
    page = pathlib.Path(page)
    text = page.read_text()
    listed = files_on_page(text)
    twice = {name for name in listed if listed.count(name) > 1}
    told = set(listed) | {f"src/{name}" for name in MENTION.findall(text)}
    real = files_in_tree(page.resolve().parent.parent)
    for name in sorted(real - told):
        print(f"{page}: {name} does not stand there")
    for name in sorted(told - real):
        print(f"{page}: {name} stands there and does not exist")
    for name in sorted(twice):
        print(f"{page}: {name} stands there more than once")
    return told != real or bool(twice)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
