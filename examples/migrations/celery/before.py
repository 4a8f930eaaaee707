# A Flask app with Celery. Web: flask --app before run. Worker: celery -A before.celery worker -B -Q celery,mail
from celery import Celery, chain, chord
from celery.schedules import crontab
from flask import Flask, jsonify, request, url_for

app = Flask(__name__)
celery = Celery('before', broker='redis://localhost:6379/0', backend='redis://localhost:6379/0')
celery.conf.update(
    task_routes={'before.send': {'queue': 'mail'}},
    task_acks_late=True,
    result_expires=86_400,
    beat_schedule={'nightly': {'task': 'before.report', 'schedule': crontab(hour=3, minute=0), 'args': (['eu', 'us'],)}},
)


@celery.task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=True, max_retries=3, soft_time_limit=60)
def count(self, region):
    self.update_state(state='COUNTING', meta={'region': region})
    return {'region': region, 'orders': len(region)}


@celery.task
def total(counts):
    return sum(each['orders'] for each in counts)


@celery.task
def send(orders, to):
    return f'{to}: {orders} orders'


@celery.task
def report(regions):
    chain(chord([count.s(region) for region in regions], total.s()), send.s('boss@example.com')).delay()


@app.post('/counts')
def start():
    result = count.apply_async(args=[request.json['region']], countdown=request.json.get('wait', 0), expires=3600)
    return jsonify({}), 202, {'Location': url_for('status', task_id=result.id)}


@app.get('/status/<task_id>')
def status(task_id):
    result = celery.AsyncResult(task_id)
    if result.state == 'FAILURE':
        return jsonify(state=result.state, error=str(result.info))
    return jsonify(state=result.state, info=result.info)


@app.delete('/status/<task_id>')
def stop(task_id):
    celery.control.revoke(task_id, terminate=True)
    return '', 202
