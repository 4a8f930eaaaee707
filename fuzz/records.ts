/**
 * Area: garbage in the jobs hash and in every other key of a queue, while workers work. Each record runs or is set aside,
 * the good tasks in between are done, and nothing is left in active.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { must, mustBeCoded, outcomeOf } from './checks.ts'
import { mustNotSpin } from './commands.ts'
import { id, record, toBuffer, type Bytes } from './garbage.ts'
import { isInList, strayKey, write, type StrayKey } from './stray-keys.ts'
import { until } from './waiting.ts'
import { property, type MakeArea } from './area.ts'

/** Claims lapse within this, in ms: what takes a minute in production is over in a second. */
const HURRY = 100
const GOOD = 5
const WITHIN = { timeout: 10_000 }
const LINES_EACH = 8
const LINES_ALL = 200
/** Failures of one task before it gives up: its record may allow for more attempts than anyone waits for. */
const FAILURES = 3
const ENDED = ['succeeded', 'failed', 'cancelled', 'expired']
/** Keys that tell of tasks that run: once nothing runs, they tell of none that a worker ran. */
const OF_RUNNING = ['claims', 'progress', 'stalls', 'cancelling']

interface Garbage { id: Bytes, record: Bytes }

interface Batch { records: Garbage[], strays: StrayKey[], newWorker: boolean }

const garbage: fc.Arbitrary<Garbage> = fc.record({ id, record: record(['works', 'breaks', 'reports']) })

const batch: fc.Arbitrary<Batch> = fc.record({
  records: fc.array(garbage, { maxLength: 100, size: 'max' }),
  strays: fc.array(strayKey, { minLength: 1, maxLength: 200, size: 'max' }),
  newWorker: fc.boolean()
})

export const records: MakeArea = url => {
  let open: OpenApp
  const failures = new Map<string, number>()

  const start = async (): Promise<void> => {
    open = await openApp(url, { worker: { concurrency: 20, closeTimeout: 200 } }, app => {
      const { tasks } = app
      tasks.define('works', data => data)
      tasks.define('reports', async (data, task) => { await task.updateState('halfway', { data: typeof data }) })
      tasks.define('breaks', (_data, { id }) => {
        failures.set(id, (failures.get(id) ?? 0) + 1)
        throw Object.assign(new Error('broken'), failures.get(id)! > FAILURES ? { code: 'FST_TASKS_UNRECOVERABLE' } : {})
      })
      tasks.define('good', (n: number) => n + 1)
    }, HURRY)
  }

  const writeAll = async (records: Garbage[], strays: StrayKey[]): Promise<void> => {
    const { redis, key } = open
    const pipeline = redis.pipeline()
    for (const one of records) pipeline.hset(key('jobs'), toBuffer(one.id), toBuffer(one.record))
    for (const one of strays) write(pipeline, key(one.key), one)
    for (const [error] of (await pipeline.exec())!) if (error) throw error
  }

  const mustDoGoodTasks = async (): Promise<void> => {
    const handles = await open.app.tasks.enqueueMany('good', Array.from({ length: GOOD }, (_, data) => ({ data })))
    const results = await Promise.all(handles.map(one => one.result(WITHIN)))
    must(results.every((one, i) => one === i + 1), 'the results of the good tasks', results)
  }

  const mustStartWorker = async (): Promise<void> => {
    const starting = open.app.tasks.startWorker({ closeTimeout: 200 })
    let started = false
    starting.then(() => { started = true }, () => {})
    await Promise.race([starting, until('a worker starts', async () => started)])
    await (await starting).close()
  }

  const mustBecomeQuiet = async (): Promise<void> => {
    const { redis, key } = open
    const left = async (): Promise<Buffer[]> => [...await redis.lrangeBuffer(key('waiting'), 0, -1), ...await redis.lrangeBuffer(key('active'), 0, -1)]
    await until('nothing waits or is active', async () => (await left()).length === 0, async () => JSON.stringify((await left()).map(String)))
  }

  /** A record that stood in a list has ended, waits for its next attempt, or is gone; none was lost on its way. */
  const mustHaveEnded = async (ids: Bytes[]): Promise<void> => {
    const { redis, key } = open
    for (const id of ids.map(toBuffer)) {
      const [text, delayedTo] = await Promise.all([redis.hget(key('jobs'), id), redis.zscore(key('delayed'), id)])
      must(text === null || delayedTo !== null || ENDED.includes(statusOf(text)), 'a record was lost', id.toString(), text?.slice(0, 500))
    }
  }

  const mustBeTidy = async (strays: StrayKey[]): Promise<void> => {
    const { redis, key } = open
    const [claims, progress, stalls, cancelling] = await Promise.all([
      redis.hkeysBuffer(key('claims')), redis.hkeysBuffer(key('progress')),
      redis.hkeysBuffer(key('stalls')), redis.smembersBuffer(key('cancelling'))
    ])
    const given = new Set(strays.map(one => toBuffer(one.id).toString('hex')))
    for (const [i, ids] of [claims, progress, stalls, cancelling].entries()) {
      const left = ids!.filter(id => !given.has(id.toString('hex')))
      must(left.length === 0, `left over in ${OF_RUNNING[i]}`, left.map(String))
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

  const attempt = async ({ records, strays, newWorker }: Batch): Promise<number> => {
    const before = open.log.lines
    failures.clear()
    await open.clear()
    const written = writeAll(records, strays)
    await Promise.all([written, mustDoGoodTasks(), ...(newWorker ? [written.then(mustStartWorker)] : [])])
    await mustBecomeQuiet()
    await mustDoGoodTasks()
    const [inputs, lines] = [records.length + strays.length, open.log.lines - before]
    must(lines <= LINES_ALL + LINES_EACH * inputs, `${lines} lines of the log for ${inputs} inputs`)
    const queued = strays.filter(isInList).map(one => one.id)
    await mustHaveEnded(queued)
    await mustBeTidy(strays)
    await mustAnswer(queued)
    await mustBecomeQuiet()
    await mustNotSpin(open.redis)
    return inputs
  }

  return {
    name: 'records',
    open: start,
    close: () => open.close(),
    properties: [
      property({
        name: 'garbage among what waits',
        weight: 10,
        batch: 40,
        arbitrary: fc.array(garbage, { minLength: 1, maxLength: 80, size: 'max' }),
        async attempt (records) {
          await attempt({ records, strays: records.map(({ id }) => ({ key: 'waiting', id, value: '' })), newWorker: false })
          return records.length
        }
      }),
      property({ name: 'garbage in every key', weight: 8, batch: 150, arbitrary: batch, attempt })
    ]
  }
}

function statusOf (text: string): string {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))?.status
  } catch {
    return 'unreadable'
  }
}
