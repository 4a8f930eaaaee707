"""The Celery app of the bench: its task, and the meter of each process of its pool."""
import glob
import json
import mmap
import os
import struct
import time

from celery import Celery
from celery.signals import worker_ready

URL = os.environ['BENCH_REDIS']
METER = os.environ.get('BENCH_METER', '')
SLOT = struct.Struct('<Qddd')  # number of finished tasks, first start, last start, last end
RESULT = {'status': 'sent', 'receipt': 'x' * (100 - len('{"status":"sent","receipt":""}'))}

app = Celery('bench', broker=URL, backend=URL)
options = json.loads(os.environ.get('BENCH_OPTIONS', '{}'))
slot = None


def now():
    """Ms of the clock that all processes share."""
    return time.monotonic_ns() / 1e6


def payload(at=0):
    return {'at': at, 'to': 'someone@example.org', 'subject': 'a mail that nobody waits for', 'lines': [1, 2, 3]}


class Slot:
    """The meter of one process: a memory-mapped file that the bench reads."""

    def __init__(self):
        self.path = os.path.join(METER, str(os.getpid()))
        with open(self.path, 'wb') as file:
            file.write(SLOT.pack(0, 0, 0, 0))
        with open(self.path, 'r+b') as file:
            self.memory = mmap.mmap(file.fileno(), SLOT.size)
        self.finished = 0
        self.first = 0
        self.started = 0
        self.latencies = open(self.path + '.latencies', 'a', buffering=1) if options.get('latencies') else None

    def begin(self, data):
        self.started = now()
        self.first = self.first or self.started
        if self.latencies:
            self.latencies.write(f"{self.started - data['at']}\n")

    def end(self):
        self.finished += 1
        SLOT.pack_into(self.memory, 0, self.finished, self.first, self.started, now())


@app.task(name='work')
def work(data):
    global slot
    if slot is None:
        slot = Slot()
    slot.begin(data)
    if options.get('work'):
        time.sleep(options['work'] / 1000)
    slot.end()
    return RESULT


@worker_ready.connect
def mark_ready(**_):
    open(os.path.join(METER, 'ready'), 'w').close()


def read():
    """The totals of all processes of the pool."""
    slots = []
    latencies = []
    for path in glob.glob(os.path.join(METER, '*')):
        if path.endswith('.latencies'):
            with open(path) as file:
                latencies += [float(line) for line in file]
        elif not path.endswith('ready'):
            with open(path, 'rb') as file:
                content = file.read()
            if len(content) == SLOT.size and content[0:8] != bytes(8):
                slots.append(SLOT.unpack(content))
    return {
        'count': sum(slot[0] for slot in slots),
        'firstStart': min((slot[1] for slot in slots), default=0),
        'lastStart': max((slot[2] for slot in slots), default=0),
        'end': max((slot[3] for slot in slots), default=0),
        'latencies': latencies
    }
