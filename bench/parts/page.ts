/**
 * Measures the dashboard: what each page costs Redis, how soon its first byte comes while others look, what the numbers
 * of all queues cost, that they cost nothing when nobody looks, and what a page of tasks with large results carries.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, type Bar } from '../bars.ts'
import { median, percentile } from '../stats.ts'
import { participating, type BenchContext, type PartResult, type Size } from '../context.ts'
import { BIG, type DashboardSize } from '../roles/dashboard.ts'
import type { BenchProcess } from '../processes.ts'

interface Workload extends DashboardSize { viewers: number, seconds: number, tries: number }

const workloads: Record<Size, Workload> = {
  full: { queues: 200, tasks: 1_000_000, workers: 100, big: 50, viewers: 20, seconds: 20, tries: 9 },
  quick: { queues: 200, tasks: 50_000, workers: 100, big: 50, viewers: 20, seconds: 8, tries: 5 },
  tiny: { queues: 5, tasks: 500, workers: 3, big: 2, viewers: 3, seconds: 3, tries: 3 }
}

const WITHIN = 300_000
/** How often a viewer asks for a page, in ms: more often than its browser does. */
const VIEW_EVERY = 1_000
/** The numbers are read so often, in ms, and no more this long after the last page. */
const SAMPLE_EVERY = 2_000
const AWAY = 21_000
const IDLE = 5_000
const BARS = { firstByte: 100, sample: 30, page: 5, bytes: 500_000 }

interface PageCost { path: string, cpu: number, ms: number, bytes: number, sent: number }

export async function page (context: BenchContext): Promise<PartResult> {
  if (participating(context, 'ours').length === 0) return { tables: [], bars: [] }
  const { redis, processes, size, log } = context
  await redis.flush()
  const web = await processes.node('dashboard', ['ours', redis.url])
  const address = await web.call<string>('open', workloads[size], WITHIN)
  log('page: all tasks wait')
  const pages = await costs(context, web, address)
  const firstBytes = await view(context, address, await viewed(web))
  const sample = await sampling(context, address)
  log(`page: the numbers of a queue, each 2 s: ${sample.toFixed(1)} µs of Redis a queue`)
  const idle = size === 'tiny' ? 0 : await callsWhenNobodyLooks(context)
  await web.end()
  await redis.flush()
  return toResult(size, pages, { firstBytes, sample, idle })
}

const viewed = async (web: BenchProcess): Promise<string[]> => [
  '/', '/queues', '/queues/q1', '/tasks?state=waiting', '/tasks?state=waiting&queue=q1', '/tasks?q=work-1', '/workers',
  '/names', '/schedules', '/flows', `/tasks/${await web.call<string>('bigId')}?queue=${BIG}`
]

/** Each page alone. A sample that falls into one try is not its median. */
async function costs ({ redis, size, log }: BenchContext, web: BenchProcess, address: string): Promise<PageCost[]> {
  const found: PageCost[] = []
  for (const path of [...await viewed(web), `/tasks?state=succeeded&queue=${BIG}`]) {
    const tries: PageCost[] = []
    for (let i = 0; i < workloads[size].tries; i++) {
      const [cpu, sent, start] = [await redis.mainThreadCpu(), await redis.sent(), performance.now()]
      const text = await (await fetch(address + path)).text()
      const ms = performance.now() - start
      const after = [await redis.mainThreadCpu(), await redis.sent()] as const
      tries.push({ path, cpu: after[0] - cpu, ms, bytes: text.length, sent: after[1] - sent })
    }
    const middle = (key: Exclude<keyof PageCost, 'path'>): number => median(tries.map(one => one[key]))
    const title = path.replace(/[\da-f-]{36}/, ':id')
    found.push({ path: title, cpu: middle('cpu'), ms: middle('ms'), bytes: middle('bytes'), sent: middle('sent') })
    log(`page: ${title} ${middle('cpu').toFixed(2)} ms of Redis, ${Math.round(middle('bytes') / 1_024)} KiB`)
  }
  return found
}

/** Returns the time to the first byte of each answer, in ms. */
async function view ({ size }: BenchContext, address: string, paths: string[]): Promise<number[]> {
  const { viewers, seconds } = workloads[size]
  const times: number[] = []
  const end = performance.now() + seconds * 1_000
  await Promise.all(Array.from({ length: viewers }, async (_, viewer) => {
    await sleep(viewer / viewers * VIEW_EVERY)
    for (let i = viewer; performance.now() < end; i++) {
      const start = performance.now()
      const reply = await fetch(address + paths[i % paths.length])
      times.push(performance.now() - start)
      await reply.text()
      await sleep(VIEW_EVERY)
    }
  }))
  return times
}

/** How long the commands for a queue run in one sample, in µs. Redis uses more CPU than that by itself. */
async function sampling ({ redis, size }: BenchContext, address: string): Promise<number> {
  const { seconds, queues } = workloads[size]
  await (await fetch(`${address}/`)).text()
  const [time, start] = [await redis.commandTime(), performance.now()]
  await sleep(Math.min(seconds, 16) * 1_000) // longer, and nobody would be looking
  return (await redis.commandTime() - time) / (performance.now() - start) * SAMPLE_EVERY / queues
}

async function callsWhenNobodyLooks ({ redis }: BenchContext): Promise<number> {
  await sleep(AWAY)
  const before = await redis.calls()
  await sleep(IDLE)
  return await redis.calls() - before
}

interface Viewing { firstBytes: number[], sample: number, idle: number }

function toResult (size: Size, pages: PageCost[], { firstBytes, sample, idle }: Viewing): PartResult {
  const { queues, tasks, workers, viewers } = workloads[size]
  const title = `The dashboard: ${tasks.toLocaleString('en-US')} tasks, ${queues} queues, ${workers} workers`
  const of = (path: string): PageCost => pages.find(page => page.path.startsWith(path))!
  const list = of(`/tasks?state=succeeded&queue=${BIG}`)
  const slowest = pages.filter(page => page !== list).reduce((one, other) => one.cpu > other.cpu ? one : other)
  const bars: Bar[] = [
    atMost(`${viewers} viewers: first byte, p99`, percentile(firstBytes, 0.99), BARS.firstByte, 'ms'),
    atMost('The numbers of a queue, each 2 s: time of commands in Redis', sample, BARS.sample, 'µs'),
    atMost('Commands when nobody looks', idle, 0, ''),
    atMost(`The most expensive page (${slowest.path}): CPU of Redis`, slowest.cpu, BARS.page, 'ms'),
    atMost('The page of a task with a result of 3 MB: bytes', of('/tasks/:id').bytes, BARS.bytes, 'bytes'),
    atMost('A list of 50 tasks with results of 3 MB: bytes from Redis', list.sent, BARS.bytes, 'bytes')
  ]
  return {
    tables: [{
      title,
      columns: ['', 'CPU of Redis, ms', 'whole, ms', 'bytes', 'bytes from Redis'],
      rows: pages.map(({ path, cpu, ms, bytes, sent }) => [path, cpu, ms, bytes, sent])
    }],
    bars
  }
}
