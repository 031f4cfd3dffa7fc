#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the tests and counts them.

    tests/run.py [options] PROGRAM...

A PROGRAM is a C test that prints TAP: "ok N - name", "not ok N - name",
"ok N - name # SKIP why", lines of "# diagnosis", and the plan "1..N" at the
end. Besides the programs, every tests/*/test_*.py is run, each in a process
of its own, with unittest; those of tests/providers, which need servers, only
with --providers, which then leaves the others out. They find in their
environment:

    EE_EXTENSION  the loadable file, absolute
    EE_REPO       the top of the source tree
    EE_SCALE      1.0 or less: the share of its rounds that a loop should do
    HOME, TMPDIR  a folder of their own, removed afterwards

A crash, a time-out, a missing or wrong plan, and a program without a single
test are failures. The last line is "N passed, N failed", and ", N skipped"
when there are any. Python's standard library is all that this needs.
"""

import argparse
import concurrent.futures
import glob
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLOW_SECONDS = 5.0
TAIL_LINES = 60
# settings of the person who runs the tests must not leak into them
PRIVATE = re.compile(r"^(ENVELOPE_|CREDENTIALS_DIRECTORY$|SQLITE_)")


class Report:
    """What came of one program or module."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failures = []  # (test, output)
        self.skips = []  # (test, reason)
        self.seconds = 0.0

    def fail(self, test, output=""):
        self.failures.append((test, output.rstrip()))

    def ran(self):
        return self.passed + len(self.failures) + len(self.skips)


# --- a Python module, in the process that runs it ----------------------------


class Recorder(unittest.TestResult):
    """Writes one JSON line an event, so that a crash loses only one test."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.bad = False

    def write(self, kind, test, text=""):
        name = test.id() if hasattr(test, "id") else str(test)
        line = json.dumps({"kind": kind, "test": name, "text": text})
        self.stream.write(line + "\n")
        self.stream.flush()

    def startTest(self, test):
        super().startTest(test)
        self.bad = False
        self.write("start", test)

    def failed(self, test, err):
        self.bad = True
        self.write("fail", test, self._exc_info_to_string(err, test))

    addError = failed
    addFailure = failed

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.failed(subtest, err)

    def addSuccess(self, test):
        if not self.bad:
            self.write("pass", test)

    def addSkip(self, test, reason):
        self.write("skip", test, reason)

    def addExpectedFailure(self, test, err):
        self.write("pass", test)

    def addUnexpectedSuccess(self, test):
        self.write("fail", test, "unexpected success")


def matching(suite, part):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from matching(test, part)
        elif part in test.id():
            yield test


def work(path, results, part):
    """What `run.py --worker` does: runs the tests of one module."""
    sys.path[:0] = [os.path.dirname(path), os.path.join(REPO, "tests")]
    name = os.path.splitext(os.path.basename(path))[0]
    with open(results, "w", encoding="utf-8") as stream:
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        suite = unittest.TestSuite(matching(suite, part))
        recorder = Recorder(stream)
        suite.run(recorder)
        recorder.write("end", "")


# --- both kinds, seen from outside -------------------------------------------


def environment(options, scratch, python):
    env = {k: v for k, v in os.environ.items() if not PRIVATE.match(k)}
    env.update(
        EE_EXTENSION=options.extension,
        EE_REPO=REPO,
        HOME=scratch,
        TMPDIR=scratch,
        LC_ALL="C.UTF-8",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONFAULTHANDLER="1",
    )
    env.setdefault("EE_SCALE", "1.0")
    if options.wrap:
        env["PYTHONMALLOC"] = "malloc"
    if options.preload and python:
        env["LD_PRELOAD"] = options.preload
        env["PYTHONMALLOC"] = "malloc"
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return env


running = set()  # processes, each the head of a group of its own


def stop(number, _frame):
    """Ends what was started when this program is ended."""
    for process in list(running):
        kill_group(process)
    os._exit(128 + number)


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def execute(command, options, python):
    """Returns (exit status or None on time-out, stdout, stderr)."""
    scratch = tempfile.mkdtemp(prefix="ee-test-")
    os.chmod(scratch, 0o755)  # a test may go on as another user
    try:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                shlex.split(options.wrap) + command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
                cwd=REPO,
                env=environment(options, scratch, python),
                start_new_session=True,
            )
            running.add(process)
            try:
                status = process.wait(options.timeout)
            except subprocess.TimeoutExpired:
                status = None
            kill_group(process)  # and whatever it left behind
            process.wait()
            running.discard(process)
            return status, text_of(out), text_of(said)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def text_of(stream):
    stream.seek(0)
    return stream.read().decode("utf-8", "replace").rstrip()


def tail(output, said):
    """The ends of what a process wrote to stdout and to stderr."""
    parts = []
    for title, text in (("stdout", output), ("stderr", said)):
        lines = text.split("\n")
        if len(lines) > TAIL_LINES:
            half = TAIL_LINES // 2
            lines = lines[:half] + ["[...]"] + lines[-half:]
        if text:
            parts += ["[%s]" % title] + lines
    return "\n".join(parts)


def why_died(status, options):
    if status is None:
        return "timed out after %d s" % options.timeout
    if status < 0:
        return "killed by %s" % signal.Signals(-status).name
    return "exit status %d" % status


TAP = re.compile(r"(not )?ok\b\s*(\d*)\s*-?\s*(.*)")
SKIP = re.compile(r"(.*?)\s*#\s*skip\b\s*(.*)", re.IGNORECASE)
PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*skip\b\s*(.*))?$", re.IGNORECASE)


def read_tap(report, output):
    """Counts the tests of a program; returns its plan, or None."""
    plan = None
    about = []  # diagnosis since the last test, printed before or after it
    open_failure = None
    for line in output.split("\n"):
        found = TAP.match(line)
        if found:
            open_failure = None
            skip = SKIP.match(found[3])
            if found[1]:
                report.fail(found[3] or "test " + found[2], "\n".join(about))
                open_failure = len(report.failures) - 1
            elif skip:
                report.skips.append((skip[1], skip[2] or "no reason given"))
            else:
                report.passed += 1
            about = []
        elif PLAN.match(line):
            plan = PLAN.match(line)
        elif line.strip():
            about.append(line)
            if open_failure is not None:
                test, text = report.failures[open_failure]
                report.failures[open_failure] = (test, text + "\n" + line)
                about = []
    if plan and plan[1] == "0" and plan[2]:
        report.skips.append((report.name, plan[2]))
        return 1
    return int(plan[1]) if plan else None


def run_program(path, options):
    report = Report("/".join(path.split("/")[-2:]))
    start = time.monotonic()
    status, output, said = execute([os.path.abspath(path)], options, False)
    report.seconds = time.monotonic() - start
    plan = read_tap(report, output)
    if status not in (0, 1) or (status == 1 and not report.failures):
        report.fail(why_died(status, options), tail(output, said))
    elif plan is None:
        report.fail("printed no plan (1..N)", tail(output, said))
    elif plan != report.ran():
        report.fail(
            "planned %d tests, ran %d" % (plan, report.ran()), tail(output, said)
        )
    elif report.ran() == 0:
        report.fail("ran no test")
    return report


def read_events(report, results):
    """Counts a module's tests; returns (test not finished, module ended)."""
    running, ended, last_failed = None, False, None
    try:
        with open(results, encoding="utf-8") as stream:
            lines = stream.read().split("\n")
    except FileNotFoundError:
        lines = []
    for line in filter(None, lines):
        event = json.loads(line)
        kind, test = event["kind"], event["test"]
        if kind == "start":
            running, last_failed = test, None
        elif kind == "end":
            running, ended = None, True
        elif kind == "pass":
            report.passed += 1
        elif kind == "skip":
            report.skips.append((test, event["text"]))
        elif last_failed != running or running is None:
            report.fail(test, event["text"])
            last_failed = running
        else:  # a further subtest of a test already counted as failed
            first, text = report.failures[-1]
            text = "%s\n\nand %s\n%s" % (text, test, event["text"])
            report.failures[-1] = (first, text.rstrip())
    return running, ended


def run_module(path, options):
    report = Report(os.path.relpath(path, os.path.join(REPO, "tests")))
    # the name of the module chooses all its tests
    part = "" if options.filter in report.name else options.filter
    handle, results = tempfile.mkstemp(prefix="ee-results-")
    os.close(handle)
    command = [sys.executable, os.path.abspath(__file__)]
    command += ["--worker", path, results, part]
    start = time.monotonic()
    status, output, said = execute(command, options, True)
    report.seconds = time.monotonic() - start
    running, ended = read_events(report, results)
    os.unlink(results)
    if status != 0 or not ended:
        where = "in %s" % running if running else "outside a test"
        report.fail("%s %s" % (why_died(status, options), where), tail(output, said))
    elif report.ran() == 0 and not part:
        report.fail("ran no test", tail(output, said))
    elif report.failures and (output or said):
        test, text = report.failures[-1]
        report.failures[-1] = (test, text + "\n" + tail(output, said))
    return report


# --- in all ------------------------------------------------------------------


def show(report):
    word = "FAIL" if report.failures else "ok  "
    if report.ran() == 0:
        return
    text = "%s %-40s %5d" % (word, report.name, report.ran())
    if report.seconds >= SLOW_SECONDS:
        text += "   %.1f s" % report.seconds
    print(text)
    # one line for each reason, not for each test
    reasons = {}
    for test, reason in report.skips:
        reasons.setdefault(reason, []).append(test)
    for reason, tests in reasons.items():
        print("     skipped %s: %s" % (", ".join(tests), reason))
    for test, output in report.failures:
        print("     FAILED %s" % test)
        for line in output.split("\n"):
            print("       | " + line)
    sys.stdout.flush()


def jobs_of(options):
    for program in options.absent:
        if options.filter in program:
            yield lambda p=program: absent(p)
    for program in options.programs:
        if options.filter in program:
            yield lambda p=program: run_program(p, options)
    if options.python:
        for path in sorted(glob.glob(REPO + "/tests/*/test_*.py")):
            if options.skip and path.endswith(options.skip):
                continue
            if options.providers != path.startswith(REPO + "/tests/providers/"):
                continue
            yield lambda p=path: run_module(p, options)


