/**
 * Area: garbage in the jobs hash and in every other key of a queue, while a worker runs tasks. Each garbage record
 * must run or be removed from the lists, good tasks must succeed meanwhile, and `active` must be empty at the end.
 */
import fc from 'fast-check'
import { isTerminal } from '../lib/records/task-record.ts'
import { openApp, type OpenApp } from './app.ts'
import { check, checkErrorCode, outcomeOf } from './checks.ts'
import { checkIdle } from './commands.ts'
import { id, record, toBuffer, type Bytes } from './garbage.ts'
import { isInList, strayKey, write, type StrayKey } from './stray-keys.ts'
import { until } from './waiting.ts'
import { property, type MakeArea } from './area.ts'

/** Short, so that leases expire within a second and not within a minute. */
const STALL_INTERVAL_MS = 100
const GOOD_TASKS = 5
const RESULT_OPTIONS = { timeout: 10_000 }
/** Log lines that are allowed for each input, and in addition. */
const LINES_EACH = 8
const LINES_ALL = 200
/** A task fails this often before it throws an unrecoverable error. Its record may allow very many attempts. */
const MAX_FAILURES = 3
/** Keys with entries of running tasks. A worker must remove its entries when a task ends. */
const KEYS_OF_RUNNING = ['claims', 'progress', 'stalls', 'cancelling']

interface Garbage { id: Bytes, record: Bytes }

interface Batch { records: Garbage[], strayKeys: StrayKey[], newWorker: boolean }

const garbage: fc.Arbitrary<Garbage> = fc.record({ id, record: record(['works', 'breaks', 'reports']) })

const batch: fc.Arbitrary<Batch> = fc.record({
  records: fc.array(garbage, { maxLength: 100, size: 'max' }),
  strayKeys: fc.array(strayKey, { minLength: 1, maxLength: 200, size: 'max' }),
  newWorker: fc.boolean()
})

export const records: MakeArea = url => {
  let opened: OpenApp
  const failures = new Map<string, number>()

  const start = async (): Promise<void> => {
    opened = await openApp(url, { worker: { concurrency: 20, closeTimeout: 200 } }, app => {
      const { tasks } = app
      tasks.define('works', data => data)
      tasks.define('reports', async (data, task) => { await task.updateState('halfway', { data: typeof data }) })
      tasks.define('breaks', (_data, { id }) => {
        failures.set(id, (failures.get(id) ?? 0) + 1)
        const final = failures.get(id)! > MAX_FAILURES
        throw Object.assign(new Error('broken'), final ? { code: 'FST_TASKS_UNRECOVERABLE' } : {})
      })
      tasks.define('good', (n: number) => n + 1)
    }, { shortStallInterval: STALL_INTERVAL_MS })
  }

  const writeAll = async (records: Garbage[], strayKeys: StrayKey[]): Promise<void> => {
    const { redis, key } = opened
    const pipeline = redis.pipeline()
    for (const { id, record } of records) pipeline.hset(key('jobs'), toBuffer(id), toBuffer(record))
    for (const strayKey of strayKeys) write(pipeline, key(strayKey.key), strayKey)
    for (const [error] of (await pipeline.exec())!) if (error) throw error
  }

  const checkGoodTasks = async (): Promise<void> => {
    const items = Array.from({ length: GOOD_TASKS }, (_, data) => ({ data }))
    const handles = await opened.app.tasks.enqueueMany('good', items)
    const results = await Promise.all(handles.map(handle => handle.result(RESULT_OPTIONS)))
    check(results.every((result, i) => result === i + 1), 'wrong results of good tasks', results)
  }

  const checkStartWorker = async (): Promise<void> => {
    const starting = opened.app.tasks.startWorker({ closeTimeout: 200 })
    let started = false
    starting.then(() => { started = true }, () => {})
    await Promise.race([starting, until('a worker starts', async () => started)])
    await (await starting).close()
  }

  const waitUntilEmpty = async (): Promise<void> => {
    const { redis, key } = opened
    const ids = async (): Promise<Buffer[]> => [
      ...await redis.lrangeBuffer(key('waiting'), 0, -1),
      ...await redis.lrangeBuffer(key('active'), 0, -1)
    ]
    const describe = async (): Promise<string> => JSON.stringify((await ids()).map(String))
    await until('no task is waiting or active', async () => (await ids()).length === 0, describe)
  }

  /**
   * Checks that each record of a list becomes terminal, delayed or removed: it is in no list now, and must not be lost.
   * One with a claim of nobody is taken back at every 40th tick of the sweep: after ten stall intervals.
   */
  const checkNoneLost = async (ids: Bytes[]): Promise<void> => {
    const { redis, key } = opened
    for (const id of ids.map(toBuffer)) {
      let text: string | null = null
      await until('a record was lost', async () => {
        const reply = await Promise.all([redis.hget(key('jobs'), id), redis.zscore(key('delayed'), id)])
        text = reply[0]
        return text === null || reply[1] !== null || isTerminal(statusOf(text))
      }, () => `${id.toString()} | ${text?.slice(0, 500)}`)
    }
  }

  const checkNothingLeft = async (strayKeys: StrayKey[]): Promise<void> => {
    const { redis, key } = opened
    const [claims, progress, stalls, cancelling] = await Promise.all([
      redis.hkeysBuffer(key('claims')),
      redis.hkeysBuffer(key('progress')),
      redis.hkeysBuffer(key('stalls')),
      redis.smembersBuffer(key('cancelling'))
    ])
    const strayIds = new Set(strayKeys.map(({ id }) => toBuffer(id).toString('hex')))
    for (const [i, ids] of [claims, progress, stalls, cancelling].entries()) {
      const left = ids!.filter(id => !strayIds.has(id.toString('hex')))
      check(left.length === 0, `left over in ${KEYS_OF_RUNNING[i]}`, left.map(String))
    }
  }

  /** Checks that each call with these ids succeeds, or throws an error with one of our codes. */
  const checkCalls = async (ids: Bytes[]): Promise<void> => {
    const { tasks } = opened.app
    for (const id of new Set(ids.filter(id => typeof id === 'string'))) {
      for (const call of [() => tasks.status(id), () => tasks.cancel(id), () => tasks.retry(id)]) {
        const outcome = await outcomeOf<unknown>(call)
        if ('error' in outcome) checkErrorCode(outcome.error)
      }
    }
  }

  const attempt = async ({ records, strayKeys, newWorker }: Batch): Promise<number> => {
    const before = opened.log.lines
    failures.clear()
    await opened.clear()
    const written = writeAll(records, strayKeys)
    await Promise.all([written, checkGoodTasks(), ...(newWorker ? [written.then(checkStartWorker)] : [])])
    await waitUntilEmpty()
    await checkGoodTasks()
    const [inputs, lines] = [records.length + strayKeys.length, opened.log.lines - before]
    check(lines <= LINES_ALL + LINES_EACH * inputs, `${lines} lines of the log for ${inputs} inputs`)
    const queued = strayKeys.filter(isInList).map(({ id }) => id)
    await checkNoneLost(queued)
    await checkNothingLeft(strayKeys)
    await checkCalls(queued)
    await waitUntilEmpty()
    await checkIdle(opened.redis)
    return inputs
  }

  return {
    name: 'records',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'garbage among waiting tasks',
        weight: 10,
        batch: 40,
        arbitrary: fc.array(garbage, { minLength: 1, maxLength: 80, size: 'max' }),
        async attempt (records) {
          const strayKeys = records.map(({ id }) => ({ key: 'waiting', id, value: '' }))
          await attempt({ records, strayKeys, newWorker: false })
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
