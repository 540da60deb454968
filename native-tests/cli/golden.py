#!/usr/bin/env python3
"""Compares what the command prints with files that a person has read and found right.

  golden.py COMMAND            compares
  golden.py COMMAND --update   writes the files anew; read the difference before it is committed

bakery.json is a real report of scripts/demo, with its paths changed; dump.log has lines of criu's with
that report's numbers. The others are made below: thirty connections of one origin and the same process
45 minutes later, the bakery after a restart, and names that try to command a terminal.
"""

import copy
import difflib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent / "golden"

# Name, words, exit status. Words that end in .json and name no file of the folder are made.
CASES = [
    ("show", ["show", "bakery.json"], 0),
    ("show-all", ["show", "--all", "bakery.json"], 0),
    ("show-full", ["show", "--full", "--fd", "7", "bakery.json"], 0),
    ("show-leak", ["show", "leak.json"], 0),
    ("show-hostile", ["show", "--all", "hostile.json"], 0),
    ("show-color", ["--color=always", "show", "--fd", "7", "bakery.json"], 0),
    ("show-no-such-fd", ["show", "--fd", "99", "bakery.json"], 2),
    ("collapsed", ["convert", "--to", "collapsed", "bakery.json"], 0),
    ("collapsed-hostile", ["convert", "--to", "collapsed", "hostile.json"], 0),
    ("policies", ["policies", "bakery.json"], 0),
    ("policies-hostile", ["policies", "hostile.json"], 0),
    ("explain", ["explain", "--criu-log", "dump.log", "bakery.json"], 0),
    ("explain-json", ["explain", "--json", "--criu-log", "dump.log", "bakery.json"], 0),
    ("check", ["check", "bakery.json"], 1),
    ("check-rules", ["check", "--rules", "rules.yaml", "--baseline", "known.json", "bakery.json"], 1),
    ("check-color", ["--color=always", "check", "--rules", "rules.yaml", "bakery.json"], 1),
    ("check-leak", ["check", "--all", "leak.json"], 1),
    ("check-nothing", ["check", "leak.json"], 0),
    ("check-hostile", ["check", "hostile.json"], 1),
    ("check-wrong-rules", ["check", "--rules", "bakery.json", "bakery.json"], 3),
    ("check-github", ["check", "--rules", "rules.yaml", "--format", "github", "bakery.json"], 1),
    ("check-junit", ["check", "--rules", "rules.yaml", "--format", "junit", "bakery.json"], 1),
    ("check-markdown", ["check", "--rules", "rules.yaml", "--format", "markdown", "bakery.json"], 1),
    ("diff", ["diff", "earlier.json", "later.json"], 0),
    ("diff-all", ["diff", "--all", "--fail-on-growth", "45", "earlier.json", "later.json"], 1),
    ("diff-below", ["diff", "--fail-on-growth", "46", "earlier.json", "later.json"], 0),
    ("diff-other-process", ["diff", "bakery.json", "restarted.json"], 0),
    ("diff-swapped", ["diff", "later.json", "earlier.json"], 2),
    ("diff-json", ["diff", "--json", "bakery.json", "restarted.json"], 0),
]

BOTH_WIDTHS = (80, 120)


