/**
 * One trace over three processes: the request in a web process, its task in a worker, the task that this one enqueues
 * in another worker. All send their spans to a collector, a process of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { PLUGIN } from '../support/command.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'

const DEADLINE = 60_000
const OTEL = JSON.stringify(new URL('../../lib/otel.js', import.meta.url).href)

const collector = `
import { createServer } from 'node:http'
const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const { resourceSpans } = JSON.parse(Buffer.concat(chunks))
  const service = request.url.slice(1)
  for (const { scopeSpans } of resourceSpans) {
    for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
      const { name, spanId: id, traceId: trace, parentSpanId: parent } = span
      console.log(JSON.stringify({ service, name, id, trace, parent }))
    }
  }
  response.setHeader('content-type', 'application/json').end('{}')
}).listen(0, '127.0.0.1', () => console.log('listens ' + server.address().port))
`

const app = `
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import Fastify from 'fastify'
import tasks from ${PLUGIN}
import { otel } from ${OTEL}
const { ROLE, COLLECTOR, PREFIX, REDIS } = process.env
const provider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: COLLECTOR + ROLE }))]
})
provider.register()
const instrumentation = new FastifyOtelInstrumentation()
instrumentation.setTracerProvider(provider)
const app = Fastify()
await app.register(instrumentation.plugin())
await app.register(tasks, { prefix: PREFIX, redis: REDIS, telemetry: otel() })
app.tasks.define('first', { queue: 'one' }, () => app.tasks.enqueue('second').then(() => {}))
app.tasks.define('second', { queue: 'two' }, () => {})
app.post('/', async (request, reply) => reply.accepted(await app.tasks.enqueue('first')))
await app.ready()
if (ROLE === 'web') console.log('listens ' + new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
else await app.tasks.startWorker({ queues: [ROLE] })
`

interface Child { child: ChildProcess, lines: () => string[] }

function start (t: Test, code: string, env: NodeJS.ProcessEnv): Child {
  const args = ['--input-type=module', '--eval', code]
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  const exit = once(child, 'exit')
  t.teardown(async () => { child.kill('SIGKILL'); await exit })
  return { child, lines: () => out.split('\n').slice(0, -1) }
}

const portOf = ({ lines }: Child): Promise<string> =>
  until('it listens', () => /listens (\d+)/.exec(lines().join('\n'))?.[1], DEADLINE)

t.test('one trace from the request to the task to the task that it enqueues', { timeout: 120_000 }, async t => {
  const collected = start(t, collector, {})
  const url = `http://127.0.0.1:${await portOf(collected)}/`
  const env = { COLLECTOR: url, PREFIX: randomPrefix(), REDIS: REDIS_URL }
  const role = (name: string): Child => start(t, app, { ...env, ROLE: name })
  const [web] = [role('web'), role('one'), role('two')]
  const { status } = await fetch(`http://127.0.0.1:${await portOf(web)}/`, { method: 'POST' })
  t.equal(status, 202)
  const spans = await until('the last span has come', () => {
    const all = collected.lines().filter(line => line.startsWith('{')).map(line => JSON.parse(line))
    const has = (name: string): boolean => all.some(span => span.name === name)
    return ['process first', 'process second', 'request'].every(has) ? all : null
  }, DEADLINE)
  const span = (name: string): any => spans.find(one => one.name === name)
  const names = ['send first', 'process first', 'send second', 'process second']
  t.same(names.map(name => span(name).service), ['web', 'one', 'one', 'two'])
  t.equal(new Set(spans.map(({ trace }) => trace)).size, 1)
  for (const [i, name] of names.entries()) if (i > 0) t.equal(span(name).parent, span(names[i - 1]!).id, name)
  const ids = new Set(spans.filter(({ service }) => service === 'web').map(({ id }) => id))
  t.ok(ids.has(span('send first').parent), 'a span of the request is its parent')
})
