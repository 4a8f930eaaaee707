/** Processed a second: a queue that was filled before is drained. CPU a job in the worker and in Redis, commands a job. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast, atMost, type Bar } from '../bars.ts'
import { LARGEST_POOL } from '../peers/celery.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio } from '../stats.ts'
import { drain, inTurn, pairsOf, present, rateOf, type Outcome, type Pair, type Size, type BenchContext, type Table } from '../context.ts'
import type { Panel } from '../chart.ts'

interface Sample { rate: number, workerCpu: number, redisCpu: number, commands: number, reads: number }

/** Of each peer, round by round. */
type Samples = Map<PeerName, Sample[]>

interface Amount { rounds: number, jobs: number, celeryJobs: number, celeryRounds: number }

/** Highest first: it is the one that needs to be warm. */
const concurrencies = [100, 10, 1] as const
type Concurrency = typeof concurrencies[number]

const none: Amount = { rounds: 0, jobs: 0, celeryJobs: 0, celeryRounds: 0 }

const amounts: Record<Size, Record<Concurrency, Amount>> = {
  full: {
    100: { rounds: 7, jobs: 20_000, celeryJobs: 1_500, celeryRounds: 3 },
    10: { rounds: 7, jobs: 12_000, celeryJobs: 1_500, celeryRounds: 2 },
    1: { rounds: 7, jobs: 4_000, celeryJobs: 1_000, celeryRounds: 2 }
  },
  quick: {
    100: { rounds: 2, jobs: 10_000, celeryJobs: 400, celeryRounds: 1 },
    10: { rounds: 2, jobs: 4_000, celeryJobs: 0, celeryRounds: 0 },
    1: { rounds: 2, jobs: 1_000, celeryJobs: 0, celeryRounds: 0 }
  },
  tiny: {
    100: { rounds: 1, jobs: 500, celeryJobs: 100, celeryRounds: 1 },
    10: none,
    1: none
  }
}

export async function processed (stage: BenchContext): Promise<Outcome> {
  const pairs = await pairsOf(stage, present(stage, 'floor', 'ours', 'bee', ...(stage.size === 'full' ? ['bee-lean'] as const : []), 'bullmq', 'celery'))
  const all = new Map<number, Samples>()
  for (const concurrency of concurrencies) {
    const samples = await measure(stage, pairs, concurrency)
    if (samples.size > 0) all.set(concurrency, samples)
  }
  const tables = [...all].map(([concurrency, samples]) => table(concurrency, samples)).reverse()
  return { tables, bars: bars(all), charts: [...all].map(([concurrency, samples]) => panel(concurrency, samples)).reverse() }
}

async function measure (stage: BenchContext, pairs: Map<PeerName, Pair>, concurrency: Concurrency): Promise<Samples> {
  const { rounds, jobs, celeryJobs, celeryRounds } = amounts[stage.size][concurrency]
  const run = (count: number) => (peer: PeerName, round: number): Promise<Sample> => once(stage, peer, pairs.get(peer)!, concurrency, count, round)
  const inNode = [...pairs.keys()].filter(peer => peer !== 'celery')
  const samples: Samples = rounds > 0 ? await inTurn(inNode, rounds, concurrency === concurrencies[0] ? 1 : 0, run(jobs)) : new Map()
  // A pool that is forked anew has nothing to warm up.
  if (celeryRounds > 0) for (const [peer, list] of await inTurn(present(stage, 'celery'), celeryRounds, 0, run(celeryJobs))) samples.set(peer, list)
  return samples
}

async function once ({ redis, say }: BenchContext, peer: PeerName, { producer, worker }: Pair, concurrency: number, jobs: number, round: number): Promise<Sample> {
  await redis.flush()
  await producer.call('many', { count: jobs })
  await sleep(50) // what the filling left to do
  const before = await redis.usage()
  const reading = await drain(worker, { concurrency: peer === 'celery' ? Math.min(concurrency, LARGEST_POOL) : concurrency, target: jobs })
  const after = await redis.usage()
  const rate = rateOf(reading, jobs)
  say(`processed, concurrency ${concurrency}, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${titles[peer]} ${Math.round(rate)}/s`)
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
    note: 'Commands are those that Redis counts, within scripts too. Reads are those from its sockets: commands of one write are one read.',
    columns: ['', 'processed/s', 'CPU µs a job, worker', 'CPU µs a job, Redis', 'commands a job', 'reads a job'],
    rows: [...samples].map(([peer, list]) => {
      const of = (key: keyof Sample): number => median(list.map(sample => sample[key]))
      return [titles[peer], Math.round(of('rate')), of('workerCpu'), of('redisCpu'), of('commands'), of('reads')]
    })
  }
}

function panel (concurrency: number, samples: Samples): Panel {
  const bars = [...samples].map(([peer, list]) => ({ label: titles[peer], value: median(list.map(sample => sample.rate)), ours: peer === 'ours' }))
  return { title: `concurrency ${concurrency}`, bars }
}

function bars (all: Map<number, Samples>): Bar[] {
  const made: Bar[] = []
  const against = (peer: PeerName, concurrency: number, key: keyof Sample): number | null => {
    const [ours, theirs] = (['ours', peer] as const).map(name => all.get(concurrency)?.get(name)?.map(sample => sample[key]))
    return ours?.length && theirs?.length ? ratio(ours, theirs) : null
  }
  const need = (peer: PeerName, concurrency: number, bar: number): void => {
    const figure = against(peer, concurrency, 'rate')
    if (figure !== null) made.push(atLeast(`processed/s, no-op, results kept, concurrency ${concurrency}: × ${peer === 'bee' ? `${titles.bee} without results` : titles[peer]}`, figure, bar))
  }
  need('bee', 100, 3)
  need('bullmq', 100, 5)
  need('celery', 100, 40)
  need('bee', 10, 2.5)
  need('bullmq', 10, 3.5)
  need('bee', 1, 2)
  need('bullmq', 1, 1.2)
  const cpu = against('bee', 100, 'workerCpu')
  if (cpu !== null) made.push(atMost(`CPU µs a job in the worker, concurrency 100: × ${titles.bee}`, cpu, 0.35))
  return made
}
