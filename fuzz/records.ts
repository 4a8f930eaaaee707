/**
 * Area: garbage in the jobs hash and in every other key of a queue, while workers work. Each record runs or is set aside,
 * the good tasks in between are done, and nothing is left in active.
 */
import fc from 'fast-check'
import { defaults } from '../lib/options.ts'
import { openApp, type OpenApp } from './app.ts'
import { must, mustBeCoded, outcomeOf } from './checks.ts'
import { claim, count, id, progress, record, score, toBuffer, type Bytes } from './garbage.ts'
import { until } from './waiting.ts'
import { property, type MakeArea } from './area.ts'

/** Claims lapse within this, in ms: what takes a minute in production is over in a second. */
const HURRY = 100
const GOOD = 5
const WITHIN = { timeout: 10_000 }
const LINES_EACH = 8
const LINES_ALL = 200
const names = ['works', 'breaks', 'reports']
const ENDED = ['succeeded', 'failed', 'cancelled', 'expired']

interface Garbage { id: Bytes, record: Bytes }

/** An entry in one of the keys beside jobs. */
interface Stray { key: string, id: Bytes, value: string }

const lists = ['waiting', 'active']
const sets = ['stalling', 'cancelling', 'succeeded', 'failed']
const sorted = ['delayed', 'leases', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired']
const hashes: Record<string, fc.Arbitrary<string>> = { claims: claim, progress, stalls: count }

const stray: fc.Arbitrary<Stray> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ key: fc.constantFrom(...lists), id, value: fc.constant('') }) },
  { weight: 1, arbitrary: fc.record({ key: fc.constantFrom(...sets), id, value: fc.constant('') }) },
  { weight: 3, arbitrary: fc.record({ key: fc.constantFrom('delayed', 'leases', 'leases', ...sorted), id, value: score }) },
  ...Object.entries(hashes).map(([key, value]) => ({ weight: 1, arbitrary: fc.record({ key: fc.constant(key), id, value }) }))
)

const garbage = fc.record({ id, record: record(names) })

export const records: MakeArea = url => {
  let open: OpenApp
  /** Tasks that fail do so a few times: a record may allow for more attempts than anyone waits for. */
  const failures = new Map<string, number>()

  const start = async (): Promise<void> => {
    defaults.stallInterval = HURRY
    failures.clear()
    open = await openApp(url, { worker: { concurrency: 20, closeTimeout: 200 } }, app => {
      const { tasks } = app
      tasks.define('works', data => data)
      tasks.define('reports', async (data, task) => { await task.updateState('halfway', { data: typeof data }) })
      tasks.define('breaks', (_data, task) => {
        const before = failures.get(task.id) ?? 0
        failures.set(task.id, before + 1)
        throw Object.assign(new Error('broken'), before >= 3 ? { code: 'TASK_UNRECOVERABLE' } : {})
      })
      tasks.define('good', (n: number) => n + 1)
    })
  }

  const write = async (records: Garbage[], strays: Stray[]): Promise<void> => {
    const { redis, key } = open
    const pipeline = redis.pipeline()
    for (const one of records) pipeline.hset(key('jobs'), toBuffer(one.id), toBuffer(one.record))
    for (const one of strays) {
      const [name, id] = [key(one.key), toBuffer(one.id)]
      if (lists.includes(one.key)) pipeline.lpush(name, id)
      else if (sets.includes(one.key)) pipeline.sadd(name, id)
      else if (sorted.includes(one.key)) pipeline.zadd(name, one.value, id)
      else pipeline.hset(name, id, one.value)
    }
    for (const [error] of (await pipeline.exec())!) if (error) throw error
  }

  const good = async (): Promise<void> => {
    const handles = await open.app.tasks.enqueueMany('good', Array.from({ length: GOOD }, (_, data) => ({ data })))
    const results = await Promise.all(handles.map(one => one.result(WITHIN)))
    must(results.every((one, i) => one === i + 1), 'the results of the good tasks', results)
  }

  const quiet = async (): Promise<void> => {
    const { redis, key } = open
    const left = async (): Promise<Buffer[]> => [...await redis.lrangeBuffer(key('waiting'), 0, -1), ...await redis.lrangeBuffer(key('active'), 0, -1)]
    await until('nothing waits or is active', async () => (await left()).length === 0, async () => JSON.stringify((await left()).map(String)))
  }

  /** A record that stood in a list has ended, waits for its next attempt, or is gone; none was lost on its way. */
  const mustHaveEnded = async (ids: Bytes[]): Promise<void> => {
    const { redis, key } = open
    for (const id of ids.map(toBuffer)) {
      const [text, delayedTo] = [await redis.hget(key('jobs'), id), await redis.zscore(key('delayed'), id)]
      if (text === null || delayedTo !== null) continue
      must(ENDED.includes(statusOf(text)), 'a record was lost', id.toString(), text.slice(0, 500))
    }
  }

  /** Whatever is left can be read, cancelled and tried again. */
  const mustAnswer = async (ids: Bytes[]): Promise<void> => {
    const { tasks } = open.app
    for (const id of new Set(ids.filter(one => typeof one === 'string'))) {
      for (const ask of [() => tasks.status(id), () => tasks.cancel(id), () => tasks.retry(id)]) {
        const outcome = await outcomeOf<unknown>(ask)
        if ('error' in outcome) mustBeCoded(outcome.error)
      }
    }
  }

  const attempt = async (records: Garbage[], strays: Stray[], queued: Bytes[]): Promise<number> => {
    const before = open.log.lines
    await open.clear()
    await Promise.all([write(records, strays), good()])
    await quiet()
    await good()
    const inputs = records.length + strays.length
    const lines = open.log.lines - before
    must(lines <= LINES_ALL + LINES_EACH * inputs, `${lines} lines of the log for ${inputs} inputs`)
    await mustHaveEnded(queued)
    await mustAnswer(queued)
    await quiet()
    return inputs
  }

  return {
    name: 'records',
    open: start,
    close: () => open.close(),
    properties: [
      property({
        name: 'garbage among what waits',
        weight: 12,
        batch: 40,
        arbitrary: fc.array(garbage, { minLength: 1, maxLength: 80 }),
        attempt: batch => {
          const ids = batch.map(one => one.id)
          return attempt(batch, ids.map(id => ({ key: 'waiting', id, value: '' })), ids).then(() => batch.length)
        }
      }),
      property({
        name: 'garbage in every key',
        weight: 6,
        batch: 150,
        arbitrary: fc.tuple(fc.array(garbage, { maxLength: 100 }), fc.array(stray, { minLength: 1, maxLength: 200 })),
        attempt: ([records, strays]) => attempt(records, strays, strays.filter(one => lists.includes(one.key)).map(one => one.id))
      })
    ]
  }
}

function statusOf (text: string): string {
  try {
    return JSON.parse(text)?.status
  } catch {
    return 'unreadable'
  }
}