def made_reports():
    bakery = json.loads((FOLDER / "bakery.json").read_text(encoding="utf-8"))
    leak = copy.deepcopy(bakery)
    leak["trigger"] = {"kind": "emfile", "thread": "main"}
    pattern = next(d for d in bakery["descriptors"] if d["fd"] == 7)
    leak["descriptors"] = []
    for fd in range(20, 50):
        descriptor = copy.deepcopy(pattern)
        for key in ("failures", "advice"):
            descriptor.pop(key, None)
        descriptor |= {"fd": fd, "blocking": False, "inode": 1000 + fd,
                       "target": f"socket:[{1000 + fd}]"}
        descriptor["socket"] |= {"state": "ESTABLISHED", "remote": f"[::ffff:10.0.0.7]:{5400 + fd}"}
        leak["descriptors"].append(descriptor)
    earlier = copy.deepcopy(leak)
    for fd, like in ((10, 5), (11, 8)):
        descriptor = copy.deepcopy(next(d for d in bakery["descriptors"] if d["fd"] == like))
        for key in ("failures", "advice"):
            descriptor.pop(key, None)
        earlier["descriptors"].insert(fd - 10, descriptor | {"fd": fd, "blocking": False})
    later = copy.deepcopy(earlier)
    later["createdAt"] = earlier["createdAt"].replace("T02:10:", "T02:55:")
    later["descriptors"].pop(0)
    later["descriptors"][0]["origin"]["at"] = later["createdAt"]
    for fd in range(50, 95):
        descriptor = copy.deepcopy(leak["descriptors"][0])
        descriptor |= {"fd": fd, "inode": 1000 + fd, "target": f"socket:[{1000 + fd}]"}
        descriptor["socket"] |= {"remote": f"[::ffff:10.0.0.7]:{5400 + fd}"}
        later["descriptors"].append(descriptor)
    restarted = copy.deepcopy(bakery)
    restarted["process"] |= {"pid": 4800, "startedAt": "2026-11-22T03:00:00.000000Z"}
    restarted["descriptors"] = [d for d in restarted["descriptors"] if d["fd"] != 5]
    hostile = copy.deepcopy(bakery)
    hostile["descriptors"] = [d for d in bakery["descriptors"] if d["fd"] in (5, 7)]
    nasty = "\x1b[2J\x1b]0;owned\x07\u202egpj.exe\u2066</script><img src=x onerror=alert(1)>\r\n::error::"
    hostile["process"] |= {"hostname": nasty, "commandLine": ["java", nasty]}
    hostile["trigger"]["thread"] = nasty
    for failure in hostile["trigger"]["exception"]["suppressed"]:
        failure["message"] = nasty
    for descriptor in hostile["descriptors"]:
        descriptor["target"] = "/" + nasty
        for call in [descriptor.get("origin")] + descriptor.get("history", []):
            if call:
                call["thread"]["name"] = nasty
                call["arguments"] = {nasty: nasty}
        for part, key in (("advice", "text"), ("socket", "local"), ("culprit", "method")):
            if part in descriptor:
                descriptor[part][key] = nasty
    for stack in hostile["stacks"]:
        for frame in stack["frames"][:3]:
            for key in ("class", "method", "symbol", "jar", "module", "file"):
                if key in frame:
                    frame[key] = frame[key] + nasty
    return {"leak.json": leak, "earlier.json": earlier, "later.json": later,
            "restarted.json": restarted, "hostile.json": hostile}


def run(command, words, columns, folder):
    environment = {"PATH": os.environ["PATH"], "COLUMNS": str(columns), "LC_ALL": "C"}
    done = subprocess.run([command, *words], cwd=folder, env=environment, capture_output=True,
                          timeout=60, check=False)
    text = done.stdout.decode("utf-8")
    if done.stderr:
        text += "--- standard error\n" + done.stderr.decode("utf-8")
    return done.returncode, text


def main():
    command, update = os.path.abspath(sys.argv[1]), "--update" in sys.argv[2:]
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name in [path for path in FOLDER.iterdir() if path.suffix in (".json", ".log", ".yaml")]:
            (pathlib.Path(folder) / name.name).write_bytes(name.read_bytes())
        for name, report in made_reports().items():
            (pathlib.Path(folder) / name).write_text(json.dumps(report), encoding="utf-8")
        for name, words, status in CASES:
            for columns in BOTH_WIDTHS:
                file = FOLDER / f"{name}.{columns}.txt"
                was, text = run(command, words, columns, folder)
                if was != status:
                    problems.append(f"{name}: the status is {was}, not {status}:\n{text}")
                if "--color=always" not in words and re.search("[\x00-\x09\x0b-\x1f\x7f]", text):
                    problems.append(f"{name}: a control character was printed")
                if update:
                    file.write_text(text, encoding="utf-8")
                    continue
                expected = file.read_text(encoding="utf-8")
                if text != expected:
                    difference = difflib.unified_diff(expected.splitlines(), text.splitlines(),
                                                      file.name, "printed", lineterm="")
                    problems.append("\n".join(difference))
    if problems:
        sys.exit("\n\n".join(problems))
    print(f"{len(CASES) * len(BOTH_WIDTHS)} outputs are as they should be")


if __name__ == "__main__":
    main()
