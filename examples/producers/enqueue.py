"""Enqueues a task from Python, with its standard library only.
   python3 enqueue.py resize '{"width": 100}'      prints the id of the task
"""
import json, os, socket, sys, time, uuid
from urllib.parse import urlparse

ADD = """if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
if ARGV[3] == '' then redis.call('LPUSH', KEYS[2], ARGV[1]) return 1 end
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
if redis.call('ZRANGE', KEYS[3], 0, 0)[1] == ARGV[1] then redis.call('PUBLISH', KEYS[4], ARGV[3]) end
return 1"""


def call(connection, *parts):
    texts = [str(part).encode() for part in parts]
    connection.write(b'*%d\r\n' % len(texts) + b''.join(b'$%d\r\n%s\r\n' % (len(text), text) for text in texts))
    connection.flush()
    reply = connection.readline().decode()
    if reply[:1] not in (':', '+'):
        raise RuntimeError(reply.strip() or 'Redis closed the connection')
    return reply[1:].strip()


def enqueue(connection, name, data, queue='default', delay=0, retries=0, task_id=None, prefix='bq'):
    """Returns the id, and whether the task is new. Times are in ms."""
    task_id, now = task_id or str(uuid.uuid4()), int(time.time() * 1000)
    due = {'delay': now + delay} if delay else {}
    options = {'timestamp': now, 'retries': retries, 'attempts': retries + 1, **due}
    record = {'data': {'name': name, 'data': data}, 'options': options, 'status': 'created', 'progress': None}
    keys = [f'{prefix}:{{{queue}}}:{key}' for key in ('jobs', 'waiting', 'delayed', 'earlierDelayed')]
    text = json.dumps(record, separators=(',', ':'))
    return task_id, call(connection, 'EVAL', ADD, 4, *keys, task_id, text, due.get('delay', '')) == '1'


if __name__ == '__main__':
    url = urlparse(os.environ.get('REDIS_URL', 'redis://localhost:6379'))
    with socket.create_connection((url.hostname, url.port or 6379), timeout=2) as plain:
        connection = plain.makefile('rwb')
        if url.password:
            call(connection, 'AUTH', url.username or 'default', url.password)
        print(enqueue(connection, sys.argv[1], json.loads(sys.argv[2]), delay=int(sys.argv[3]) if sys.argv[3:] else 0)[0])
