"""The process that enqueues with Celery. Celery has no bulk call, and no calls in flight."""
import time

from app import now, payload, work
from lines import serve


class Producer:
    def one(self, count):
        start = now()
        for _ in range(count):
            work.delay(payload())
        return now() - start

    def many(self, count):
        return self.one(count)

    def paced(self, count, pause):
        for _ in range(count):
            work.delay(payload(now()))
            time.sleep(pause / 1000)


serve(Producer())
