/**
 * Spans of enqueues and attempts, with the real SDK.
 */
import { context, createTraceState, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import t from 'tap'
import { build, errorOf, latch, randomPrefix, reaches } from '../support/helpers.ts'
import { forget, idOf, linksOf, named, parentOf, spans, traceOf } from '../support/spans.ts'
import { otel } from '../../lib/otel.ts'
import { tellMade } from '../../lib/tasks/traced-enqueue.ts'

const IMMEDIATE = { strategy: 'immediate' }
const tracer = trace.getTracer('test')

/** Runs work in a span of its own. */
const inSpan = <T>(name: string, work: () => Promise<T>): Promise<T> => tracer.startActiveSpan(name, async span => {
  try {
    return await work()
  } finally {
    span.end()
  }
})

t.beforeEach(forget)

t.test('one trace: caller, send, process, what the handler does, and the task that it enqueues', async t => {
  const app = await build(t, { telemetry: otel() }, app => {
    app.tasks.define('first', async () => {
      await new Promise(resolve => setImmediate(resolve))
      await inSpan('query', async () => {})
      await app.tasks.enqueue('second')
    })
    app.tasks.define('second', () => {})
  })
  const worker = await app.tasks.startWorker()
  const task = await inSpan('caller', () => app.tasks.enqueue('first'))
  const [[second], [caller], [send], [process], [query], [sendSecond]] = await Promise.all(
    ['process second', 'caller', 'send first', 'process first', 'query', 'send second'].map(name => named(name)))
  t.equal(new Set(spans().map(traceOf)).size, 1, 'one trace')
  t.equal(parentOf(send!), idOf(caller!))
  t.equal(parentOf(process!), idOf(send!))
  t.same(linksOf(process!), [idOf(send!)])
  t.equal(parentOf(query!), idOf(process!))
  t.equal(parentOf(sendSecond!), idOf(process!))
  t.equal(parentOf(second!), idOf(sendSecond!))
  t.equal(send!.kind, SpanKind.PRODUCER)
  t.equal(process!.kind, SpanKind.CONSUMER)
  const common = { 'messaging.system': 'fastify-tasks', 'messaging.destination.name': 'default' }
  t.match(send!.attributes, {
    ...common, 'messaging.operation.name': 'send', 'messaging.operation.type': 'send', 'messaging.message.id': task.id
  })
  t.match(process!.attributes, {
    ...common,
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.message.id': task.id,
    'messaging.client.id': worker.id,
    'messaging.message.retry.count': 0,
    'messaging.message.receive.latency': Number,
    'fastify_tasks.task.name': 'first',
    'fastify_tasks.attempt': 1,
    'fastify_tasks.attempts': 1,
    'fastify_tasks.outcome': 'succeeded'
  })
})

t.test('baggage does not go with a task', async t => {
  const app = await build(t, { telemetry: otel(), worker: true }, app => {
    app.tasks.define('x', async (_data, task) => [propagation.getBaggage(context.active()) ?? null, task.traceparent])
  })
  const withBaggage = propagation.setBaggage(context.active(), propagation.createBaggage({ user: { value: 'ann' } }))
  const carrier = {}
  propagation.inject(withBaggage, carrier)
  t.match(carrier, { baggage: 'user=ann' }, 'the propagator of the app carries it')
  const handle = await context.with(withBaggage, () => app.tasks.enqueue('x'))
  t.match(await handle.result({ timeout: 60_000 }), [null, String])
})

t.test('each attempt is a span: the first a child, a retry a trace of its own with a link', async t => {
  let attempts = 0
  const app = await build(t, { telemetry: otel() }, app => {
    app.tasks.define('x', { retries: 1, backoff: IMMEDIATE }, () => {
      attempts++
      if (attempts === 1) throw Object.assign(new RangeError('bad'), {})
    })
  })
  await app.tasks.startWorker()
  await inSpan('caller', () => app.tasks.enqueue('x'))
  const [first, second] = await named('process x', 2)
  const [send] = await named('send x')
  t.match(first!.status, { code: SpanStatusCode.ERROR, message: 'bad' })
  t.match(first!.attributes, { 'error.type': 'RangeError', 'fastify_tasks.outcome': 'retried' })
  t.equal(parentOf(first!), idOf(send!))
  t.equal(second!.status.code, SpanStatusCode.UNSET)
  t.match(second!.attributes, { 'messaging.message.retry.count': 1, 'fastify_tasks.outcome': 'succeeded' })
  t.not(traceOf(second!), traceOf(send!))
  t.same(linksOf(second!), [idOf(send!)])
})

t.test('delayed, many, scheduled and triggered tasks begin a trace of their own', async t => {
  const app = await build(t, { telemetry: otel() }, app => {
    for (const name of ['delayed', 'many', 'planned', 'member']) app.tasks.define(name, () => {})
  })
  await app.tasks.startWorker()
  const ids: string[] = []
  await inSpan('caller', async () => {
    ids.push((await app.tasks.enqueue('delayed', undefined, { delay: 1 })).id)
    for (const { id } of await app.tasks.enqueueMany('many', [{}, {}])) ids.push(id)
    await app.tasks.schedules.set('s', { task: 'planned', every: 3_600_000 })
    ids.push((await app.tasks.schedules.trigger('s')).id)
  })
  for (const id of ids) await reaches(app, id, 'succeeded')
  const [caller] = await named('caller')
  const [delayed, many] = [await named('process delayed'), await named('process many', 2)]
  const planned = await named('process planned')
  for (const span of [...delayed, ...many, ...planned]) t.equal(parentOf(span), undefined, span.name)
  const [sendMany] = await named('send many')
  t.equal(sendMany!.attributes['messaging.batch.message_count'], 2)
  for (const span of many) t.same(linksOf(span), [idOf(sendMany!)])
  t.equal(parentOf(sendMany!), idOf(caller!))
  t.same(linksOf(planned[0]!), [], 'nobody enqueued it')
})

t.test('the tracestate of a request does not go with the trace of another span', async t => {
  const app = await build(t, { telemetry: otel() }, app => {
    app.tasks.define('x', (_data, task) => ({ parent: task.traceparent, state: task.tracestate }))
    app.get('/', async () => (await app.tasks.enqueue('x')).result({ timeout: 60_000 }))
  })
  await app.tasks.startWorker()
  const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=of-a' }
  const task = (await app.inject({ url: '/', headers })).json()
  const [send] = await named('send x')
  t.match(task.parent, traceOf(send!), 'nothing has read the header: the span begins a trace')
  t.equal(task.state, null)
  const traceState = createTraceState('v=of-c')
  const parent = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1, traceState }
  const continued = trace.setSpanContext(context.active(), parent)
  const handle = await context.with(continued, () => app.tasks.enqueue('x'))
  t.match(await handle.result({ timeout: 60_000 }), { parent: /^00-c{32}/, state: 'v=of-c' })
})

