/** One run: processes fire the ticks of all schedules, while they are disturbed and Redis fails. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { audit, type TickAudit } from './audit.ts'
import { ProcessFleet } from './fleet.ts'
import { firstOf, idOf, PREFIX, QUEUE, specOf, type Size } from './plan.ts'
import { defaults } from '../../lib/options.ts'
import { ScheduleStore } from '../../lib/schedules/schedule-store.ts'
import { connect } from '../../lib/store/redis/connection.ts'
import { RedisStore } from '../../lib/store/redis/store.ts'
import type { ScheduleState } from '../../lib/store/schedule-contract.ts'
import type { Marks } from '../failover/marks.ts'
import type { Fault } from '../failover/servers.ts'
import type { Random } from '../random.ts'
import type { RedisChoice } from '../tasks.ts'

export interface Servers {
  redis: RedisChoice
  /** The server that has everything at the end. */
  url: () => Promise<string>
  /** Injected one after the other, spread over the ticks. */
  faults: Array<() => Promise<Fault>>
  marks?: Marks
}

export interface RunResult extends TickAudit { killed: number, stepped: number, enough: boolean }

const DISTURB_MS = 400
/** Time to store all schedules before the first tick: one that is stored later does not fire what has passed. */
const START_IN_MS = 5_000

/** @param dir an empty folder for the ledgers */
export async function run (servers: Servers, size: Size, dir: string, random: Random): Promise<RunResult> {
  const connection = connect(servers.redis as any, undefined)
  connection.client.on('error', () => {})
  const settings = { ...defaults, prefix: PREFIX, redisTimeout: 20_000 }
  const store = new RedisStore(connection, settings as any, console as any)
  const kept = new ScheduleStore(store, () => undefined)
  const ids = Array.from({ length: size.schedules }, (_, i) => idOf(i))
  const fleet = new ProcessFleet(servers.redis, dir, random)
  servers.marks?.start()
  try {
    await fleet.start(size)
    const start = Date.now() + START_IN_MS
    await Promise.all(ids.map((id, i) => kept.put(id, specOf(i, start), { declared: false })))
    if (Date.now() > start) throw new Error('storing the schedules took too long on this machine')
    const firsts = new Map(ids.map((id, i) => [id, firstOf(i, start)]))
    const faults = await disturb(servers, size, fleet)
    await servers.marks?.stop()
    for (const id of ids) await kept.pause(id)
    await fleet.stop()
    const [states, taskIds] = [await readStates(servers), await readTaskIds(servers)]
    const result = audit(dir, { firsts, states, taskIds, marks: servers.marks?.list ?? [], faults })
    const enough = result.ticks >= size.ticks && faults.length === servers.faults.length
    return { ...result, killed: fleet.killed, stepped: fleet.stepped, enough }
  } finally {
    await servers.marks?.stop()
    await fleet.stop()
    connection.client.disconnect()
    await kept.close()
  }
}

/** Until there are enough ticks, and all faults were injected. */
async function disturb (servers: Servers, { ticks, limit }: Size, fleet: ProcessFleet): Promise<Fault[]> {
  const faults: Fault[] = []
  const end = Date.now() + limit
  const isOver = (counted: number): boolean => counted >= ticks && faults.length === servers.faults.length
  for (let counted = 0; !isOver(counted) && Date.now() < end; counted = await countTicks(servers)) {
    await sleep(DISTURB_MS)
    await fleet.kill()
    for (let i = 0; i < 3; i++) fleet.stepClock()
    const next = servers.faults[faults.length]
    if (next && counted >= (faults.length + 1) * ticks / (servers.faults.length + 1)) faults.push(await next())
  }
  return faults
}

async function onServer<T> (servers: Servers, read: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(await servers.url(), { retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', () => {})
  return await read(client).finally(() => client.disconnect())
}

const readTaskIds = (servers: Servers): Promise<string[]> =>
  onServer(servers, client => client.hkeys(`${PREFIX}:{${QUEUE}}:jobs`))

async function readStates (servers: Servers): Promise<Map<string, ScheduleState>> {
  const all = await onServer(servers, client => client.hgetall(`${PREFIX}:{${QUEUE}}:scheduleStates`))
  return new Map(Object.entries(all).map(([id, text]) => [id, JSON.parse(text)]))
}

async function countTicks (servers: Servers): Promise<number> {
  const states = await readStates(servers)
  return [...states.values()].reduce((sum, { fired = 0, skipped = 0, missed = 0 }) => sum + fired + skipped + missed, 0)
}
