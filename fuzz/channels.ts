/**
 * Area: garbage and crafted messages on every channel of a queue, while a worker works and callers wait for results.
 * Nothing breaks, nothing is cancelled, and no message costs more than a few commands.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { must } from './checks.ts'
import { mustNotSpin, scripts } from './commands.ts'
import { toBuffer, type Bytes } from './garbage.ts'
import { latch, type Latch, until } from './waiting.ts'
import { text } from './values.ts'
import { property, type MakeArea } from './area.ts'
import type { TaskHandle } from '../lib/types.ts'

/** What a message or a channel may say of the tasks that are there. */
const tasks = ['running', 'waiting', 'delayed', 'finished'] as const
type Known = typeof tasks[number]
type Part = { raw: Bytes } | { idOf: Known } | { eventOf: Known, event: string }

interface Message { channel: Part, message: Part }

const WITHIN = { timeout: 10_000 }
/** Scripts that one message may cause: a claim, or a look at a record. */
const SCRIPTS_EACH = 2
const SCRIPTS_ALL = 150

const idOf = fc.constantFrom(...tasks).map(known => ({ idOf: known }))
const raw = (arbitrary: fc.Arbitrary<Bytes>): fc.Arbitrary<Part> => arbitrary.map(bytes => ({ raw: bytes }))

const channel: fc.Arbitrary<Part> = fc.oneof(
  { weight: 4, arbitrary: idOf },
  { weight: 6, arbitrary: raw(fc.constantFrom('earlierDelayed', 'cancel')) },
  { weight: 2, arbitrary: raw(fc.constantFrom('events', 'task:', 'task:*', 'jobs', '', 'waiting')) },
  { weight: 1, arbitrary: raw(text) }
)

const numbers = ['0', '-1', '1', '-0', '1e400', '-1e400', 'Infinity', '-Infinity', 'NaN', '0x10', '1e12', '9007199254740993', '8640000000000001', ' 5 ', '', '\t', '1_000', '१', '2147483648', '4000000000000']

const message: fc.Arbitrary<Part> = fc.oneof(
  { weight: 4, arbitrary: idOf },
  { weight: 4, arbitrary: raw(fc.constantFrom(...numbers)) },
  { weight: 2, arbitrary: fc.record({ eventOf: fc.constantFrom(...tasks), event: fc.constantFrom('succeeded', 'failed', 'retrying', 'progress', '__proto__', 'x') }) },
  { weight: 2, arbitrary: raw(fc.oneof(text, fc.uint8Array({ maxLength: 20 }), fc.json())) },
  { weight: 1, arbitrary: raw(fc.constantFrom('active', 'cancelled', 'succeeded', '__proto__', 'null', '{}', '[', '9'.repeat(100_000), 'x'.repeat(100_000))) }
)

export const channels: MakeArea = url => {
  let open: OpenApp
  let gate: Latch

  const start = async (): Promise<void> => {
    gate = latch()
    open = await openApp(url, { worker: { concurrency: 3, closeTimeout: 100 } }, app => {
      app.tasks.define('gated', async (_data, task) => {
        await Promise.race([gate.promise, new Promise(resolve => task.signal.addEventListener('abort', resolve))])
        return 'through'
      })
    })
  }

  const publish = async ({ channel, message }: Message, handles: Record<Known, TaskHandle>): Promise<void> => {
    const name = 'idOf' in channel ? `task:${handles[channel.idOf].id}` : 'raw' in channel ? channel.raw : ''
    const body = 'idOf' in message
      ? handles[message.idOf].id
      : 'raw' in message ? message.raw : JSON.stringify({ id: handles[message.eventOf].id, event: message.event, data: 1 })
    await open.redis.publish(Buffer.concat([Buffer.from(open.key('')), toBuffer(name)]), toBuffer(body))
  }

  /** Three run, and hold all slots. */
  const prepare = async (): Promise<{ handles: Record<Known, TaskHandle>, running: TaskHandle[] }> => {
    const { tasks } = open.app
    gate.open()
    const finished = await tasks.enqueue('gated')
    await finished.result(WITHIN)
    gate = latch()
    const running = await tasks.enqueueMany('gated', [{}, {}, {}])
    await until('all run', async () => (await Promise.all(running.map(one => one.status()))).every(one => one?.state === 'active'))
    const [waiting, delayed] = [await tasks.enqueue('gated'), await tasks.enqueue('gated', null, { delay: 3_600_000 })]
    return { running, handles: { running: running[0]!, waiting, delayed, finished } }
  }

  const attempt = async (batch: Message[]): Promise<number> => {
    const { handles, running } = await prepare()
    const results = Promise.all([...running, handles.waiting].map(one => one.result(WITHIN)))
    results.catch(() => {})
    const before = { lines: open.log.lines, scripts: await scripts(open.redis) }
    await Promise.all(batch.map(one => publish(one, handles)))
    const ran = await scripts(open.redis) - before.scripts
    must(ran <= SCRIPTS_ALL + SCRIPTS_EACH * batch.length * running.length, `${ran} scripts for ${batch.length} messages`)
    await mustNotSpin(open.redis)
    gate.open()
    must((await results).every(one => one === 'through'), 'the results are others', await results)
    must((await handles.delayed.status())?.state === 'delayed', 'the delayed task', await handles.delayed.status())
    must((await handles.finished.status())?.state === 'succeeded', 'the finished task', await handles.finished.status())
    must(open.log.lines - before.lines <= 20 + batch.length, 'lines of the log', open.log.lines - before.lines)
    await open.clear()
    return batch.length
  }

  return {
    name: 'channels',
    open: start,
    async close () {
      gate.open()
      await open.close()
    },
    properties: [property({
      name: 'messages while tasks run and are waited for',
      weight: 15,
      batch: 75,
      arbitrary: fc.array(fc.record({ channel, message }), { minLength: 1, maxLength: 150, size: 'max' }),
      attempt
    })]
  }
}