t.test('relation: link and child', async t => {
  for (const relation of ['link', 'child'] as const) {
    forget()
    const app = await build(t, { telemetry: otel({ relation }) }, app => app.tasks.define('x', () => {}))
    await app.tasks.startWorker()
    await inSpan('caller', () => app.tasks.enqueueMany('x', [{}]))
    const [process] = await named('process x')
    const [send] = await named('send x')
    t.equal(parentOf(process!), relation === 'child' ? idOf(send!) : undefined, relation)
    t.same(linksOf(process!), [idOf(send!)])
  }
  const wrong: Array<[options: any, code: string, message: RegExp]> = [
    [{ relation: 'both' }, 'FST_TASKS_PLUGIN_OPTION_INVALID', /"otel.relation".* got "both"/],
    [null, 'FST_TASKS_PLUGIN_OPTION_INVALID', /"otel" must be an object, got null/],
    [Promise.resolve({}), 'FST_TASKS_PLUGIN_OPTION_INVALID', /a promise that was not awaited/],
    [{ relatoin: 'link' }, 'FST_TASKS_OPTION_UNKNOWN', /Did you mean "relation"/]
  ]
  for (const [options, code, message] of wrong) t.match(await errorOf(() => otel(options)), { code, message })
})

t.test('nothing is a child of the request that started the worker', async t => {
  const end = latch()
  const starter = tracer.startSpan('starter')
  const started = trace.setSpan(context.active(), starter)
  const app = await context.with(started, () => build(t, { telemetry: otel() }, app => {
    app.tasks.define('x', async () => {
      await end.promise
      await inSpan('inside', async () => {})
    })
  }))
  await context.with(started, () => app.tasks.startWorker())
  const { id } = await app.tasks.enqueue('x', undefined, { delay: 1 })
  end.open()
  await reaches(app, id, 'succeeded')
  starter.end()
  const [process] = await named('process x')
  t.equal(parentOf(process!), undefined)
  for (const span of spans()) {
    if (span.name !== 'starter') t.not(traceOf(span), starter.spanContext().traceId, span.name)
  }
})

t.test('a refused enqueue, a timeout and a cancel', async t => {
  const entered = latch()
  const hang = (task: any): Promise<never> => new Promise((_resolve, reject) => {
    entered.open()
    task.signal.addEventListener('abort', () => reject(new Error('aborted')))
  })
  const app = await build(t, { telemetry: otel() }, app => {
    app.tasks.define('slow', { timeout: 5 }, (_data, task) => hang(task))
    app.tasks.define('cancelled', (_data, task) => hang(task))
  })
  await errorOf(app.tasks.enqueue('slow', 1n))
  const [refused] = await named('send slow')
  t.match(refused!.attributes, { 'error.type': 'FST_TASKS_DATA_INVALID' })
  t.equal(refused!.status.code, SpanStatusCode.ERROR)
  await app.tasks.startWorker()
  await app.tasks.enqueue('slow')
  const [slow] = await named('process slow')
  t.match(slow!.attributes, { 'error.type': 'FST_TASKS_TIMEOUT', 'fastify_tasks.outcome': 'failed' })
  const { id } = await app.tasks.enqueue('cancelled')
  await reaches(app, id, 'active')
  await app.tasks.cancel(id)
  const [cancelled] = await named('process cancelled')
  t.match(cancelled!.attributes, { 'fastify_tasks.outcome': 'cancelled' })
  t.equal(cancelled!.status.code, SpanStatusCode.UNSET)
})

