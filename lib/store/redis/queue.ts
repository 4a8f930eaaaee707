/**
 * One queue in Redis, for producers, readers and workers. Each call runs one script, which is one transition. Names are
 * in keys.ts, the arguments and replies of scripts in codec.ts.
 */
import { BeeProducer } from './bee-queue.ts'
import {
  callOfClaim, claimArguments, releaseArguments, settleArguments, toClaimReply, toClaimStatuses, toCounts, toRawTasks,
  type ClaimMode
} from './codec.ts'
import { QueueKeys, type QueueScript } from './keys.ts'
import { corkForTick, pipelined } from './pipelining.ts'
import {
  runQueueScript, runScript, runScriptForBuffers, script, settleAndClaim, type ScriptArgument
} from './run-script.ts'
import { addInParts, isPlain } from '../new-jobs.ts'
import { pauseFlag } from '../pause-flags.ts'
import { RedisFlows } from './flows.ts'
import { writeHeads } from './heads.ts'
import { RedisHistory } from './history.ts'
import { LaneNumbers, RedisLanes } from './lanes.ts'
import { RedisLogs } from './logs.ts'
import { RedisMany } from './many.ts'
import { measureQueue, readWorkers } from './measure.ts'
import { readPage } from './pages.ts'
import { RedisSchedules } from './schedules.ts'
import { RedisUnique } from './unique.ts'
import type { ExtraEntries } from './extras.ts'
import { LARGE } from '../../records/record-head.ts'
import { isTerminal } from '../../records/task-record.ts'
import { RedisUpkeep } from './upkeep.ts'
import { RedisWalk, type WalkParts } from './walk.ts'
import type { RedisClient } from './connection.ts'
import type { WorkerConnection } from './worker-connection.ts'
import type {
  CancelReply, ClaimRef, ClaimReply, ClaimStatus, LeaseReply, NewJob, Page, PagePosition, PurgeOptions, PurgePosition,
  PurgeReply, Queue, QueueMeasure, RawTask, ReleasedClaim, RemoveReply, RetryReply, SettledAndClaimed, Settlement,
  StoreConnection
} from '../contract.ts'
import type { QueueCounts, TaskState } from '../../types.ts'

/** Of tasks with tags, a log or a head that are removed when they have ended. */
const entriesOfGone = (batch: Settlement[]): ExtraEntries => batch.flatMap(({ id, hasExtras, text, ms, outcome }) =>
  ms! <= 0 && isTerminal(outcome) && (hasExtras || text!.length > LARGE) ? [id, ''] : [])

const given = (lane: string | undefined): string[] => lane === undefined ? [] : [lane]

export class RedisQueue implements Queue {
  readonly name: string
  readonly upkeep: RedisUpkeep
  readonly schedules: RedisSchedules
  readonly flows: RedisFlows
  readonly history: RedisHistory
  readonly lanes: RedisLanes
  readonly unique: RedisUnique
  readonly walk: RedisWalk
  readonly logs: RedisLogs
  readonly many: RedisMany
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  readonly #producer: BeeProducer

