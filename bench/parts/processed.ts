/** Processed a second: a queue that was filled before is drained. CPU a job in the worker and in Redis, commands a job. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast, atMost, type Bar } from '../bars.ts'
import { titles, type PeerName } from '../peers/index.ts'
import { median, ratio, rotated } from '../stats.ts'
import { drain, pairOf, perSecond, type Outcome, type Pair, type Stage } from '../stage.ts'

interface Sample { rate: number, workerCpu: number, redisCpu: number, commands: number, reads: number }

/** Of one peer at one concurrency, round by round. */
type Samples = Map<PeerName, Sample[]>

const CONCURRENCIES = [1, 10, 100]

const size = ({ quick }: Stage): { rounds: number, jobs: number[] } =>
  quick ? { rounds: 3, jobs: [2_000, 5_000, 10_000] } : { rounds: 5, jobs: [5_000, 15_000, 30_000] }

export async function processed (stage: Stage): Promise<Outcome> {
  const { rounds, jobs } = size(stage)
  const pairs = new Map<PeerName, Pair>()
  for (const peer of stage.peers) pairs.set(peer, await pairOf(stage, peer))
  const all = new Map<number, Samples>()
  for (const [i, concurrency] of CONCURRENCIES.entries()) {
    all.set(concurrency, await measure(stage, pairs, concurrency, jobs[i]!, rounds))
  }
  await Promise.all([...pairs.values()].flatMap(({ producer, worker }) => [producer.end(), worker.end()]))
  return { tables: CONCURRENCIES.map(concurrency => table(concurrency, all.get(concurrency)!)), bars: bars(all) }
}

async function measure (stage: Stage, pairs: Map<PeerName, Pair>, concurrency: number, jobs: number, rounds: number): Promise<Samples> {
  const samples: Samples = new Map(stage.peers.map(peer => [peer, []]))
  for (let round = -1; round < rounds; round++) {
    for (const peer of rotated(stage.peers, round + 1)) {
      const sample = await once(stage, pairs.get(peer)!, concurrency, jobs)
      if (round < 0) continue // warms up
      samples.get(peer)!.push(sample)
      stage.say(`processed, concurrency ${concurrency}, round ${round + 1}: ${titles[peer]} ${Math.round(sample.rate)}/s`)
    }
  }
  return samples
}

async function once ({ redis }: Stage, { producer, worker }: Pair, concurrency: number, jobs: number): Promise<Sample> {
  await redis.flush()
  await producer.call('many', { count: jobs })
  await sleep(50) // what the filling left to do
  const before = await redis.usage()
  const reading = await drain(worker, { concurrency, target: jobs })
  const after = await redis.usage()
  return {
    rate: perSecond(jobs, reading.lastEnd - reading.firstStart),
    workerCpu: reading.cpu / jobs,
    redisCpu: (after.cpu - before.cpu) / jobs,
    commands: (after.commands - before.commands) / jobs,
    reads: (after.reads - before.reads) / jobs
  }
}

function table (concurrency: number, samples: Samples): Outcome['tables'][number] {
  return {
    title: `Processed, concurrency ${concurrency}`,
    columns: ['', 'processed/s', 'CPU µs a job, worker', 'CPU µs a job, Redis', 'commands a job', 'reads a job'],
    rows: [...samples].map(([peer, list]) => {
      const of = (key: keyof Sample): number => median(list.map(sample => sample[key]))
      return [titles[peer], Math.round(of('rate')), of('workerCpu'), of('redisCpu'), of('commands'), of('reads')]
    })
  }
}

function bars (all: Map<number, Samples>): Bar[] {
  const made: Bar[] = []
  const against = (peer: PeerName, concurrency: number, key: keyof Sample): number | null => {
    const [ours, theirs] = (['ours', peer] as const).map(name => all.get(concurrency)!.get(name)?.map(sample => sample[key]))
    return ours?.length && theirs?.length ? ratio(ours, theirs) : null
  }
  const need = (peer: PeerName, concurrency: number, bar: number): void => {
    const figure = against(peer, concurrency, 'rate')
    if (figure !== null) made.push(atLeast(`processed/s at concurrency ${concurrency} / ${titles[peer]}`, figure, bar))
  }
  need('bee', 100, 3)
  need('bullmq', 100, 5)
  need('celery', 100, 40)
  need('bee', 10, 2.5)
  need('bullmq', 10, 3.5)
  need('bee', 1, 2)
  need('bullmq', 1, 1.2)
  const cpu = against('bee', 100, 'workerCpu')
  if (cpu !== null) made.push(atMost(`CPU µs a job in the worker at concurrency 100 / ${titles.bee}`, cpu, 0.35))
  return made
}
