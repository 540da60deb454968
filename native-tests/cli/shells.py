#!/usr/bin/env python3
"""Asks bash and zsh what they complete, and groff whether the manual page is one.

  shells.py COMMAND
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile

COMMAND = os.path.abspath(sys.argv[1])

# Words, the last one being completed, and what must be offered. With "--" nothing else may be.
CASES = [
    (["sh"], {"show"}, True),
    (["show", "--f"], {"--fd", "--full"}, True),
    (["show", ""], {"report.json"}, False),
    (["--color", ""], {"auto", "always", "never"}, True),
    (["show", "--color", "=", "ne"], {"never"}, True),
    (["completion", ""], {"bash", "zsh"}, True),
    (["show", "--fd", ""], set(), True),
    (["dump", "-o", "rep"], {"report.json"}, True),
]


def run(words, **others):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True, **others)


def in_bash(script, words, folder):
    program = f"""
      source {script}
      COMP_WORDS=(fdorigin {" ".join(repr(word) for word in words)})
      COMP_CWORD={len(words)}
      _fdorigin
      printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = run(["bash", "--norc", "-c", program], cwd=folder)
    return set(done.stdout.split()), done.stderr


def in_zsh(script, typed, expected, folder):
    """Types into an interactive zsh, followed by a tab, until `expected` stands there."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "TERM": "dumb",
                                                "HOME": folder, "COLUMNS": "200"})
    seen = ""
    try:
        os.write(terminal, f"autoload -U compinit; compinit -u -D; source {script}; PS1='rea''dy>'\n"
                 .encode())
        stage = 0
        while select.select([terminal], [], [], 60)[0]:
            try:
                seen += os.read(terminal, 65536).decode("utf-8", "replace")
            except OSError:
                break
            plain = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]|[\r\x07]", "", seen)
            if stage == 0 and "ready>" in plain:
                os.write(terminal, f"{typed}\t".encode())
                stage = 1
            elif stage == 1 and expected in plain.split("ready>", 1)[1]:
                return None
        return f"zsh: after '{typed}' and a tab '{expected}' does not stand there:\n{seen!r}"
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)


def main():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        open(os.path.join(folder, "report.json"), "w", encoding="utf-8").close()
        scripts = {}
        for shell in ("bash", "zsh"):
            scripts[shell] = os.path.join(folder, f".{shell}")
            with open(scripts[shell], "w", encoding="utf-8") as file:
                file.write(run([COMMAND, "completion", shell]).stdout)
        for words, expected, exactly in CASES:
            offered, errors = in_bash(scripts["bash"], words, folder)
            if errors or not (offered == expected if exactly else offered >= expected):
                problems.append(f"bash: {words} offers {offered}, not {expected} {errors}")
        help_text = run([COMMAND, "--help"]).stdout
        verbs = set(re.findall("^  ([a-z]+) {4}", help_text.split("Subcommands:")[1], re.M))
        offered, _ = in_bash(scripts["bash"], [""], folder)
        if offered != verbs or len(verbs) < 3:
            problems.append(f"bash: the verbs are {verbs}, and {offered} are offered")
        if shutil.which("zsh"):
            for typed, expected in (("fdorigin du", "dump "), ("fdorigin show --fu", "--full "),
                                    ("fdorigin show rep", "report.json")):
                problem = in_zsh(scripts["zsh"], typed, expected, folder)
                if problem:
                    problems.append(problem)
        else:
            print("zsh is not here: its script was not run")
        page = os.path.join(folder, "fdorigin.1")
        with open(page, "w", encoding="utf-8") as file:
            file.write(run([COMMAND, "man"]).stdout)
        checked = run(["groff", "-man", "-ww", "-Tutf8", page])
        if checked.stderr:
            problems.append("groff: " + checked.stderr)
        for verb in verbs:
            if not re.search(f"fdorigin.{{0,20}}{verb}", checked.stdout):
                problems.append(f"the manual page has no {verb}")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