t.test('data that does not fit in the worker: its hooks run in the span of the attempt', async t => {
  const prefix = randomPrefix()
  const heard: unknown[] = []
  const app = await build(t, { prefix, telemetry: otel() }, app => {
    const onFailed = async (): Promise<void> => { heard.push(trace.getActiveSpan()?.spanContext().spanId) }
    app.tasks.define('x', { schema: { data: { type: 'number' } }, onFailed }, () => {})
  })
  const producer = await build(t, { prefix }, app => { app.tasks.define('x', () => {}) })
  await app.tasks.startWorker()
  await producer.tasks.enqueue('x', 'no number')
  const [refused] = await named('process x')
  t.match(refused!.attributes, { 'error.type': 'FST_TASKS_DATA_REFUSED', 'fastify_tasks.outcome': 'failed' })
  t.strictSame(heard, [idOf(refused!)])
})

t.test('the span of an enqueue names the queue that the tasks go to', async t => {
  const app = await build(t, { telemetry: otel(), worker: false }, app => {
    app.tasks.define('x', () => {})
    app.tasks.define('moved', { preEnqueue: async entry => { entry.queue = 'mail' } }, () => {})
    app.tasks.define('mailed', { queue: 'mail' }, () => {})
  })
  const { chain } = await import('../../lib/plugin.ts')
  const member: any = { kind: 'signature', task: 'mailed', options: {} }
  const destination = async (name: string): Promise<unknown> => {
    const [send] = await named(`send ${name}`)
    forget()
    return send!.attributes['messaging.destination.name']
  }
  await app.tasks.enqueue('x', 1, { queue: 'mail' })
  t.equal(await destination('x'), 'mail')
  await app.tasks.enqueueMany('x', [{ queue: 'mail' }, { queue: 'mail' }])
  t.equal(await destination('x'), 'mail')
  await app.tasks.enqueueMany('x', [{ queue: 'mail' }, {}])
  t.equal(await destination('x'), 'default', 'in several: that of the definition')
  await app.tasks.enqueueMany('x', [])
  t.equal(await destination('x'), 'default')
  await app.tasks.enqueue('moved')
  t.equal(await destination('moved'), 'mail', 'a hook has moved it')
  const flow = await app.tasks.enqueueFlow(chain(member))
  const [send] = await named('send flow')
  t.match(send!.attributes, { 'messaging.destination.name': 'mail', 'messaging.message.id': flow.id })
})

t.test('more tasks in one call than a function may have arguments', async t => {
  const event = { ids: [], queue: 'default' }
  tellMade(event, Array.from({ length: 200_000 }, (_, i) => ({ id: String(i), queue: { name: 'mail' } })))
  t.match({ ...event, ids: event.ids.length }, { ids: 200_000, queue: 'mail' })
})

t.test('a flow: its members continue the trace of the one who enqueued it', async t => {
  const app = await build(t, { telemetry: otel() }, app => app.tasks.define('x', () => 'done'))
  await app.tasks.startWorker()
  const { chain } = await import('../../lib/plugin.ts')
  const x = app.tasks.define('y', () => {})
  await inSpan('caller', () => app.tasks.enqueueFlow(chain(x.signature(), x.signature())))
  const members = await named('process y', 2)
  const [[send], [caller]] = [await named('send flow'), await named('caller')]
  t.equal(parentOf(send!), idOf(caller!))
  for (const member of members) t.same(linksOf(member), [idOf(send!)])
})

t.test('a tracer or a propagator that throws changes nothing for the app', async t => {
  const { propagation: broken } = { propagation }
  const { inject, extract } = broken
  const { getTracer } = trace
  t.teardown(() => Object.assign(propagation, { inject, extract }) && Object.assign(trace, { getTracer }))
  const app = await build(t, { telemetry: otel() }, app => app.tasks.define('x', () => 'done'))
  await app.tasks.startWorker()
  const fail = (): never => { throw new Error('broken') }
  Object.assign(propagation, { inject: fail, extract: fail })
  t.equal(await (await app.tasks.enqueue('x')).result(), 'done')
  Object.assign(trace, { getTracer: fail })
  t.equal(await (await app.tasks.enqueue('x')).result(), 'done')
})
