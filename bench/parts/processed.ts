/** Measures processed jobs a second of a filled queue, CPU a job in worker and Redis, and commands a job. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast, atMost, type Bar } from '../bars.ts'
import { LARGEST_POOL } from '../peers/celery.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import {
  drain, interleave, peerPairs, participating, rateOf, type PartResult, type Pair, type Size, type BenchContext,
  type Table
} from '../context.ts'
import type { Panel } from '../chart.ts'

export interface Sample { rate: number, workerCpu: number, redisCpu: number, commands: number, reads: number }

/** The samples of each peer's rounds. */
type Samples = Map<PeerName, Sample[]>

/**
 * Fast peers get more jobs (`fastJobs`), so that all rounds take long enough: what a worker costs once (connections, a
 * thread) is no part of a job's cost.
 */
interface Workload { rounds: number, fastJobs: number, jobs: number, celeryJobs: number, celeryRounds: number }

const fast: PeerName[] = ['floor', 'ours']

/** Highest first, because its figures depend most on warm code: the warm-up round is its own. */
const concurrencies = [100, 10, 1] as const
type Concurrency = typeof concurrencies[number]

const none: Workload = { rounds: 0, fastJobs: 0, jobs: 0, celeryJobs: 0, celeryRounds: 0 }

const workloads: Record<Size, Record<Concurrency, Workload>> = {
  full: {
    100: { rounds: 5, fastJobs: 100_000, jobs: 20_000, celeryJobs: 1_500, celeryRounds: 3 },
    10: { rounds: 3, fastJobs: 60_000, jobs: 12_000, celeryJobs: 1_500, celeryRounds: 2 },
    1: { rounds: 3, fastJobs: 60_000, jobs: 4_000, celeryJobs: 1_000, celeryRounds: 2 }
  },
  quick: {
    100: { rounds: 2, fastJobs: 50_000, jobs: 10_000, celeryJobs: 400, celeryRounds: 1 },
    10: { rounds: 2, fastJobs: 20_000, jobs: 4_000, celeryJobs: 0, celeryRounds: 0 },
    1: { rounds: 2, fastJobs: 20_000, jobs: 1_000, celeryJobs: 0, celeryRounds: 0 }
  },
  tiny: {
    100: { rounds: 1, fastJobs: 500, jobs: 500, celeryJobs: 100, celeryRounds: 1 },
    10: none,
    1: none
  }
}

export async function processed (context: BenchContext): Promise<PartResult> {
  const lean = context.size === 'full' ? ['bee-lean'] as const : []
  const pairs = await peerPairs(context, participating(context, 'floor', 'ours', 'bee', ...lean, 'bullmq', 'celery'))
  const all = new Map<number, Samples>()
  for (const concurrency of concurrencies) {
    const samples = await measure(context, pairs, concurrency)
    if (samples.size > 0) all.set(concurrency, samples)
  }
  const tables = [...all].map(([concurrency, samples]) => table(concurrency, samples)).reverse()
  const charts = [...all].map(([concurrency, samples]) => panel(concurrency, samples)).reverse()
  return { tables, bars: bars(all), charts }
}

async function measure (
  context: BenchContext, pairs: Map<PeerName, Pair>, concurrency: Concurrency
): Promise<Samples> {
  const { rounds, fastJobs, jobs, celeryJobs, celeryRounds } = workloads[context.size][concurrency]
  const run = (fastCount: number, count: number) => (peer: PeerName, round: number) => measureOnce(context, {
    pair: pairs.get(peer)!,
    title: titles[peer],
    concurrency: peer === 'celery' ? Math.min(concurrency, LARGEST_POOL) : concurrency,
    jobs: fast.includes(peer) ? fastCount : count,
    round
  })
  const inNode = [...pairs.keys()].filter(peer => peer !== 'celery')
  const warmUps = concurrency === concurrencies[0] ? 1 : 0
  const samples: Samples = rounds > 0 ? await interleave(inNode, rounds, warmUps, run(fastJobs, jobs)) : new Map()
  if (celeryRounds === 0) return samples
  // No warm-up: Celery's pool is forked for each round.
  const celery = await interleave(participating(context, 'celery'), celeryRounds, 0, run(0, celeryJobs))
  for (const [peer, list] of celery) samples.set(peer, list)
  return samples
}

