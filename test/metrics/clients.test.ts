/**
 * Our metrics in the registries of three Prometheus clients, and in the one of fastify-metrics.
 */
import * as prometheusClient from '@prometheus-io/client'
import platformaticClient from '@platformatic/prom-client'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import promClient from 'prom-client'
import t from 'tap'
import { build, errorOf, logger, randomPrefix, where } from '../support/helpers.ts'
import { parse, valueOf } from '../support/metrics.ts'
import tasks from '../../lib/plugin.ts'
import { FAMILIES, fullName } from '../../lib/metrics/names.ts'

const clients: Record<string, any> = {
  'prom-client': promClient, '@prometheus-io/client': prometheusClient, '@platformatic/prom-client': platformaticClient
}

const ENQUEUED = { queue: 'default', task: 'x' }

for (const [name, client] of Object.entries(clients)) {
  t.test(`a registry of ${name}: text, JSON, merged, OpenMetrics`, async t => {
    const registry = new client.Registry()
    const app = await build(t, { metrics: { registry } }, app => app.tasks.define('x', () => {}))
    await app.tasks.startWorker()
    await (await app.tasks.enqueue('x')).result()
    const text: string = await registry.metrics()
    const metrics = parse(text)
    t.equal(valueOf(metrics, 'enqueued_total', ENQUEUED), 1)
    t.equal(valueOf(metrics, 'slots', { queue: 'default' }), 10)
    t.equal(valueOf(metrics, 'wait_seconds_bucket', { ...ENQUEUED, le: '+Inf' }), 1)
    t.equal(metrics.types.get('fastify_tasks_wait_seconds'), 'histogram')
    const json: any[] = await registry.getMetricsAsJSON()
    t.equal(json.find(family => family.name === 'fastify_tasks_enqueued_total').values[0].value, 1)
    const merged: string = await client.Registry.merge([registry, new client.Registry()]).metrics()
    t.equal(valueOf(parse(merged), 'enqueued_total', ENQUEUED), 1)
    registry.resetMetrics()
    t.equal(valueOf(parse(await registry.metrics()), 'enqueued_total', ENQUEUED), 1, 'the counts are ours')
  })

  t.test(`an OpenMetrics registry of ${name}: the names of counters`, async t => {
    const registry = new client.Registry(client.Registry.OPENMETRICS_CONTENT_TYPE)
    const app = await build(t, { metrics: { registry } }, app => app.tasks.define('x', () => {}))
    await app.tasks.enqueue('x')
    for (const text of [await registry.metrics(), await registry.metrics()]) {
      t.match(text, '# TYPE fastify_tasks_enqueued counter')
      t.match(text, 'fastify_tasks_enqueued_total{queue="default",task="x"} 1')
    }
    await build(t, { metrics: { registry } }, app => app.tasks.define('x', () => {})) // after a scrape
    const families = (await registry.metrics()).split('\n').filter((line: string) => line.startsWith('# TYPE'))
    t.equal(families.length, new Set(families).size, 'each family is there once')
  })

  t.test(`a registry of ${name} with default labels keeps them for itself`, async t => {
    const registry = new client.Registry()
    registry.setDefaultLabels({ site: 'one' })
    const app = await build(t, { metrics: { registry } }, app => app.tasks.define('x', () => {}))
    await errorOf(app.tasks.enqueue('unknown'))
    t.match(JSON.stringify(await registry.getMetricsAsJSON()), '"site":"one"')
    t.notMatch(await app.tasks.metrics(), 'site=')
    registry.setDefaultLabels({ site: 'two' })
    t.notMatch(await registry.metrics(), 'site="one"')
  })
}

const aggregators = Object.entries(clients).filter(([, { AggregatorRegistry }]) => AggregatorRegistry)

for (const [name, client] of aggregators) {
  t.test(`processes of a cluster, added up by ${name}`, async t => {
    const registry = new client.Registry()
    const app = await build(t, { metrics: { registry } }, app => app.tasks.define('x', () => {}))
    await app.tasks.startWorker()
    await app.tasks.enqueue('x')
    const ofProcess = async (up: number): Promise<object[]> => {
      const families: any[] = await registry.getMetricsAsJSON()
      return families.map(one => one.name === fullName('up') ? { ...one, values: [{ labels: {}, value: up }] } : one)
    }
    const all = await client.AggregatorRegistry.aggregate([await ofProcess(1), await ofProcess(0)])
    const metrics = parse(await all.metrics())
    t.equal(valueOf(metrics, 'slots', { queue: 'default' }), 20, 'each process has its own')
    t.equal(valueOf(metrics, 'enqueued_total', ENQUEUED), 2)
    t.equal(valueOf(metrics, 'queue_workers', { queue: 'default' }), 1, 'all processes read the same')
    t.equal(valueOf(metrics, 'up', {}), 0, 'one process does not reach Redis')
  })
}

t.test('fastify-metrics: its route has our metrics, whichever plugin comes first', async t => {
  const plugins: Array<[any, object]> = [
    [tasks, where()],
    [fastifyMetrics, { endpoint: '/metrics', defaultMetrics: { enabled: false }, routeMetrics: { enabled: false } }]
  ]
  for (const inOrder of [plugins, plugins.toReversed()]) {
    promClient.register.clear()
    const app: FastifyInstance = Fastify()
    t.teardown(() => app.close())
    for (const [plugin, options] of inOrder) await app.register(plugin, options)
    app.tasks.define('x', () => {})
    await app.ready()
    await app.tasks.enqueue('x')
    const { payload, statusCode } = await app.inject('/metrics')
    t.equal(statusCode, 200)
    t.equal(valueOf(parse(payload), 'enqueued_total', ENQUEUED), 1)
    await app.close()
  }
})

t.test('two instances in one registry count together; a closed app leaves', async t => {
  const registry = new promClient.Registry()
  const metrics = { registry }
  const app = await build(t, { metrics }, async app => {
    app.tasks.define('x', () => {})
    await app.register(tasks, { ...where(), prefix: randomPrefix(), name: 'second', metrics })
    ;(app as any).second.define('x', () => {})
  })
  const other = await build(t, { metrics }, app => app.tasks.define('x', () => {}))
  await Promise.all([app.tasks.enqueue('x'), (app as any).second.enqueue('x'), other.tasks.enqueue('x')])
  t.equal(valueOf(parse(await registry.metrics()), 'enqueued_total', ENQUEUED), 3)
  t.equal(valueOf(parse(await registry.metrics()), 'up', {}), 1)
  await other.close()
  t.equal(valueOf(parse(await registry.metrics()), 'enqueued_total', ENQUEUED), 2)
})

t.test('a registry that refuses a name: the app starts, and says so; none of ours is in it', async t => {
  const registry = new promClient.Registry()
  registry.registerMetric({ name: fullName('up') } as any)
  const log = logger()
  await build(t, { metrics: { registry } }, undefined, { logger: { stream: log.stream } })
  t.equal(log.find('app.metrics_refused').level, 40)
  t.same(registry.getMetricsAsArray().map(({ name }) => name), [fullName('up')])
})

t.test('names follow the rules of Prometheus', async t => {
  for (const [name, { type, help, labels }] of Object.entries(FAMILIES)) {
    t.match(name, type === 'counter' ? /_total$/ : /^(?!.*_total$)/, name)
    t.ok(help)
    for (const label of labels) t.match(label, /^(queue|task|outcome|code|state|schedule)$/)
  }
})
