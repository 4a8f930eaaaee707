/** One run: flows are enqueued and worked on, while processes are killed at each step, and Redis fails. */
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, type FlowAudit } from './audit.ts'
import { FlowFleet, toldFlows } from './fleet.ts'
import { PREFIX, QUEUES, type Size } from './plan.ts'
import type { FlowServers } from './servers.ts'
import type { Random } from '../random.ts'

const LOOK_MS = 250
/** A process that does not come to its step is killed at this age, in ms. */
const MAX_AGE = 3_500
const OWN_KEYS = /:(flow|flows|flowsDone|flowList|jobs|done:\w+|succeeded|failed|waiting|delayed|claims|active|stalls)(:|$)/

export async function run (
  servers: FlowServers, size: Size, seed: number, dir: string, random: Random
): Promise<FlowAudit> {
  const fleet = new FlowFleet(servers.redis, dir, seed, size, random)
  const faults: Array<{ from: number, to: number }> = []
  try {
    await fleet.start(size.workers)
    const calm = Date.now() + size.calmAfter
    for (let next = 1; Date.now() < calm; await sleep(LOOK_MS)) {
      fleet.killOld(MAX_AGE)
      const due = calm - size.calmAfter * (size.faults - next + 1) / (size.faults + 1)
      if (next <= size.faults && Date.now() >= due) faults.push(await fault(servers, next++, random))
    }
    fleet.calm = true
    const end = Date.now() + size.limit
    let left = ['not looked at']
    while (Date.now() < end) {
      await sleep(LOOK_MS)
      if (fleet.killEarlier(calm)) continue
      if (toldFlows(dir, fleet.runs).length < size.flows) continue
      left = await keysLeft(servers)
      if (left.length === 0) break
    }
    if (left.length > 0) await describeFlows(servers)
    await fleet.stop()
    return audit({ dir, dirs: servers.dirs, seed, runs: fleet.runs, faults, left })
  } finally {
    await fleet.stop()
  }
}

/** Those who were in doubt may repeat a call for so long, in ms. */
const AFTER_MS = 4_000

async function fault (servers: FlowServers, i: number, random: Random): Promise<{ from: number, to: number }> {
  const from = Date.now()
  await servers.fault(i, random)
  return { from, to: Date.now() + AFTER_MS }
}

/** For whoever has to find out why: what is left of flows. */
async function describeFlows (servers: FlowServers): Promise<void> {
  const [home] = QUEUES
  for (const queue of QUEUES) {
    const client = servers.clientOf(queue)
    for (const [id, text] of Object.entries(await client.hgetall(`${PREFIX}:{${queue}}:jobs`)).slice(0, 5)) {
      const states = ['succeeded', 'failed', 'cancelled', 'expired']
      const expiries = await Promise.all(states.map(state => client.zscore(`${PREFIX}:{${queue}}:done:${state}`, id)))
      console.log(id, text, expiries.map(expiry => expiry && Number(expiry) - Date.now()))
    }
  }
  const client = servers.clientOf(home)
  for (const id of (await client.zrange(`${PREFIX}:{${home}}:flows`, '0', '2'))) {
    const key = `${PREFIX}:{${home}}:flow:${id}`
    const { state, cause, changed, deadline, final } = await client.hgetall(key)
    const parts = ['open', 'pending', 'todo'].map(part => client.smembers(`${key}/${part}`))
    const [open, pending, todo] = await Promise.all(parts)
    const ids = open!.map(node => `${id}.${node}`)
    const records = await Promise.all(QUEUES.map(queue =>
      servers.clientOf(queue).hmget(`${PREFIX}:{${queue}}:jobs`, 'none', ...ids)))
    const found = { id, state, cause, changed, deadline, final, open, pending, todo, records, now: Date.now() }
    console.log(JSON.stringify(found))
  }
}

async function keysLeft (servers: FlowServers): Promise<string[]> {
  const keys = (await Promise.all(QUEUES.map(queue => servers.clientOf(queue).keys(`${PREFIX}:{${queue}}:*`)))).flat()
  return keys.filter(key => OWN_KEYS.test(key)).sort()
}
