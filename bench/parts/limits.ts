/**
 * Measures limits and rates: throughput with limits of 1,000 keys, and with one limit over all workers, beside none and
 * beside BullMQ's global concurrency; how much of the slots is used while work waits; how close a rate comes; what keys
 * leave behind.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { atLeast, atMost, type Bar } from '../bars.ts'
import { RATE, SLOTS } from '../peers/limited.ts'
import { titleOf, type Limited } from '../peers/index.ts'
import { mean, median, ratio } from '../stats.ts'
import {
  drain, interleave, participating, peerPairs, perSecond, rateOf, type BenchContext, type Pair, type PartResult,
  type Size, type Table
} from '../context.ts'

const CONCURRENCY = 100
/** How often the slots are counted, in ms. */
const SAMPLE_MS = 25

interface Workload { rounds: number, jobs: number, slotJobs: number, keys: number, windows: number }

const workloads: Record<Size, Workload> = {
  full: { rounds: 5, jobs: 20_000, slotJobs: 20_000, keys: 100_000, windows: 10 },
  quick: { rounds: 2, jobs: 6_000, slotJobs: 6_000, keys: 20_000, windows: 4 },
  tiny: { rounds: 1, jobs: 400, slotJobs: 300, keys: 500, windows: 2 }
}

const throughputs = ['ours', 'ours-keys', 'ours-global', 'bullmq', 'bullmq-global'] as const
type Samples = Map<Limited, number[]>

export async function limits (context: BenchContext): Promise<PartResult> {
  const { rounds, jobs } = workloads[context.size]
  const peers = participating(context, 'ours', 'bullmq')
  const variants = throughputs.filter(variant => peers.some(peer => variant.startsWith(peer)))
  const pairs = await peerPairs<Limited>(context, [...variants])
  const rates = await interleave<Limited, number>([...variants], rounds, 1, async (variant, round) => {
    const rate = await processedRate(context, pairs.get(variant)!, jobs)
    context.log(`limits, ${round < 0 ? 'warm-up' : `round ${round + 1}`}: ${titleOf(variant)} ${Math.round(rate)}/s`)
    return rate
  })
  const ours = peers.includes('ours') ? await oursOnly(context) : []
  return { tables: [table(rates)], bars: [...bars(rates), ...ours] }
}

async function processedRate ({ redis }: BenchContext, { producer, worker }: Pair, jobs: number): Promise<number> {
  await redis.flush()
  await producer.call('many', { count: jobs })
  return rateOf(await drain(worker, { concurrency: CONCURRENCY, target: jobs }), jobs)
}

function table (rates: Samples): Table {
  return {
    title: `Tasks with a limit, concurrency ${CONCURRENCY}`,
    note: 'Processed a second of a filled queue, handlers that do nothing.',
    columns: ['', 'processed/s'],
    rows: [...rates].map(([variant, list]) => [titleOf(variant), Math.round(median(list))])
  }
}

function bars (rates: Samples): Bar[] {
  const compare = (one: Limited, other: Limited, bar: number): Bar[] => {
    const [ours, theirs] = [rates.get(one), rates.get(other)]
    return ours && theirs ? [atLeast(`${titleOf(one)}, to ${titleOf(other)}`, ratio(ours, theirs), bar)] : []
  }
  return [...compare('ours-keys', 'ours', 0.5), ...compare('ours-global', 'bullmq-global', 2)]
}

/** What others do not have in this form. */
async function oursOnly (context: BenchContext): Promise<Bar[]> {
  const { slotJobs, keys, windows } = workloads[context.size]
  const pairs = await peerPairs<Limited>(context, ['ours-slots', 'ours-many-keys', 'ours-rate'])
  const { running, taken } = await slotsUsed(context, pairs.get('ours-slots')!, slotJobs)
  await processedRate(context, pairs.get('ours-slots')!, slotJobs)
  const left = await lanesLeft(context)
  await processedRate(context, pairs.get('ours-many-keys')!, keys)
  const leftOfMany = await lanesLeft(context)
  const rate = await startRate(context, pairs.get('ours-rate')!, windows)
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`
  context.log(`limits: ${percent(taken)} of slots taken, a handler runs in ${percent(running)}, ${left} keys left, ` +
    `${rate.toFixed(1)} starts/s`)
  return [
    atLeast(`Slots that a task has while work waits, ${SLOTS.count} slots, handlers of ${SLOTS.ms} ms`, taken, 0.95),
    atLeast('The same, slots whose handler runs', running, 0.95),
    atMost('Keys of limits that are left in Redis', left, 0, 'keys'),
    atMost(`The same, after tasks of ${keys.toLocaleString('en')} keys`, leftOfMany, 0, 'keys'),
    atLeast(`Started a second, of ${RATE.max} in ${RATE.timeWindow} ms`, rate / RATE.max, 0.99)
  ]
}

/**
 * The part of the time in which a handler runs, of all slots; and in which a task has it, from its admission until its
 * outcome is written. More tasks wait than are run: each key has some left.
 */
async function slotsUsed (
  { redis }: BenchContext, { producer, worker }: Pair, jobs: number
): Promise<{ running: number, taken: number }> {
  await redis.flush()
  await producer.call('many', { count: Math.ceil(jobs * 1.25) })
  const ended = drain(worker, { concurrency: CONCURRENCY, target: jobs, work: SLOTS.ms })
  const samples = await sampleUntil(ended, () => redis.members('*:slots:*'))
  const { busy, firstStart, end } = await ended
  return { running: busy / SLOTS.count / (end - firstStart), taken: mean(samples) / SLOTS.count }
}

/** Calls again and again, with pauses of SAMPLE_MS. */
async function sampleUntil (ended: Promise<unknown>, read: () => Promise<number>): Promise<number[]> {
  const samples: number[] = []
  const done = ended.then(() => true)
  do samples.push(await read()); while (!await Promise.race([done, sleep(SAMPLE_MS, false)]))
  return samples
}

async function lanesLeft ({ redis }: BenchContext): Promise<number> {
  const keys = await redis.lastingKeys()
  return keys.filter(key => /:(slots|lane|lanes|laned|gated|tokens|crowded|closed)(:|$)/.test(key)).length
}

/**
 * The median over all tasks but the first window: how long after the task `max` places before it each one starts. From
 * the first start to the last end would be longer by a burst, however exact the rate is.
 */
async function startRate ({ redis }: BenchContext, { producer, worker }: Pair, windows: number): Promise<number> {
  const count = RATE.max * windows
  await redis.flush()
  await producer.call('many', { count })
  const { starts } = await drain(worker, { concurrency: CONCURRENCY, target: count, starts: true })
  return perSecond(RATE.max, median(starts.slice(RATE.max).map((start, i) => start - starts[i]!)))
}
