#!/usr/bin/env python3
"""What `fdorigin check` writes for machines, read by those machines' own rules.

  check_formats.py COMMAND [SARIF_MULTITOOL]    without the second, SARIF is left out
"""

import copy
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import junitparser
import golden

COMMAND = os.path.abspath(sys.argv[1])
MULTITOOL = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None

# A name that means something in each of the formats.
NAME = ("a|b`c` [x](http://evil.example) ![i](http://evil.example/i.png) {0} {1} %0A%25 $x$ <b> & ]]>"
        " \"'> *e* _e_ ~~s~~ www.evil.example \\| \\ --> <!-- ::warning::x,y:z \ufffe \uffff \x01\r\n"
        "::error::owned\n# h\n| c |\n\u202e")
# The same as it must be shown.
SHOWN = (NAME.replace("\x01", "\\x01").replace("\r", "\\x0d").replace("\n", "\\x0a")
         .replace("\u202e", "\\u{202e}"))


def reports():
    made = golden.made_reports()
    bakery = json.loads((golden.FOLDER / "bakery.json").read_text(encoding="utf-8"))
    named = copy.deepcopy(bakery)
    for descriptor in named["descriptors"]:
        if "advice" in descriptor:
            descriptor["advice"]["text"] = NAME
        if descriptor["kind"] == "file":
            descriptor["target"] = "/" + NAME
    for stack in named["stacks"]:
        for frame in stack["frames"]:
            for key in ("method", "symbol"):
                if key in frame:
                    frame[key] = NAME
    return {"bakery": bakery, "hostile": made["hostile.json"], "leak": made["leak.json"],
            "named": named}


def check(folder, name, form, *words):
    done = subprocess.run(
        [COMMAND, "check", "--all", "--rules", str(golden.FOLDER / "rules.yaml"), "--format", form,
         *words, name + ".json"],
        cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done
    return done.stdout.decode("utf-8")


def say(name, form, condition, what):
    if not condition:
        sys.exit(f"{name}, {form}: {what}")


def unescape(text, properties):
    # What the runner turns back, in its order: %25 last.
    for code, character in [("%0D", "\r"), ("%0A", "\n")] + \
            ([("%3A", ":"), ("%2C", ",")] if properties else []) + [("%25", "%")]:
        text = text.replace(code, character)
    return text


def read_github(name, text, results):
    lines = text.split("\n")
    say(name, "github", lines.pop() == "", "the last line has no end")
    errors = []
    for line in lines:
        match = re.fullmatch(r"::(error|warning|notice)( [^:]*)?::([^\r\n]*)", line)
        say(name, "github", match, f"no command: {line}")
        say(name, "github", "\r" not in line, f"a CR in {line}")
        properties = dict(p.split("=", 1) for p in match[2].strip().split(","))
        say(name, "github", set(properties) <= {"file", "line", "title"}, f"properties of {line}")
        if match[1] == "error":
            errors.append((unescape(properties["title"], True), unescape(match[3], False)))
    say(name, "github", len(errors) == results, f"{len(errors)} errors, not {results}")
    if name == "named":
        say(name, "github", any(SHOWN in title for title, _ in errors), "no title has the name")
        say(name, "github", any("/" + SHOWN in message for _, message in errors),
            "no message has the name")


def read_junit(name, text, folder, results):
    suite = ElementTree.fromstring(text).find("testsuite")
    cases = suite.findall("testcase")
    say(name, "junit", int(suite.get("tests")) == len(cases), "the count of tests is wrong")
    path = pathlib.Path(folder) / "junit.xml"
    path.write_text(text, encoding="utf-8")
    parsed = junitparser.JUnitXml.fromfile(str(path))
    failed = [c for s in parsed for c in s if any(isinstance(r, junitparser.Failure) for r in c.result)]
    skipped = [c for s in parsed for c in s if any(isinstance(r, junitparser.Skipped) for r in c.result)]
    say(name, "junit", len(failed) == results == parsed.failures, "the count of failures is wrong")
    say(name, "junit", len(skipped) == parsed.skipped, "the count of skipped ones is wrong")
    if name == "named":
        shown = SHOWN.replace("\ufffe", "\\u{fffe}").replace("\uffff", "\\u{ffff}")
        say(name, "junit", any(shown in f.result[0].message for f in failed), "no name in a message")


class Page(html.parser.HTMLParser):
    ALLOWED = {"h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}

    def __init__(self):
        super().__init__()
        self.cells, self.rows, self.text, self.bad = 0, [], "", []

    def handle_starttag(self, tag, attrs):
        if tag not in self.ALLOWED or attrs:
            self.bad.append((tag, attrs))
        if tag in ("td", "th"):
            self.cells += 1

    def handle_endtag(self, tag):
        if tag == "tr":
            self.rows.append(self.cells)
            self.cells = 0

    def handle_comment(self, data):
        self.bad.append(("comment", data))

    def handle_data(self, data):
        self.text += data


def read_markdown(name, text, results):
    done = subprocess.run(
        ["cmark-gfm", "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough"],
        input=text.encode("utf-8"), capture_output=True, check=True)
    page = Page()
    page.feed(done.stdout.decode("utf-8"))
    page.close()
    say(name, "markdown", not page.bad, f"elements of its own: {page.bad}")
    say(name, "markdown", page.rows.count(4) == results + 1, f"the rows are {page.rows}")
    say(name, "markdown", set(page.rows) <= {2, 4}, f"the rows are {page.rows}")
    if name == "named":
        say(name, "markdown", page.text.count(SHOWN) >= results, "a name is not as it should be")


def validate_sarif(text, folder):
    """The errors that Microsoft's validator finds."""
    path, log = pathlib.Path(folder) / "check.sarif", pathlib.Path(folder) / "validation.sarif"
    path.write_text(text, encoding="utf-8")
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [MULTITOOL, "validate", str(path), "--output", str(log), "--level", "Error;Warning"],
        env=os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "HOME": folder,
                          "DOTNET_BUNDLE_EXTRACT_BASE_DIR": folder},
        capture_output=True, timeout=120, check=False)
    if not log.exists():
        sys.exit(f"the validator wrote nothing:\n{done.stdout.decode()}{done.stderr.decode()}")
    run = json.loads(log.read_text(encoding="utf-8-sig"))["runs"][0]
    return [(r["ruleId"], r.get("level", "warning"), r["message"]) for r in run["results"]]


