/**
 * A limit or rates of a task as a whole, beside others by key.
 */
import t from 'tap'
import { build, errorOf, memoryMode, pass, randomPrefix, reaches, until } from '../support/helpers.ts'

const HOUR = 3_600_000
const byTenant = (data: any): string => data.tenant
const TENANTS = ['a', 'b', 'c']

/** Pairs of starts that are closer than the window, though `max` starts lie between them. */
const tooClose = (starts: number[], max: number, window: number): number[][] =>
  starts.flatMap((start, i) => i >= max && start - starts[i - max]! < window ? [[starts[i - max]!, start]] : [])

t.test('a limit by key, a rate of all tasks and one by key: all hold, over two workers', async t => {
  const prefix = randomPrefix()
  const [starts, running] = [[] as Array<[tenant: string, at: number]>, new Map<string, number>()]
  let most = 0
  const define = (app: any): void => {
    const rate = [{ max: 5, timeWindow: 300 }, { max: 3, timeWindow: 900, key: byTenant }]
    app.tasks.define('sync', { limit: { max: 2, key: byTenant }, rate }, async ({ tenant }: any) => {
      starts.push([tenant, performance.now()])
      running.set(tenant, (running.get(tenant) ?? 0) + 1)
      most = Math.max(most, running.get(tenant)!)
      await new Promise(resolve => setTimeout(resolve, memoryMode ? 0 : 20))
      running.set(tenant, running.get(tenant)! - 1)
    })
  }
  const app = await build(t, { prefix }, define)
  const other = memoryMode ? app : await build(t, { prefix }, define)
  for (const worker of [app, other]) await worker.tasks.startWorker({ concurrency: 8 })
  const items = TENANTS.flatMap(tenant => Array.from({ length: 6 }, () => ({ data: { tenant } })))
  const handles = await app.tasks.enqueueMany('sync', items)
  await pass(app, 3_000)
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  t.equal(starts.length, 18)
  t.equal(most, 2)
  if (memoryMode) return
  t.strictSame(tooClose(starts.map(([, at]) => at), 5, 300), [], 'of all tenants')
  for (const tenant of TENANTS) {
    t.strictSame(tooClose(starts.filter(([of]) => of === tenant).map(([, at]) => at), 3, 900), [], `of ${tenant}`)
  }
})

t.test('a limit of all tasks beside a rate by key: the keys take turns', async t => {
  const order: string[] = []
  let [running, most] = [0, 0]
  const app = await build(t, {}, app => {
    const options = { limit: { max: 2 }, rate: { max: 100, timeWindow: 1_000, key: byTenant } }
    app.tasks.define('sync', options, async ({ tenant }: any) => {
      most = Math.max(most, ++running)
      order.push(tenant)
      await new Promise(resolve => setImmediate(resolve))
      running--
    })
  })
  const items = TENANTS.flatMap(tenant => Array.from({ length: 8 }, () => ({ data: { tenant } })))
  const handles = await app.tasks.enqueueMany('sync', items)
  const worker = await app.tasks.startWorker({ concurrency: 8 })
  for (const { id } of handles) await reaches(app, id, 'succeeded')
  t.equal(most, 2)
  t.equal(order.length, 24)
  const firsts = TENANTS.map(tenant => order.indexOf(tenant))
  t.ok(Math.max(...firsts) < 8, `all had a turn before the first tenant was done: ${order.join('')}`)
  await worker.close()
})

t.test('blockedBy says whose limit it is', async t => {
  let ran = 0
  const app = await build(t, { worker: true }, app => {
    const rate = [{ max: 3, timeWindow: HOUR }, { max: 2, timeWindow: HOUR, key: byTenant }]
    app.tasks.define('sync', { rate }, async () => { ran++ })
  })
  const enqueue = (tenant: string): Promise<any> => app.tasks.enqueue('sync', { tenant })
  const ofA = [await enqueue('a'), await enqueue('a'), await enqueue('a')]
  await until('two ran', () => ran === 2)
  t.match(await ofA[2].status(), { blockedBy: { key: 'a', text: /^rate of key "a", 2 in 3600000 ms, next at / } })
  await enqueue('b')
  await until('three ran', () => ran === 3)
  const ofC = await enqueue('c')
  const blockedBy = { kind: 'rate', key: '', text: /^rate of task "sync", 3 in 3600000 ms, next at / }
  t.match(await ofC.status(), { state: 'waiting', blockedBy })
  t.match((await app.inject(`/tasks/${ofC.id}`)).json(), { blockedBy }, 'over HTTP too')
})

t.test('setLimit changes the rates of a task as a whole, and those of its keys', async t => {
  let ran = 0
  const app = await build(t, { worker: true }, app => {
    const rate = [{ max: 1, timeWindow: HOUR }, { max: 1, timeWindow: 2 * HOUR, key: byTenant }]
    app.tasks.define('sync', { rate }, async () => { ran++ })
    app.tasks.define('keyed', { limit: { max: 5, key: byTenant } }, async () => { ran++ })
  })
  for (const tenant of ['a', 'a', 'b', 'c']) await app.tasks.enqueue('sync', { tenant })
  await until('one ran', () => ran === 1)
  const both = { code: 'FST_TASKS_LIMIT_SCOPE', message: /scope: 'key' or scope: 'task'/ }
  t.match(await errorOf(app.tasks.setLimit('sync', { rate: { max: 9, timeWindow: HOUR } })), both)
  const ofAll = { max: 2, timeWindow: HOUR, scope: 'task' as const }
  await app.tasks.setLimit('sync', { rate: [ofAll, { max: 9, timeWindow: HOUR, scope: 'key' }] })
  await until('two ran', () => ran === 2)
  await app.tasks.setLimit('sync', { rate: { ...ofAll, max: 3 } })
  await until('three ran', () => ran === 3)
  await app.tasks.setLimit('sync', { rate: [] })
  await until('all ran', () => ran === 4)
  await app.tasks.setLimit('keyed', { rate: { ...ofAll, max: 2 } })
  for (const tenant of TENANTS) await app.tasks.enqueue('keyed', { tenant })
  await until('two of all keys ran', () => ran === 6)
  await app.tasks.setLimit('keyed', null)
  await until('the limit of the code holds again', () => ran === 7)
  t.match(await errorOf(app.tasks.setLimit('sync', { rate: { ...ofAll, scope: 'all' as any } })), {
    code: 'FST_TASKS_PLUGIN_OPTION_INVALID', message: /scope/
  })
  t.match(await errorOf(app.tasks.setLimit('sync', { rate: [ofAll, ofAll] })), { code: 'FST_TASKS_OPTION_CLASH' })
})

t.test('in order without a key, and a rate by key, is refused: there would be no one order', async t => {
  await build(t, {}, app => {
    const rate = { max: 1, timeWindow: 1_000, key: byTenant }
    t.throws(() => app.tasks.define('x', { limit: { ordered: true }, rate }), { code: 'FST_TASKS_OPTION_CLASH' })
    app.tasks.define('y', { limit: { ordered: true, key: byTenant }, rate: { max: 1, timeWindow: 1_000 } })
  })
})
