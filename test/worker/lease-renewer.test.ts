/** When a worker whose lease had expired may start what it has claimed. */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { LeaseRenewer } from '../../lib/worker/lease-renewer.ts'
import { PersistentCalls } from '../../lib/worker/persistent-call.ts'
import { uptime } from '../../lib/timers.ts'
import { latch } from '../support/helpers.ts'

const HELD = { id: 'a', token: 'w:1' }

/** A renewer over a store whose first renewal finds that the lease had expired. */
async function scene (checking: Promise<unknown>): Promise<{ leases: LeaseRenewer, lost: string[] }> {
  let renewals = 0
  const lost: string[] = []
  const log = { debug () {}, warn () {}, isLevelEnabled: () => false } as any
  const connection = Object.assign(new EventEmitter(), { status: 'ready' }) as any
  const queue = {
    name: 'q',
    upkeep: {},
    renew: async () => ({ kept: ++renewals > 1, cancels: false }),
    checkClaims: (claims: unknown[]) => checking.then(() => claims.map(() => 'lost'))
  } as any
  const leases = new LeaseRenewer({
    queue,
    connection,
    log,
    worker: 'w',
    stallInterval: 60_000,
    calls: new PersistentCalls(log, { instance: 'i', worker: 'w' } as any),
    claims: () => lost.length > 0 ? [] : [HELD],
    oldestClaim: () => 1,
    onStatus: ({ id }) => { lost.push(id) },
    running: () => []
  })
  return { leases, lost }
}

t.test('a renewal that finds the lease in force waits too until it is known which claims are left', async t => {
  const mayCheck = latch()
  const { leases, lost } = await scene(mayCheck.promise)
  const first = leases.confirm()
  let isConfirmed = false
  const second = leases.confirm().then(() => { isConfirmed = true })
  for (let turn = 0; turn < 5; turn++) await sleep(0)
  t.equal(isConfirmed, false)
  t.equal(leases.inDoubt, true)
  mayCheck.open()
  await Promise.all([first, second])
  t.ok(lost.includes('a'))
  t.equal(leases.inDoubt, false)
})

t.test('a claim that was asked for before the lease was found expired is asked about, later ones are not', async t => {
  const { leases } = await scene(Promise.resolve())
  const askedAt = uptime()
  await leases.confirm()
  leases.onReply({ kept: true, askedAt: uptime() })
  t.equal(leases.inDoubt, false)
  leases.onReply({ kept: true, askedAt })
  t.equal(leases.inDoubt, true)
  await leases.confirm()
  t.equal(leases.inDoubt, false)
  leases.onReply({ kept: false, askedAt: uptime() })
  t.equal(leases.inDoubt, true, 'it has found by itself that the lease had expired')
})
