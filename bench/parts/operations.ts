/**
 * Measures calls about many tasks: how long each of their steps holds up Redis, the memory of the process that walks,
 * a page of a list by tag; how long a retry of 100,000 tasks takes, and how fast workers are meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast, atMost, type Bar } from '../bars.ts'
import { median } from '../stats.ts'
import { peerProcess, participating, perSecond, type BenchContext, type PartResult, type Size } from '../context.ts'
import type { BenchProcess } from '../processes.ts'
import type { Reading } from '../meter.ts'
import type { ChangeCall, WalkFigures } from '../roles/operator.ts'

interface Workload { tasks: number, few: number, pages: number, retried: number, waiting: number, slices: number }

const workloads: Record<Size, Workload> = {
  full: { tasks: 1_000_000, few: 1_000, pages: 40, retried: 100_000, waiting: 2_000_000, slices: 5 },
  quick: { tasks: 50_000, few: 1_000, pages: 10, retried: 20_000, waiting: 600_000, slices: 4 },
  tiny: { tasks: 2_000, few: 400, pages: 4, retried: 400, waiting: 200_000, slices: 2 }
}

/** Tasks that a step looks at. */
const STEP = 500
const PAGE = 50
const STEP_BAR_MS = 5
/** In s, for 100,000 tasks. */
const RETRY_BAR = 5
const HEAP_BAR_MIB = 8
const WITHIN = 300_000
/** How long workers are measured by themselves, before and after each slice of the retry. */
const ALONE_MS = 500
const CONCURRENCY = 100

type Walks = Map<string, WalkFigures>

export async function operations (context: BenchContext): Promise<PartResult> {
  if (participating(context, 'ours').length === 0) return { tables: [], bars: [] }
  const { redis, processes } = context
  await redis.flush()
  const operator = await processes.node('operator', ['ours', redis.url], ['--expose-gc'])
  const [walks, pages] = await walkAll(context, operator)
  const beside = await retryBesideWorkers(context, operator)
  await operator.end()
  await redis.flush()
  return toResult(context, walks, pages, beside)
}

/** One after the other, on the same tasks: they fail, wait again, are cancelled, and are removed. */
async function walkAll ({ size, log }: BenchContext, operator: BenchProcess): Promise<[Walks, Pages]> {
  const { tasks, few, pages: count } = workloads[size]
  await operator.call('fill', { count: tasks, few }, WITHIN)
  log(`operations: ${tasks} tasks are waiting`)
  await operator.call('failAll', { count: tasks }, WITHIN)
  log('operations: they have failed')
  const walks: Walks = new Map()
  const keep = async (call: string, figures: Promise<WalkFigures>): Promise<void> => {
    const found = await figures
    if (found.matched !== tasks) throw new Error(`${call} found ${found.matched} tasks of ${tasks}`)
    walks.set(call, found)
    log(`operations: ${call} ${Math.round(found.ms)} ms, a step ${found.cpuOfStep.toFixed(2)} ms of Redis, ` +
      `at once ${found.heldUp.toFixed(2)}, longest call ${found.longestCall.toFixed(2)}`)
  }
  const change = (call: ChangeCall, state: string): Promise<void> =>
    keep(call, operator.call('change', { call, filter: { state } }, WITHIN))
  await keep('count', operator.call('count', { filter: { state: 'failed' }, steps: Math.ceil(tasks / STEP) }, WITHIN))
  const pages = {
    all: await operator.call<number[]>('pages', { tag: 'all', count, limit: PAGE }, WITHIN),
    few: await operator.call<number[]>('pages', { tag: 'few', count, limit: PAGE }, WITHIN)
  }
  await change('retryMany', 'failed')
  await change('cancelMany', 'waiting')
  await change('removeMany', 'cancelled')
  return [walks, pages]
}

/** CPU of Redis of pages of a list by tag: of a tag that all tasks have, and of one that few have. */
interface Pages { all: number[], few: number[] }

interface Beside { ms: number, alone: number[], during: number[] }

