"""Reads calls and writes answers as lines of JSON, as child.ts does for the peers in Node."""
import json
import sys
import traceback


def serve(role):
    print(json.dumps({'ready': True}), flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        try:
            reply = {'value': getattr(role, message['call'])(**message.get('options', {}))}
        except Exception:
            reply = {'error': traceback.format_exc()}
        print(json.dumps({'id': message['id'], **reply}), flush=True)
