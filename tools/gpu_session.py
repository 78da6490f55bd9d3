"""Steps within a time limit: what each prints goes to results.txt, what it finds to results.json. For gpu-run-all.py."""
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time


class Skip(Exception):
    pass


class Failure(Exception):
    """output: what the command had printed."""

    def __init__(self, why, output=""):
        super().__init__(why)
        self.output = output


def end_group(p):
    """Whoever is left of a command: what it started may outlive it."""
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        p.wait(timeout=5)
    except subprocess.TimeoutExpired:  # in the driver: it is left behind
        pass


class Session:
    def __init__(self, out, seconds, only):
        self.only = only
        self.begin = time.monotonic()
        self.deadline = self.begin + seconds
        self.text = open(os.path.join(out, "results.txt"), "w", encoding="utf-8")
        self.json_path = os.path.join(out, "results.json")
        self.found = {"steps": {}}
        self.tmp = tempfile.mkdtemp(prefix="forage-gpu.")
        self.step_ends = self.deadline
        self.device = False
        self.lock = threading.Lock()

    def say(self, line=""):
        print(line, flush=True)
        self.text.write(line + "\n")
        self.text.flush()

    def run(self, command, quiet=False, may_fail=False, seconds=None, **env):
        """Output of a command, printed; within what is left of the step."""
        left = self.step_ends - time.monotonic()
        left = min(left, seconds) if seconds else left
        if left < 1:
            raise Failure("no time left")
        environ = dict(os.environ, XDG_CACHE_HOME=os.path.join(self.tmp, "cache"), **env)
        late = False
        with tempfile.TemporaryFile(dir=self.tmp) as to:  # no pipe: who outlives the command would hold it open
            # pylint: disable-next=consider-using-with  # which waits for as long as it takes
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.STDOUT, env=environ,
                                 cwd=self.tmp, start_new_session=True)
            try:
                p.wait(timeout=left)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                end_group(p)
            to.seek(0)
            out = to.read().decode(errors="replace")
        failed = late or p.returncode not in (0, 77)
        for line in out.rstrip().splitlines() if not quiet else out.rstrip()[-2000:].splitlines() if failed else ():
            self.say("    " + line)
        self.save()
        if late:
            raise Failure(f"{os.path.basename(command[0])}: not done after {left:.0f} s", out)
        if p.returncode == 77:
            raise Skip(out.strip().splitlines()[-1] if out.strip() else "skipped")
        if failed and not may_fail:
            raise Failure(f"{os.path.basename(command[0])} ended with {p.returncode}", out)
        return out

    def save(self):
        with self.lock:
            with open(self.json_path + ".new", "w", encoding="utf-8") as f:
                json.dump(self.found, f, indent=1)
            os.replace(self.json_path + ".new", self.json_path)

    def step(self, name, seconds, work, needs_device, behind):
        """One step: it may take its seconds, and what those before it left, but not those of the steps behind it."""
        if self.only and name not in self.only:
            return
        self.say(f"== {name} ({time.monotonic() - self.begin:.0f} s)")
        self.step_ends = min(self.deadline, max(time.monotonic() + seconds, self.deadline - behind))
        begin, state, why = time.monotonic(), "passed", None
        found = {}
        entry = self.found["steps"][name] = {"state": "not done", "why": None, "seconds": None, "found": found}
        self.save()
        try:
            if self.deadline - time.monotonic() < 2:
                raise Skip("no time left")
            if needs_device and not self.device:
                raise Skip("there is no NVIDIA device here")
            work(self, found)
        except Skip as e:
            state, why = "skipped", str(e)
        except Failure as e:
            state, why = "FAILED", str(e)
        except Exception as e:  # pylint: disable=broad-except  # the other steps go on
            state, why = "FAILED", f"{type(e).__name__}: {e}"
        took = time.monotonic() - begin
        self.say(f"-- {name}: {state}{': ' + why if why else ''} ({took:.1f} s)")
        entry.update(state=state, why=why, seconds=round(took, 2))
        self.save()


def tool(name):
    """A program of the CUDA toolkit or the driver, on PATH or where they lie."""
    places = [shutil.which(name)]
    for where in ("/usr/local/cuda*/bin", "/usr/local/nvidia/bin", "/opt/nvidia/*/*", "/opt/nvidia/*"):
        places += sorted(p for p in glob.glob(f"{where}/{name}") if os.access(p, os.X_OK) and os.path.isfile(p))
    for p in places:
        if p:
            return p
    raise Skip(f"no {name} here")
