#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
KNF, as far as a program can judge it: format.py FILE.c ...

clang-format lays each file out by .clang-format; a file is right if it differs
only in what clang-format has no option for: where a statement is broken, what
lines up with tabs within a line, comments, macros.  Both layouts are therefore
brought to one statement a line, with single blanks, before they are compared.
Beside that: 80 columns, tabs for indentation, no blanks at the end of a line,
and continuation lines of a function indented by tabs and four spaces.
"""
import difflib
import re
import subprocess
import sys

CLANG_FORMAT = ["clang-format-14", "-style=file"]
MASK = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  re.S)
LABEL = re.compile(r"^\s*(case\b.*|default|[A-Za-z_]\w*)\s*:$")
# Complete without a semicolon: what it controls stands on its own line.
CONTROL = re.compile(r"^\s*(\} )?((else )?(if|for|while|switch|\w+_FOREACH\w*)"
                     r" ?\(.*\)|else|do)$")
LIST = re.compile(r"(=|\breturn|,|\(|\benum(\s+\w+)?|\)|\[\w*\])\s*$")


def masked(text):
    """Without comments and macros; strings keep their place as words."""
    strings = []

    def mask(match):
        if match.group().startswith("/*"):
            return "\n" * match.group().count("\n")
        strings.append(match.group())
        return "\x01%d\x01" % (len(strings) - 1)

    text = MASK.sub(mask, text)
    text = re.sub(r"^#(?:.*\\\n)*.*$", lambda m: "\n" * m.group().count("\n"),
                  text, flags=re.M)
    return text, strings


def is_list(before, parens, inside):
    """Whether a brace after this text opens a list of values, not a block."""
    if inside or parens:
        return True
    match = LIST.search(before)
    if match is None:
        return False
    # `if (...) {' is a block; only after = can a cast stand before a list
    return match.group(1) != ")" or bool(
        re.search(r"[^=!<>]=[^=]", before) and not CONTROL.match(before))


def statements(text, wrong=None):
    """
    [(line number, statement)]: each brought to one line.  wrong gets the
    lines that go on with a statement in the wrong column.
    """
    text, strings = masked(text)
    out, have, first = [], "", 0
    parens, braces = 0, []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip()
        if not line.strip():
            if not have and out and out[-1][1]:
                out.append((number, ""))
            continue
        if have:
            glue = "" if have.endswith("(") else " "
            before, have = have, have + glue + line.strip()
            fresh = line.strip()
            if wrong is not None and have[0] == "\t" and \
                    not (braces and braces[-1]) and \
                    re.match(r"\s*", line).group() != \
                    re.match(r"\s*", have).group() + "    ":
                wrong.append(number)
        else:
            before, have, first, fresh = "", line, number, line.strip()
        seen = before
        for char in fresh:
            if char in "([":
                parens += 1
            elif char in ")]":
                parens -= 1
            elif char == "{":
                inside = bool(braces) and braces[-1]
                braces.append(is_list(seen, parens, inside))
            elif char == "}" and braces:
                closed = braces.pop()
                if closed and not (braces and braces[-1]):
                    seen += char
                    continue
            seen += char
        if parens > 0 or (braces and braces[-1]):
            continue
        if not have.endswith((";", "{", "}")) and not LABEL.match(have) and \
                not CONTROL.match(have):
            # a return type stands alone before its function
            if have[0] not in " \t" and re.match(r"^[\w \t*]+$", have):
                pass
            else:
                continue
        out.append((first, have))
        have = ""
    if have:
        out.append((first, have))

    def plain(statement):
        indent = re.match(r"[ \t]*", statement).group()
        body = re.sub(r"[ \t]+", " ", statement[len(indent):])
        body = re.sub(r"\{ ", "{", re.sub(r",? ?\}", "}", body))
        if LABEL.match(body) and not body.startswith(("case", "default")):
            indent = ""
        # clang-format's own ways with casts of strings, pointers to
        # functions, and a pointer after a structure's end
        body = re.sub(r"\) (?=\x01)", ")", body)
        body = re.sub(r" \(\*", "(*", body)
        body = re.sub(r"\} \* (?=\w)", "} *", body)
        body = re.sub("\x01(\\d+)\x01", lambda m: strings[int(m.group(1))],
                      body)
        return indent + body
    return [(number, plain(s)) for number, s in out]


def compare(path, source):
    laid = subprocess.run(CLANG_FORMAT + [path], capture_output=True,
                          text=True, check=True).stdout
    astray = [] if path.endswith(".c") else None
    ours, theirs = statements(source, astray), statements(laid)
    for number in astray or []:
        print("%s:%d: a statement goes on four spaces to the right" % (
            path, number))
        yield number
    # an empty line is the author's, but never two
    ours = [s for s in ours if s[1]]
    theirs = [s for s in theirs if s[1]]
    match = difflib.SequenceMatcher(None, [s[1] for s in ours],
                                    [s[1] for s in theirs], autojunk=False)
    for tag, a, b, c, d in match.get_opcodes():
        if tag == "equal":
            continue
        line = ours[min(a, len(ours) - 1)][0]
        print("%s:%d: not KNF:" % (path, line))
        for _, text in ours[a:b]:
            print("  is      %s" % text.expandtabs())
        for _, text in theirs[c:d]:
            print("  should  %s" % text.expandtabs())
        yield line


def plain_rules(path, source):
    depth, header = 0, path.endswith(".h")
    comment = False
    for number, line in enumerate(source.split("\n"), 1):
        wrong = None
        indent = re.match(r"[ \t]*", line).group()
        if len(line.expandtabs()) > 80:
            wrong = "longer than 80 columns"
        elif line != line.rstrip():
            wrong = "blanks at the end"
        elif re.search(r" \t", indent):
            wrong = "a space before a tab"
        elif "        " in indent:
            wrong = "eight spaces where a tab would do"
        elif not header and not comment and depth > 0 and \
                not re.fullmatch(r"\t*(    | |)", indent) and \
                not line.lstrip().startswith("*"):
            wrong = "indentation is neither tabs nor tabs and four spaces"
        if wrong:
            print("%s:%d: %s" % (path, number, wrong))
            yield number
        bare = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/', "",
                      line)
        if comment:
            comment = "*/" not in bare
        elif "/*" in bare:
            comment = True
            bare = bare[:bare.index("/*")]
        if not comment and not line.startswith("#"):
            depth += bare.count("{") - bare.count("}")
    if "\n\n\n" in source:
        print("%s:%d: two empty lines" % (
            path, source[:source.index("\n\n\n")].count("\n") + 2))
        yield 0
    if not source.endswith("\n"):
        print("%s: no newline at the end" % path)
        yield 0


def main():
    bad = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        bad += len(list(plain_rules(path, source)))
        if not path.endswith(".y"):
            bad += len(list(compare(path, source)))
    return 1 if bad else 0


sys.exit(main())
