"""Starts and stops Celery's worker, and reads the meters of its processes."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

meter = tempfile.mkdtemp(prefix='fastify-tasks-bench-')
os.environ['BENCH_METER'] = meter

from app import read  # noqa: E402 (app reads BENCH_METER when it is imported)
from lines import serve  # noqa: E402

START_WITHIN = 30
STOP_WITHIN = 8
TICK = os.sysconf('SC_CLK_TCK')


def cpu_of(pid):
    """CPU time of a process in µs; 0 if it no longer exists."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            user, system = file.read().rsplit(')', 1)[1].split()[11:13]
        return (int(user) + int(system)) / TICK * 1e6
    except OSError:
        return 0


class Worker:
    def __init__(self):
        self.process = None
        self.cpu = 0
        self.target = 0

    def start(self, concurrency, target, **options):
        for name in os.listdir(meter):
            os.unlink(os.path.join(meter, name))
        env = {**os.environ, 'BENCH_OPTIONS': json.dumps(options)}
        command = [sys.executable, '-m', 'celery', '-A', 'app', 'worker', '-P', 'prefork', '-c', str(concurrency), '-l', 'error']
        quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=os.path.dirname(os.path.abspath(__file__)), env=env, **quiet)
        self.target = target
        deadline = time.monotonic() + START_WITHIN
        while not os.path.exists(os.path.join(meter, 'ready')):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError('Celery\'s worker did not start')
            time.sleep(0.01)
        self.cpu = self.cpu_now()

    def cpu_now(self):
        """CPU time of the worker's main process and its pool."""
        main = self.process.pid
        try:
            with open(f'/proc/{main}/task/{main}/children') as file:
                pool = file.read().split()
        except OSError:
            pool = []
        return sum(cpu_of(pid) for pid in [main, *pool])

    def read(self):
        reading = read()
        return {**reading, 'cpu': self.cpu_now() - self.cpu if reading['count'] >= self.target else 0}

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process = None


worker = Worker()
try:
    serve(worker)
finally:
    worker.stop()
    shutil.rmtree(meter, ignore_errors=True)
