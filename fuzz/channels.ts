/**
 * Area: garbage and crafted messages on every channel of a queue, while tasks run and callers wait for results.
 * No task may break or be cancelled, and no message may cost more than a few commands.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { check } from './checks.ts'
import { checkIdle, scriptCalls } from './commands.ts'
import { toBuffer, type Bytes } from './garbage.ts'
import { newLatch, type Latch, until } from './waiting.ts'
import { text } from './values.ts'
import { property, type MakeArea } from './area.ts'
import type { TaskHandle } from '../lib/types.ts'

/** The tasks that channels and messages may name. */
const taskNames = ['running', 'waiting', 'delayed', 'finished'] as const
type TaskName = typeof taskNames[number]
type Part = { raw: Bytes } | { idOf: TaskName } | { eventOf: TaskName, event: string }

interface Message { channel: Part, message: Part }

const RESULT_OPTIONS = { timeout: 10_000 }
/** Number of script calls that a message may cause: a claim, or a read of a record. */
const SCRIPTS_EACH = 2
/** Number of script calls that are allowed in addition. */
const SCRIPTS_ALL = 150

const idOf = fc.constantFrom(...taskNames).map(name => ({ idOf: name }))
const raw = (arbitrary: fc.Arbitrary<Bytes>): fc.Arbitrary<Part> => arbitrary.map(bytes => ({ raw: bytes }))

const channel: fc.Arbitrary<Part> = fc.oneof(
  { weight: 4, arbitrary: idOf },
  { weight: 6, arbitrary: raw(fc.constantFrom('earlierDelayed', 'cancel')) },
  { weight: 2, arbitrary: raw(fc.constantFrom('events', 'task:', 'task:*', 'jobs', '', 'waiting')) },
  { weight: 1, arbitrary: raw(text) }
)

const numbers = [
  '0', '-1', '1', '-0', '1e400', '-1e400', 'Infinity', '-Infinity', 'NaN', '0x10', '1e12', '9007199254740993',
  '8640000000000001', ' 5 ', '', '\t', '1_000', '१', '2147483648', '4000000000000'
]
const eventNames = ['succeeded', 'failed', 'retrying', 'progress', '__proto__', 'x']
const tricky = [
  'active', 'cancelled', 'succeeded', '__proto__', 'null', '{}', '[', '9'.repeat(100_000), 'x'.repeat(100_000)
]

const message: fc.Arbitrary<Part> = fc.oneof(
  { weight: 4, arbitrary: idOf },
  { weight: 4, arbitrary: raw(fc.constantFrom(...numbers)) },
  {
    weight: 2,
    arbitrary: fc.record({ eventOf: fc.constantFrom(...taskNames), event: fc.constantFrom(...eventNames) })
  },
  { weight: 2, arbitrary: raw(fc.oneof(text, fc.uint8Array({ maxLength: 20 }), fc.json())) },
  { weight: 1, arbitrary: raw(fc.constantFrom(...tricky)) }
)

type Handles = Record<TaskName, TaskHandle>

const nameOf = (channel: Part, handles: Handles): Bytes =>
  'idOf' in channel ? `task:${handles[channel.idOf].id}` : 'raw' in channel ? channel.raw : ''

function bodyOf (message: Part, handles: Handles): Bytes {
  if ('idOf' in message) return handles[message.idOf].id
  if ('raw' in message) return message.raw
  return JSON.stringify({ id: handles[message.eventOf].id, event: message.event, data: 1 })
}

export const channels: MakeArea = url => {
  let opened: OpenApp
  let latch: Latch

  const start = async (): Promise<void> => {
    latch = newLatch()
    opened = await openApp(url, { worker: { concurrency: 3, closeTimeout: 100 } }, app => {
      app.tasks.define('gated', async (_data, task) => {
        await Promise.race([latch.promise, new Promise(resolve => task.signal.addEventListener('abort', resolve))])
        return 'through'
      })
    })
  }

  const publish = async ({ channel, message }: Message, handles: Handles): Promise<void> => {
    const name = Buffer.concat([Buffer.from(opened.key('')), toBuffer(nameOf(channel, handles))])
    await opened.redis.publish(name, toBuffer(bodyOf(message, handles)))
  }

  /** Enqueues a task of each kind. Three tasks run, and use all slots of the worker. */
  const enqueueTasks = async (): Promise<{ handles: Handles, running: TaskHandle[] }> => {
    const { tasks } = opened.app
    latch.open()
    const finished = await tasks.enqueue('gated')
    await finished.result(RESULT_OPTIONS)
    latch = newLatch()
    const running = await tasks.enqueueMany('gated', [{}, {}, {}])
    await until('all run', async () => {
      const records = await Promise.all(running.map(handle => handle.status()))
      return records.every(record => record?.state === 'active')
    })
    const waiting = await tasks.enqueue('gated')
    const delayed = await tasks.enqueue('gated', null, { delay: 3_600_000 })
    return { running, handles: { running: running[0]!, waiting, delayed, finished } }
  }

  const attempt = async (batch: Message[]): Promise<number> => {
    const { handles, running } = await enqueueTasks()
    const results = Promise.all([...running, handles.waiting].map(handle => handle.result(RESULT_OPTIONS)))
    results.catch(() => {})
    const before = { lines: opened.log.lines, calls: await scriptCalls(opened.redis) }
    await Promise.all(batch.map(one => publish(one, handles)))
    const calls = await scriptCalls(opened.redis) - before.calls
    const allowed = SCRIPTS_ALL + SCRIPTS_EACH * batch.length * running.length
    check(calls <= allowed, `${calls} script calls for ${batch.length} messages`)
    await checkIdle(opened.redis)
    latch.open()
    check((await results).every(result => result === 'through'), 'wrong results', await results)
    const [delayed, finished] = [await handles.delayed.status(), await handles.finished.status()]
    check(delayed?.state === 'delayed', 'the delayed task is not delayed', delayed)
    check(finished?.state === 'succeeded', 'the finished task has not succeeded', finished)
    const lines = opened.log.lines - before.lines
    check(lines <= 20 + batch.length, 'too many log lines', lines)
    await opened.clear()
    return batch.length
  }

  return {
    name: 'channels',
    open: start,
    async close () {
      latch.open()
      await opened.close()
    },
    properties: [property({
      name: 'messages while tasks run and callers wait',
      weight: 15,
      batch: 75,
      arbitrary: fc.array(fc.record({ channel, message }), { minLength: 1, maxLength: 150, size: 'max' }),
      attempt
    })]
  }
}
