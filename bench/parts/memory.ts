/** Measures bytes in Redis of a finished task with a result of 100 bytes, and the bytes that remain after its ttl. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, type Bar } from '../bars.ts'
import { titles, type PeerName, type Variant } from '../peers/index.ts'
import {
  drain, waitForCount, peerPairs, participating, type PartResult, type Pair, type Size, type BenchContext
} from '../context.ts'

const CONCURRENCY = 100
const GONE_WITHIN = 30_000

const workloads: Record<Size, { tasks: number, celery: number }> = {
  full: { tasks: 20_000, celery: 2_000 },
  quick: { tasks: 5_000, celery: 0 },
  tiny: { tasks: 500, celery: 0 }
}

/** Variants of peers that keep the same data as ours. */
const variants: Partial<Record<PeerName, Variant>> = { bee: 'bee-stored' }

export async function memory (context: BenchContext): Promise<PartResult> {
  const { tasks, celery } = workloads[context.size]
  const others = context.size === 'full' ? ['bullmq', 'celery'] as const : []
  const peers = participating(context, 'ours', 'bee', ...others)
  const bytes = new Map<PeerName, number>()
  for (const peer of peers) {
    const pair = await pairOf(context, variants[peer] ?? peer)
    bytes.set(peer, await measureFinished(context, pair, peer === 'celery' ? celery : tasks))
    context.log(`memory: ${titles[peer]} ${bytes.get(peer)!.toFixed(0)} bytes a finished task`)
  }
  const left = peers.includes('ours')
    ? await measureAfterTtl(context, await pairOf(context, 'ours-short-ttl'), tasks)
    : null
  return { tables: [table(bytes, left)], bars: bars(bytes, left) }
}

async function pairOf (context: BenchContext, variant: Variant): Promise<Pair> {
  return (await peerPairs(context, [variant])).get(variant)!
}

async function measureFinished ({ redis }: BenchContext, { producer, worker }: Pair, tasks: number): Promise<number> {
  await redis.flush()
  await producer.call('many', { count: tasks })
  await drain(worker, { concurrency: CONCURRENCY, target: tasks })
  return await bytesInKeys(redis) / tasks
}

/** Bytes a task that remain after the ttl. The records should be gone by then. */
async function measureAfterTtl (
  { redis, log }: BenchContext, { producer, worker }: Pair, tasks: number
): Promise<number> {
  await redis.flush()
  await producer.call('many', { count: tasks })
  await worker.call('start', { concurrency: CONCURRENCY, target: tasks })
  await waitForCount(worker, tasks)
  await untilGone(redis)
  await worker.call('stop')
  const left = await bytesInKeys(redis) / tasks
  log(`memory: ${left.toFixed(1)} bytes a task after its ttl`)
  return left
}

/** Bytes of all keys: the memory that a flush frees. Redis keeps more than that, for scripts and buffers. */
async function bytesInKeys (redis: BenchContext['redis']): Promise<number> {
  const before = await redis.memory()
  await redis.flush()
  return before - await redis.memory()
}

async function untilGone (redis: BenchContext['redis']): Promise<void> {
  for (const end = Date.now() + GONE_WITHIN; (await redis.lastingKeys()).length > 0; await sleep(100)) {
    if (Date.now() > end) throw new Error(`records still exist ${GONE_WITHIN} ms after their tasks finished`)
  }
}

function table (bytes: Map<PeerName, number>, left: number | null): PartResult['tables'][number] {
  const note = 'Raw Bee-Queue has UUIDs as ids and the result in its data, as ours. ' +
    'It and BullMQ keep finished jobs until they are removed.'
  const after = (peer: PeerName): number | string =>
    peer === 'ours' && left !== null ? Math.max(0, Math.round(left)) : 'stays'
  return {
    title: 'Bytes in Redis of a finished task, result of 100 bytes',
    note,
    columns: ['', 'bytes', 'after its ttl'],
    rows: [...bytes].map(([peer, value]) => [titles[peer], Math.round(value), peer === 'celery' ? null : after(peer)])
  }
}

function bars (bytes: Map<PeerName, number>, left: number | null): Bar[] {
  const list: Bar[] = []
  if (bytes.has('ours') && bytes.has('bee')) {
    const name = `Redis bytes a finished task, 100 B result: × ${titles.bee} with UUIDs and the result in its data`
    list.push(atMost(name, bytes.get('ours')! / bytes.get('bee')!, 1.5))
  }
  // Two small keys of the queue remain while a worker runs. They are less than a byte a task.
  if (left !== null) list.push(atMost('Redis bytes a finished task, after its ttl', Math.max(0, left), 1, 'byte'))
  return list
}