def read_sarif(name, text, results):
    found = json.loads(text)["runs"][0]["results"]
    open_ones = [r for r in found if not r.get("suppressions")]
    say(name, "sarif", len(open_ones) == results, f"{len(open_ones)} results, not {results}")
    for result in found:
        say(name, "sarif", re.fullmatch("[0-9a-f]{16}", result["partialFingerprints"]["fdorigin/v1"]),
            "a result has no fingerprint")
        say(name, "sarif", not re.search(r"(?<!\{)(\{\{)*\{[0-9]\}", result["message"]["text"]),
            "a message has a placeholder")


def validate_all(texts, folder):
    logs = [json.loads(text) for text in texts]
    log = logs[0] | {"runs": [log["runs"][0] for log in logs]}
    # That the tool has no page of its own is known.
    problems = [p for p in validate_sarif(json.dumps(log), folder) if p[0] != "SARIF2005"]
    say("all", "sarif", not problems, f"the validator says {problems}")
    # And it would say something: about a result of a rule that is not there.
    log["runs"][0]["results"][0]["ruleIndex"] = 99
    say("all", "sarif", [p for p in validate_sarif(json.dumps(log), folder) if p[1] == "error"],
        "the validator lets everything pass")


def main():
    if MULTITOOL and not os.path.exists(MULTITOOL):
        print("skipped: there is no validator of SARIF; scripts/setup gets it")
        sys.exit(77)
    sarif = []
    with tempfile.TemporaryDirectory() as folder:
        for name, report in reports().items():
            path = pathlib.Path(folder) / f"{name}.json"
            path.write_text(json.dumps(report), encoding="utf-8")
            text = check(folder, name, "text")
            results = int(re.search(r"(\d+) findings?;", text)[1])
            say(name, "text", text.count("known as") == results, "the counts differ")
            if MULTITOOL:
                sarif.append(check(folder, name, "sarif"))
                read_sarif(name, sarif[-1], results)
                continue
            read_github(name, check(folder, name, "github"), results)
            read_junit(name, check(folder, name, "junit"), folder, results)
            read_markdown(name, check(folder, name, "markdown"), results)
        if sarif:
            validate_all(sarif, folder)
    print("all formats are read as they were meant")


if __name__ == "__main__":
    main()
