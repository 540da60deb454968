#!/usr/bin/env python3
"""Runs what examples/ci has: the steps of the workflow and of the GitLab job, taken out of their
YAML, and the Maven profile. Java, jcmd, curl and the build are stand-ins: the `java` here leaves the
report of a failed checkpoint, ends as after one that succeeded, or does neither.

  ci_examples.py COMMAND SOURCE_FOLDER [--maven]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import yaml

COMMAND = os.path.abspath(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2]).resolve()
EXAMPLES = SOURCE / "examples/ci"
REPORT = SOURCE / "native-tests/cli/golden/bakery.json"

# What the JVM and jcmd do at a checkpoint, in step by a named pipe.
JAVA = """#!/usr/bin/env bash
echo "$@" >>java.words
case $OUTCOME in
  failed) [[ $1 =~ report=([^,]*) ]] && cp "$REPORT" "${BASH_REMATCH[1]}" && echo done >step ;;
  succeeded) read -r _ <step && kill -KILL $$ ;;
esac
exec sleep 300
"""
JCMD = """#!/usr/bin/env bash
[[ $2 == JDK.checkpoint ]]
case $OUTCOME in
  failed) read -r _ <step ;;
  succeeded) echo go >step ;;
esac
"""
# Nobody is waited for who will not come.
TIMEOUT = """#!/bin/sh
[ "$OUTCOME" != neither ] || exit 124
exec /usr/bin/timeout "$@"
"""
STAND_INS = {"java": JAVA, "jcmd": JCMD, "timeout": TIMEOUT, "curl": "#!/bin/sh\n",
             "mvn": "#!/bin/sh\n"}


class Checkout:
    """A project with the examples in its folder ci, and fdorigin beside it."""

    def __init__(self, folder, rules=None):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=folder))
        shutil.copytree(EXAMPLES, self.root / "ci")
        if rules:
            (self.root / "ci/fdorigin-rules.yaml").write_text(rules, encoding="utf-8")
        (self.root / "fdorigin/bin").mkdir(parents=True)
        (self.root / "fdorigin/bin/fdorigin").symlink_to(COMMAND)
        (self.root / "stand-ins").mkdir()
        for name, text in STAND_INS.items():
            (self.root / "stand-ins" / name).write_text(text, encoding="utf-8")
            (self.root / "stand-ins" / name).chmod(0o755)
        os.mkfifo(self.root / "step")
        self.summary = self.root / "summary.md"

    def run(self, words, outcome, path=None):
        environment = os.environ | {
            "PATH": path or f"{self.root}/stand-ins:{os.environ['PATH']}", "OUTCOME": outcome,
            "REPORT": str(REPORT), "FDORIGIN": f"{self.root}/fdorigin",
            "GITHUB_STEP_SUMMARY": str(self.summary), "CI_PROJECT_DIR": str(self.root)}
        return subprocess.run(words, cwd=self.root, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, check=False)


ALLOWING = "version: 1\nallow: [{name: all, kind: [socket, file, epoll, eventfd]}]\n"


def workflow_steps():
    job = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text("utf-8"))["jobs"]["checkpoint"]
    assert job["env"]["FDORIGIN"] == "${{ github.workspace }}/fdorigin"
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert len(steps) == 3, steps
    return steps


def run_workflow(checkout, outcome):
    """The status of the first step that fails, and what was printed; as the runner does it."""
    printed = ""
    for step in workflow_steps():
        assert "${{" not in step
        done = checkout.run(["bash", "-e", "-c", step], outcome)
        printed += done.stdout.decode("utf-8")
        if done.returncode:
            return done.returncode, printed
    return 0, printed


def run_gitlab(checkout, outcome):
    job = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text("utf-8"))["checkpoint"]
    done = checkout.run(["bash", "-c", "set -eo pipefail\n" + "\n".join(job["script"])], outcome)
    return done.returncode, done.stdout.decode("utf-8")


def run_maven(checkout, outcome):
    shutil.copy(EXAMPLES / "maven/pom.xml", checkout.root / "pom.xml")
    # Maven itself needs the real Java.
    rehearsal = checkout.root / "ci/rehearse-checkpoint"
    rehearsal.rename(checkout.root / "ci/real-rehearsal")
    rehearsal.write_text(f"#!/bin/sh\nPATH={checkout.root}/stand-ins:$PATH exec "
                         f"{checkout.root}/ci/real-rehearsal \"$@\"\n", encoding="utf-8")
    rehearsal.chmod(0o755)
    done = checkout.run(["mvn", "-q", "-B", "-ntp", "verify", "-Pcheckpoint",
                         f"-Dfdorigin.home={checkout.root}/fdorigin"], outcome,
                        path=os.environ["PATH"])
    return done.returncode, done.stdout.decode("utf-8")


def expect(what, condition, printed):
    if not condition:
        sys.exit(f"{what}:\n{printed}")


def check_way(name, run, folder):
    status, printed = run(Checkout(folder), "failed")
    expect(f"{name}: a blocking descriptor does not fail it", status != 0, printed)
    expect(f"{name}: it does not name the culprit",
           "org.example.bakery.Bakery.openShop" in printed, printed)
    status, printed = run(Checkout(folder, ALLOWING), "failed")
    expect(f"{name}: what is allowed fails it", status == 0, printed)
    if run == run_maven:  # which is slow, and runs the same script
        return
    status, printed = run(Checkout(folder), "succeeded")
    expect(f"{name}: a checkpoint that succeeds fails it", status == 0, printed)
    status, printed = run(Checkout(folder), "neither")
    expect(f"{name}: no checkpoint at all passes", status != 0, printed)


def main():
    with tempfile.TemporaryDirectory() as folder:
        if "--maven" in sys.argv:
            check_way("the Maven profile", run_maven, folder)
            print("the profile fails a build, and lets others pass")
            return
        check_way("the workflow", run_workflow, folder)
        check_way("the GitLab job", run_gitlab, folder)
        checkout = Checkout(folder)
        status, printed = run_workflow(checkout, "failed")
        expect("the annotations", "::error file=org/example/bakery/Bakery.java,line=" in printed,
               printed)
        expect("the summary", "fdorigin check: failed" in checkout.summary.read_text("utf-8"),
               checkout.summary.read_text("utf-8"))
        expect("SARIF", '"version": "2.1.0"' in (checkout.root / "fds.sarif").read_text("utf-8"), "")
        words = (checkout.root / "java.words").read_text("utf-8")
        expect("the server is started otherwise", words.startswith(
            f"-agentpath:{checkout.root}/fdorigin/lib/libfdorigin.so=report=fds.json "), words)
        checkout = Checkout(folder)
        run_gitlab(checkout, "failed")
        expect("JUnit", "<failure" in (checkout.root / "fds.xml").read_text("utf-8"), "")
    print("the workflow and the job fail where they should, and pass where they should")


if __name__ == "__main__":
    main()