  constructor (client: RedisClient, name: string, prefix: string, producer?: BeeProducer) {
    this.name = name
    this.#client = client
    this.#keys = new QueueKeys(prefix, name)
    this.lanes = new RedisLanes(client, this.#keys)
    this.unique = new RedisUnique(client, this.#keys, this.lanes)
    this.upkeep = new RedisUpkeep({ client, keys: this.#keys, lanes: this.lanes, unique: this.unique })
    this.schedules = new RedisSchedules(client, this.#keys)
    this.flows = new RedisFlows(client, this.#keys)
    this.history = new RedisHistory(client, this.#keys)
    this.logs = new RedisLogs(client, this.#keys)
    this.many = new RedisMany(client, this.#keys, this)
    const pageOfWaiting: WalkParts['pageOfWaiting'] = (limit, after) => this.pageOf('waiting', limit, after)
    this.walk = new RedisWalk({ client, keys: this.#keys, pageOfWaiting })
    this.#producer = producer ?? new BeeProducer(client, this.#keys)
  }

  /** The same queue over a worker's connection. It still stores new tasks over the first connection. */
  over (connection: StoreConnection): RedisQueue { return this.overClient((connection as WorkerConnection).client) }

  overClient (client: RedisClient): RedisQueue {
    return new RedisQueue(client, this.name, this.#keys.appPrefix, this.#producer)
  }

  changeChannel (id: string): string { return this.#keys.changes(id) }
  cancelChannel (worker: string): string { return this.#keys.cancels(worker) }

  #run (name: QueueScript, args: ScriptArgument[]): Promise<any> {
    return runQueueScript(this.#client, this.#keys, name, args)
  }

  /** Many tasks may be changed in one tick. */
  #runInTick (name: QueueScript, args: ScriptArgument[], lane?: string, entries?: ExtraEntries): Promise<any> {
    return corkForTick(this.#client, () => this.lanes.run(name, given(lane), args, entries))
  }

  // For producers and readers

  async add (job: NewJob): Promise<boolean> {
    const added = isPlain(job) ? this.#addPlain(job) : this.lanes.add([job]).then(([isNew]) => isNew!)
    this.#writeHeads([job])
    return await added
  }

  /** Bee-Queue's own call knows no tags. */
  async #addPlain (job: NewJob): Promise<boolean> {
    return job.tags ? (await this.#producer.saveAll([job]))[0]! : this.#producer.save(job)
  }

  #writeHeads (records: Array<{ id: string, text?: string | undefined }>): void {
    writeHeads(this.#client, this.#keys, records)
  }

  addMany (jobs: NewJob[]): Promise<boolean[]> {
    const added = addInParts(jobs, plain => this.#producer.saveAll(plain), others => this.lanes.add(others))
    this.#writeHeads(jobs)
    return added
  }

  readTask (id: string): Promise<RawTask | null> { return this.readTasks([id]).then(([task]) => task!) }

  readTasks (ids: string[]): Promise<Array<RawTask | null>> {
    const keys = this.#keys.of('read-tasks')
    return corkForTick(this.#client, () =>
      runScriptForBuffers(this.#client, script('read-tasks'), keys, ids, toRawTasks))
  }

  cancel (
    id: string, before: string | Buffer, after: string, ttl: number, lane?: string, hasExtras = false
  ): Promise<CancelReply> {
    const entries = hasExtras && ttl <= 0 ? [id, ''] : []
    const cancelled = this.#runInTick('cancel', [id, before, after, ttl, this.#keys.prefix], lane, entries)
    if (ttl > 0) this.#writeHeads([{ id, text: after }])
    return cancelled
  }

  retry (id: string, before: string | Buffer, after: string, lane?: string): Promise<RetryReply> {
    return this.#runInTick('retry', [id, before, after, this.#keys.prefix], lane)
  }

  remove (id: string, before: string | Buffer = '', lane?: string, hasExtras = false): Promise<RemoveReply> {
    return this.#runInTick('remove', [id, before, this.#keys.prefix], lane, hasExtras ? [id, ''] : [])
  }

  async reschedule (id: string, due: number | null): Promise<boolean> {
    return await this.#runInTick('reschedule', [id, due ?? '', this.#keys.prefix]) === 1
  }

  async purge (limit: number, { retrying = false, after }: PurgeOptions = {}): Promise<PurgeReply> {
    const bound = Math.max(0, limit)
    if (after?.gatedKept !== undefined) return await this.#purgeGated(bound, retrying, after, after.gatedKept)
    const args = [bound, retrying ? 1 : 0, after?.waitingLeft ?? '', after?.delayedKept ?? 0, this.#keys.prefix]
    const [removed, waitingLeft, delayedKept, more, ...members] = await this.#run('purge', args)
    if (more === 1) return { removed, members, after: { waitingLeft, delayedKept } }
    const hasLanes = bound > 0 && await this.lanes.exist()
    return { removed, members, after: hasLanes ? { waitingLeft: 0, delayedKept, gatedKept: 0 } : null }
  }

  async #purgeGated (limit: number, retrying: boolean, after: PurgePosition, kept: number): Promise<PurgeReply> {
    const args = [limit, retrying ? 1 : 0, kept, this.#keys.prefix]
    const [removed, gatedKept, more, ...members] = await this.#run('purge-gated', args)
    if (more === 1) return { removed, members, after: { ...after, gatedKept } }
    await this.lanes.sweepAll()
    return { removed, members, after: null }
  }

  async pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<Page> {
    if (limit < 1) return { ids: [], places: [] }
    return await readPage(this.#client, this.#keys, { state, limit, after })
  }

  async counts (): Promise<QueueCounts> {
    return toCounts(await this.#run('counts', [0]))
  }

  async measure (ticks: number): Promise<QueueMeasure> {
    return await measureQueue(this.#client, this.#keys, ticks)
  }

  async pause (name: string | null): Promise<boolean> {
    return await this.#run('pause', [pauseFlag(name), this.#keys.prefix]) === 1
  }

  async resume (name: string | null): Promise<boolean> {
    let code: number
    do code = await this.#run('resume', [pauseFlag(name), this.#keys.prefix])
    while (code === 2)
    return code === 1
  }

  async workers (limit: number): Promise<Array<{ id: string, json: string }>> {
    return await readWorkers(this.#client, this.#keys, limit)
  }

  async watch (ids: string[], ms: number): Promise<void> {
    if (ids.length > 0) await this.#run('watch', [ms, ...ids])
  }

  async close (): Promise<void> { await this.#producer.close() }

  // For workers

  claim (free: number, token: string, again: boolean): Promise<ClaimReply> {
    return this.#claim(free, token, again ? 'again' : 'now')
  }

  /** Waits and claims in one round trip: the claim is sent behind the wait, and Redis runs it when the wait ends. */
  async claimNext (seconds: number, token: string): Promise<ClaimReply> {
    const { waiting, handoff } = this.#keys
    let waited!: Promise<unknown>
    let claiming!: Promise<ClaimReply>
    pipelined(this.#client, () => {
      // Redis wakes one waiting worker for each id. The claim moves the id back, and takes it.
      waited = this.#client.blmove(waiting, handoff, 'RIGHT', 'LEFT', seconds)
      claiming = this.#claim(1, token, 'next')
    })
    waited.catch(() => {}) // it is awaited below, if the claim got nothing
    const claim = await claiming
    if (claim.jobs.length === 0) await waited
    return claim
  }

  cancelWait (token: string): Promise<ClaimReply> { return this.#claim(0, token, 'cancel-wait') }

  async #claim (free: number, token: string, mode: ClaimMode): Promise<ClaimReply> {
    return toClaimReply(await this.#run('claim', callOfClaim(this.#keys.prefix, free, token, mode)), token)
  }

  async settle (batch: Settlement[]): Promise<ClaimStatus[]> {
    if (batch.length === 0) return []
    const { args, lanes } = this.#callOfSettle(batch)
    const entries = entriesOfGone(batch)
    const isPlain = entries.length === 0 && batch.every(({ lane }) => lane === undefined)
    const codes = isPlain ? this.#run('settle', args) : this.lanes.run('settle', lanes, args, entries)
    this.#writeHeads(entries.length === 0 ? batch : batch.filter(({ id }) => !entries.includes(id)))
    return toClaimStatuses(await codes)
  }

  #callOfSettle (batch: Settlement[]): { args: ScriptArgument[], lanes: Iterable<string> } {
    const numbers = new LaneNumbers()
    const args = settleArguments(this.#keys.prefix, batch, lane => numbers.of(lane))
    return { args, lanes: numbers.lanes }
  }

  settleAndClaim (batch: Settlement[], free: number, token: string): SettledAndClaimed {
    // Extras are for another script: see `settle`.
    if (batch.length === 0 || entriesOfGone(batch).length > 0) {
      return { settled: this.settle(batch), claimed: this.claim(free, token, false) }
    }
    const { args, lanes } = this.#callOfSettle(batch)
    const keys = this.#keys.withLanes('settle', lanes)
    const claimArgs = callOfClaim(this.#keys.prefix, free, token, 'now')
    const sent = runScript(this.#client, settleAndClaim(), [...keys, ...this.#keys.of('claim')],
      [keys.length, args.length, ...args, ...claimArgs])
    this.#writeHeads(batch)
    return {
      settled: sent.then(([settled]) => toClaimStatuses(settled)),
      claimed: sent.then(([, claimed]) => {
        if (typeof claimed === 'string') throw new Error(claimed)
        return toClaimReply(claimed, token)
      })
    }
  }

  async renew (worker: string, oldest: number): Promise<LeaseReply> {
    const [kept, cancels] = await this.#run('renew', [worker, oldest])
    return { kept: kept === 1, cancels: cancels === 1 }
  }

  async checkClaims (claims: ClaimRef[]): Promise<ClaimStatus[]> {
    return claims.length === 0 ? [] : toClaimStatuses(await this.#run('check-claims', claimArguments(claims)))
  }

  async release (claims: ReleasedClaim[]): Promise<ClaimStatus[]> {
    const numbers = new LaneNumbers()
    const args = releaseArguments(this.#keys.prefix, claims, lane => numbers.ofAny(lane))
    return toClaimStatuses(await this.lanes.run('release', numbers.lanes, args))
  }

  async updateProgress ({ id, token }: ClaimRef, json: string, event?: string): Promise<boolean> {
    const args = [id, token, json, this.#keys.prefix]
    return await this.#run('update-progress', event ? [...args, event] : args) === 1
  }

  async heartbeat (worker: string, text: string, lifetime: number): Promise<void> {
    await this.#run('heartbeat', [worker, text, lifetime])
  }
}