def absent(path):
    report = Report(path)
    why = "was not built, since libraries are missing: make modules"
    report.skips.append((path, why))
    return report


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("programs", nargs="*", metavar="PROGRAM")
    add("--extension", default="build/envelope.so", help="the loadable file")
    add("--filter", default="", help="only tests with this in their name")
    add("--jobs", type=int, default=2, help="how many at the same time")
    add("--timeout", type=int, default=300, help="seconds, for each program")
    add("--wrap", default="", help="a command to put before each, quoted")
    add("--preload", default="", help="LD_PRELOAD of Python modules")
    add("--skip", default="", help="leave out the module that ends so")
    add("--providers", action="store_true", help="tests/providers/test_*.py")
    add("--absent", action="append", default=[], help="not built: is skipped")
    add("--no-python", dest="python", action="store_false")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:5])
        return 0
    options = arguments()
    options.extension = os.path.abspath(options.extension)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(job) for job in jobs_of(options)]
        for future in concurrent.futures.as_completed(futures):
            report = future.result()
            show(report)
            passed += report.passed
            failed += len(report.failures)
            skipped += len(report.skips)
    if passed + failed + skipped == 0:
        print("no test ran")
        failed = 1
    text = "%d passed, %d failed" % (passed, failed)
    print(text + (", %d skipped" % skipped if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
