#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Rules that no compiler knows, over the whole tree: rooms.py [TOP]

Which room may include what of another, so that each arrow goes one way; what
the packet path may never call; conditionals only in secd/sys; the first line of
each source; no words left for later.  One line for each breach.
"""
import os
import re
import sys

# Who may include whom.  A room's files may always include one another's.
SHARED = [r"secd/(addr|hex|ipc|log|proc|request|secd)\.h"]
SYS = [r"secd/sys/sys\.h"]
ESP = [r"libesp/esp\.h"]
OFFLOAD = [r"libesp/offload\.h"]
PASS = [r"secd/pass\.h"]
ROOMS = [
    # room, its files, what else they may include
    ("libesp", r"libesp/.*", []),
    ("data", r"secd/data/.*", ESP + OFFLOAD + SYS + [r"secd/addr\.h"]),
    ("engine", r"secd/engine/.*",
     ESP + SYS + SHARED + [r"secd/data/data\.h"]),
    ("control", r"secd/control/.*", SHARED + SYS),
    ("sys", r"secd/sys/.*", OFFLOAD + PASS + [r"secd/addr\.h"]),
    ("shared", r"secd/(addr|hex|ipc|log|msg|proc|request)\.[ch]|"
     r"secd/(pass|secd)\.h",
     SYS),
    ("parent", r"secd/[^/]*", ESP + SYS + SHARED),
    ("secctl", r"secctl/.*",
     ESP + [r"secd/(addr|hex|ipc|request|secd)\.h"]),
    # goes into other people's programs, and knows secd by its socket and by
    # what it passes on
    ("shim", r"shim/.*", PASS),
]

# What these files may not call.
ALLOC = r"(malloc|calloc|realloc|reallocarray|recallocarray|free|strdup)"
TALK = r"(printf|fprintf|vprintf|puts|syslog|log_\w+|fatalx?|warnx?|errx?)"
CLOCK = r"(clock_gettime|gettimeofday|time)"
LOCK = r"(pthread_(mutex|rwlock|cond|spin)\w*)"
FORBIDDEN = [
    (r"libesp/(?!sa\.c).*\.[ch]", ALLOC),
    (r"libesp/.*\.[ch]", TALK),
    (r"libesp/.*\.[ch]", CLOCK),
    (r"libesp/.*\.[ch]", LOCK),
    (r"secd/data/.*\.[ch]", ALLOC),
    (r"secd/data/.*\.[ch]", TALK),
    (r"secd/data/.*\.[ch]", CLOCK),
    (r"secd/data/.*\.[ch]", LOCK),
    (r"shim/(shim|udp)\.c", ALLOC),
    (r"shim/(shim|udp)\.c", LOCK),
    (r"(libesp|secd|secctl|shim)/.*\.[chy]",
     r"(strcpy|strcat|sprintf|vsprintf|gets|system|popen|alloca|rand|random)"),
]

SOURCE = re.compile(r"\.([chy]|sh|py|mk|t|subr|service)$|\.service\.d/|(^|/)Makefile$|"
                    r"^setup$|^\.ci/run$|^etc/(rc\.d|sysusers\.d)/|"
                    r"^tests/lib/run$|^man/.*\.[0-9]$|^\.clang-format$")
LATER = re.compile(r"\b(TODO|FIXME|XXX)\b")
SPDX = "SPDX-License-Identifier: ISC"


def without_comments(text):
    """The code, with strings emptied and line numbers kept."""
    def blank(match):
        if match.group().startswith("/*"):
            return "\n" * match.group().count("\n")
        return '""'
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def files(top):
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(f for f in folders if f not in
                            (".git", "build", "corpus", "__pycache__"))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), top)
            if os.path.islink(os.path.join(top, path)):
                continue
            yield path


def room_of(path):
    for room, pattern, allowed in ROOMS:
        if re.fullmatch(pattern, path):
            return room, pattern, allowed
    return None, None, None


def arrows(path, text):
    room, own, allowed = room_of(path)
    if room is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*"([^"]*)"', line)
        if match is None:
            continue
        name = match.group(1)
        if re.fullmatch(own, name) and room_of(name)[0] == room:
            continue
        if any(re.fullmatch(a, name) for a in allowed):
            continue
        yield number, "%s may not include \"%s\"" % (room, name)


def calls(path, code):
    for pattern, names in FORBIDDEN:
        if not re.fullmatch(pattern, path):
            continue
        for number, line in enumerate(code.split("\n"), 1):
            match = re.search(r"(?<![\w.>])" + names + r"\s*\(", line)
            if match:
                yield number, "may not call %s()" % match.group(1)


def conditionals(path, code):
    """OS differences have a room; a header may guard itself and a default."""
    if path.startswith("secd/sys/") or not re.match(
            r"(libesp|secd|secctl|shim)/", path):
        return
    lines = code.split("\n")
    for number, line in enumerate(lines, 1):
        if not re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line):
            continue
        match = re.match(r"#ifndef (\w+)$", line)
        if path.endswith(".h") and match and number < len(lines) and \
                re.match(r"#define\s+%s\b" % match.group(1), lines[number]):
            continue
        yield number, "a conditional outside secd/sys"


def head(path, text):
    if not SOURCE.search(path):
        return
    lines = text.split("\n")
    if not any(SPDX in line for line in lines[:3 if lines[0].startswith("#!")
                                              else 1]):
        yield 1, "does not begin with %s" % SPDX


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else "."
    bad = 0
    for path in files(top):
        if not SOURCE.search(path) or path == "secd/parse.c":
            continue
        with open(os.path.join(top, path), encoding="utf-8") as file:
            text = file.read()
        found = list(head(path, text))
        if re.search(r"\.[chy]$", path):
            code = without_comments(text)
            found += arrows(path, text)
            found += calls(path, code)
            found += conditionals(path, code)
        if path != "tests/lint/rooms.py":
            found += [(n, "a word left for later: " + line.strip())
                      for n, line in enumerate(text.split("\n"), 1)
                      if LATER.search(line)]
        for number, what in found:
            print("%s:%d: %s" % (path, number, what))
        bad += len(found)
    return 1 if bad else 0


sys.exit(main())