export interface Drain {
  pair: Pair
  /** Of the peer. */
  title: string
  concurrency: number
  jobs: number
  /** Below 0: a warm-up. */
  round: number
}

/** Fills the queue, starts the worker, and measures until all jobs have ended. */
export async function measureOnce (
  { redis, log }: BenchContext, { pair: { producer, worker }, title, concurrency, jobs, round }: Drain
): Promise<Sample> {
  await redis.flush()
  await producer.call('many', { count: jobs })
  await sleep(50) // until Redis has finished the work of filling
  const before = await redis.usage()
  const reading = await drain(worker, { concurrency, target: jobs })
  const after = await redis.usage()
  const rate = rateOf(reading, jobs)
  const which = round < 0 ? 'warm-up' : `round ${round + 1}`
  log(`processed, concurrency ${concurrency}, ${which}: ${title} ${Math.round(rate)}/s`)
  return {
    rate,
    workerCpu: reading.cpu / jobs,
    redisCpu: (after.cpu - before.cpu) / jobs,
    commands: (after.commands - before.commands) / jobs,
    reads: (after.reads - before.reads) / jobs
  }
}

function table (concurrency: number, samples: Samples): Table {
  return {
    title: `Processed a second, concurrency ${concurrency}`,
    note: 'Redis counts the commands, including those within scripts. Reads are from its sockets: ' +
      'one write of a client is usually one read.',
    columns: ['', 'processed/s', 'CPU µs a job, worker', 'CPU µs a job, Redis', 'commands a job', 'reads a job'],
    rows: [...samples].map(([peer, list]) => {
      const medianOf = (key: keyof Sample): number => median(list.map(sample => sample[key]))
      const perJob = (['workerCpu', 'redisCpu', 'commands', 'reads'] as const).map(medianOf)
      return [titles[peer], Math.round(medianOf('rate')), ...perJob]
    })
  }
}

function panel (concurrency: number, samples: Samples): Panel {
  const bars = [...samples].map(([peer, list]) =>
    ({ label: titles[peer], value: median(list.map(sample => sample.rate)), ours: peer === 'ours' }))
  return { title: `concurrency ${concurrency}`, bars }
}

function bars (all: Map<number, Samples>): Bar[] {
  const list: Bar[] = []
  const ratioTo = (peer: PeerName, concurrency: number, key: keyof Sample): number | null => {
    const values = (name: PeerName): number[] | undefined =>
      all.get(concurrency)?.get(name)?.map(sample => sample[key])
    const [ours, theirs] = [values('ours'), values(peer)]
    return ours?.length && theirs?.length ? ratio(ours, theirs) : null
  }
  const addBar = (peer: PeerName, concurrency: number, bar: number): void => {
    const figure = ratioTo(peer, concurrency, 'rate')
    const title = peer === 'bee' ? `${titles.bee} without results` : titles[peer]
    const name = `processed/s, no-op, results kept, concurrency ${concurrency}: × ${title}`
    if (figure !== null) list.push(atLeast(name, figure, bar))
  }
  addBar('bee', 100, 3)
  addBar('bullmq', 100, 5)
  addBar('celery', 100, 40)
  addBar('bee', 10, 2.5)
  addBar('bullmq', 10, 3.5)
  addBar('bee', 1, 2)
  addBar('bullmq', 1, 1.2)
  const cpu = ratioTo('bee', 100, 'workerCpu')
  if (cpu !== null) list.push(atMost(`CPU µs a job in the worker, concurrency 100: × ${titles.bee}`, cpu, 0.35))
  return list
}