/** The retried tasks wait behind those of the workers, which never get to them. */
async function retryBesideWorkers (context: BenchContext, operator: BenchProcess): Promise<Beside> {
  const { retried, waiting, slices } = workloads[context.size]
  const { redis, log } = context
  await redis.flush()
  await operator.call('fill', { count: retried }, WITHIN)
  await operator.call('failAll', { count: retried }, WITHIN)
  const [producer, worker] = await Promise.all([
    peerProcess(context, 'ours', 'producer'), peerProcess(context, 'ours', 'worker')
  ])
  await producer.call('many', { count: waiting }, WITHIN)
  await worker.call('start', { concurrency: CONCURRENCY, target: waiting })
  await sleep(ALONE_MS)
  const beside: Beside = { ms: 0, alone: [], during: [] }
  const rate = async (work: () => Promise<unknown>): Promise<number> => {
    const [before, start] = [await worker.call<Reading>('read'), performance.now()]
    await work()
    return perSecond((await worker.call<Reading>('read')).count - before.count, performance.now() - start)
  }
  beside.alone.push(await rate(() => sleep(ALONE_MS)))
  for (let slice = 0, cursor: string | null = null; slice < slices; slice++) {
    beside.during.push(await rate(async () => {
      const figures: WalkFigures = await operator.call('change', {
        call: 'retryMany', filter: {}, limit: retried / slices, ...cursor && { cursor }
      }, WITHIN)
      cursor = figures.cursor
      beside.ms += figures.ms
    }))
    beside.alone.push(await rate(() => sleep(ALONE_MS)))
    log(`operations, slice ${slice + 1}: workers ${Math.round(beside.alone.at(-1)!)}/s by themselves, ` +
      `${Math.round(beside.during.at(-1)!)}/s beside a retry of ${retried / slices}`)
  }
  const { count } = await worker.call<Reading>('read')
  await worker.call('stop')
  if (count >= waiting) throw new Error('the workers had nothing left to do')
  return beside
}

/** Each slice of the retry against the time before and after it. */
const kept = ({ alone, during }: Beside): number =>
  median(during.map((rate, i) => rate / ((alone[i]! + alone[i + 1]!) / 2)))

function toResult ({ size }: BenchContext, walks: Walks, pages: Pages, beside: Beside): PartResult {
  const { tasks, retried } = workloads[size]
  const [all, many] = [tasks, retried].map(count => count.toLocaleString('en-US'))
  const bars: Bar[] = []
  for (const [call, { heldUp, heapGrowth }] of walks) {
    bars.push(atMost(`${call} of ${all}: CPU of Redis at once`, heldUp, STEP_BAR_MS, 'ms'))
    if (heapGrowth !== null) bars.push(atMost(`${call} of ${all}: growth of the heap`, heapGrowth, HEAP_BAR_MIB, 'MiB'))
  }
  bars.push(
    atMost(`A page of ${PAGE} by a tag of ${all}: CPU of Redis`, Math.max(...pages.all), STEP_BAR_MS, 'ms'),
    atMost('The same, to a page by a tag of few', median(pages.all) / median(pages.few), 1.5),
    atMost(`${many} failed tasks retried beside workers`, beside.ms / 1_000, RETRY_BAR * retried / 100_000, 's'),
    atLeast('Throughput of the workers meanwhile, to that by themselves', kept(beside), 0.8)
  )
  return {
    tables: [{
      title: `Calls about ${all} tasks`,
      note: 'CPU at once: of what Redis reads from a socket before it serves another client, in its main thread, the ' +
        'most of all steps; of count the mean. The longest call has the waits of Redis for its core.',
      columns: [
        '', 'tasks/s', 'CPU µs a task, walker', 'CPU µs a task, Redis', 'CPU at once, ms', 'longest call, ms',
        'heap growth, MiB'
      ],
      rows: [...walks].map(([call, figures]) => [
        call, Math.round(perSecond(tasks, figures.ms)), figures.cpuOfWalker / tasks * 1_000,
        figures.cpuOfStep / STEP * 1_000, figures.heldUp, figures.longestCall, figures.heapGrowth
      ])
    }],
    bars
  }
}
