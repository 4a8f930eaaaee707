/** Bytes in Redis of a finished task with a result of 100 bytes, and what is left once its time has passed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost, type Bar } from '../bars.ts'
import { titles, type PeerName, type Variant } from '../peers/index.ts'
import { drain, drained, pairsOf, present, type Outcome, type Pair, type Size, type BenchContext } from '../context.ts'

const CONCURRENCY = 100
const GONE_WITHIN = 30_000

const amounts: Record<Size, { tasks: number, celery: number }> = {
  full: { tasks: 20_000, celery: 2_000 },
  quick: { tasks: 5_000, celery: 0 },
  tiny: { tasks: 500, celery: 0 }
}

/** Which variety of a peer keeps what ours keeps. */
const keeping: Partial<Record<PeerName, Variant>> = { bee: 'bee-stored' }

export async function memory (stage: BenchContext): Promise<Outcome> {
  const { tasks, celery } = amounts[stage.size]
  const peers = present(stage, 'ours', 'bee', ...(stage.size === 'full' ? ['bullmq', 'celery'] as const : []))
  const bytes = new Map<PeerName, number>()
  for (const peer of peers) {
    const variant = keeping[peer] ?? peer
    bytes.set(peer, await finished(stage, (await pairsOf(stage, [variant])).get(variant)!, peer === 'celery' ? celery : tasks))
    stage.say(`memory: ${titles[peer]} ${bytes.get(peer)!.toFixed(0)} bytes a finished task`)
  }
  const left = peers.includes('ours') ? await afterTtl(stage, (await pairsOf(stage, ['ours-brief'])).get('ours-brief')!, tasks) : null
  return { tables: [table(bytes, left)], bars: bars(bytes, left) }
}

async function finished ({ redis }: BenchContext, { producer, worker }: Pair, tasks: number): Promise<number> {
  await redis.flush()
  await producer.call('many', { count: tasks })
  await drain(worker, { concurrency: CONCURRENCY, target: tasks })
  return await inKeys(redis) / tasks
}

/** Bytes a task that are left once none of them should be. */
async function afterTtl ({ redis, say }: BenchContext, { producer, worker }: Pair, tasks: number): Promise<number> {
  await redis.flush()
  await producer.call('many', { count: tasks })
  await worker.call('start', { concurrency: CONCURRENCY, target: tasks })
  await drained(worker, tasks)
  await untilGone(redis)
  await worker.call('stop')
  const left = await inKeys(redis) / tasks
  say(`memory: ${left.toFixed(1)} bytes a task after its ttl`)
  return left
}

/** What keys hold: what goes when they go. Redis keeps for itself what it took once, for scripts and buffers. */
async function inKeys (redis: BenchContext['redis']): Promise<number> {
  const before = await redis.memory()
  await redis.flush()
  return before - await redis.memory()
}

async function untilGone (redis: BenchContext['redis']): Promise<void> {
  for (const end = Date.now() + GONE_WITHIN; (await redis.lastingKeys()).length > 0; await sleep(100)) {
    if (Date.now() > end) throw new Error(`records are still there ${GONE_WITHIN} ms after their end`)
  }
}

function table (bytes: Map<PeerName, number>, left: number | null): Outcome['tables'][number] {
  const note = 'Raw Bee-Queue has UUIDs for ids and the result in its data, as ours; it and BullMQ keep finished jobs until somebody removes them.'
  const after = (peer: PeerName): number | string => peer === 'ours' && left !== null ? Math.max(0, Math.round(left)) : 'stays'
  return {
    title: 'Bytes in Redis of a finished task, result of 100 bytes',
    note,
    columns: ['', 'bytes', 'after its ttl'],
    rows: [...bytes].map(([peer, value]) => [titles[peer], Math.round(value), peer === 'celery' ? null : after(peer)])
  }
}

function bars (bytes: Map<PeerName, number>, left: number | null): Bar[] {
  const made: Bar[] = []
  if (bytes.has('ours') && bytes.has('bee')) made.push(atMost(`Redis bytes a finished task, 100 B result: × ${titles.bee} with the same UUID ids and the result put in its data`, bytes.get('ours')! / bytes.get('bee')!, 1.5))
  // Less than one a task: the two small keys of the queue itself, which go when no worker is left.
  if (left !== null) made.push(atMost('Redis bytes a finished task, after its ttl', Math.max(0, left), 1, 'byte'))
  return made
}
