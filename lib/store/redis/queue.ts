/**
 * One queue in Redis, for producers, readers and workers. Each call runs one script, which is one transition. Names are
 * in keys.ts, the arguments and replies of scripts in codec.ts.
 */
import { BeeProducer } from './bee-queue.ts'
import { workerOf } from '../claim-token.ts'
import { claimArguments, settleArguments, toClaimReply, toClaimStatuses, toRawTask, toWorkers } from './codec.ts'
import { QueueKeys, type QueueScript } from './keys.ts'
import { corkForTick, pipelined } from './pipelining.ts'
import { runQueueScript, runScript, runScriptForBuffers, script, type ScriptArgument } from './run-script.ts'
import { pauseFlag, pauseOf } from '../pause-flags.ts'
import { RedisFlows } from './flows.ts'
import { RedisSchedules } from './schedules.ts'
import { RedisUpkeep } from './upkeep.ts'
import type { RedisClient } from './connection.ts'
import type { WorkerConnection } from './worker-connection.ts'
import type {
  CancelReply, ClaimRef, ClaimReply, ClaimStatus, LeaseReply, NewJob, Page, PagePosition, PurgeOptions, PurgeReply,
  Queue, RawTask, RetryReply, Settlement, StoreConnection
} from '../contract.ts'
import type { QueueCounts, RemoveOutcome, TaskState } from '../../types.ts'

/** The modes of claim.lua. */
type ClaimMode = 'now' | 'again' | 'next' | 'cancel-wait'

export class RedisQueue implements Queue {
  readonly name: string
  readonly upkeep: RedisUpkeep
  readonly schedules: RedisSchedules
  readonly flows: RedisFlows
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  readonly #producer: BeeProducer

  constructor (client: RedisClient, name: string, prefix: string, producer?: BeeProducer) {
    this.name = name
    this.#client = client
    this.#keys = new QueueKeys(prefix, name)
    this.upkeep = new RedisUpkeep(client, this.#keys)
    this.schedules = new RedisSchedules(client, this.#keys)
    this.flows = new RedisFlows(client, this.#keys)
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

  // For producers and readers

  add (job: NewJob): Promise<boolean> { return this.#producer.save(job) }

  addMany (jobs: NewJob[]): Promise<boolean[]> { return this.#producer.saveAll(jobs) }

  readTask (id: string): Promise<RawTask | null> {
    const keys = this.#keys.of('read-task')
    return corkForTick(this.#client, () =>
      runScriptForBuffers(this.#client, script('read-task'), keys, [id], toRawTask))
  }

  cancel (id: string, before: string | Buffer, after: string, ttl: number): Promise<CancelReply> {
    return this.#run('cancel', [id, before, after, ttl, this.#keys.prefix])
  }

  retry (id: string, before: string | Buffer, after: string): Promise<RetryReply> {
    return this.#run('retry', [id, before, after, this.#keys.prefix])
  }

  remove (id: string): Promise<RemoveOutcome> { return this.#run('remove', [id]) }

  async purge (limit: number, { retrying = false, after }: PurgeOptions = {}): Promise<PurgeReply> {
    const args = [Math.max(0, limit), retrying ? 1 : 0, after?.waitingLeft ?? '', after?.delayedKept ?? 0]
    const [removed, waitingLeft, delayedKept, more, ...members] = await this.#run('purge', args)
    return { removed, members, after: more === 1 ? { waitingLeft, delayedKept } : null }
  }

  async pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<Page> {
    const position = Math.max(0, after?.place ?? 0)
    if (limit < 1) return { ids: [], place: position }
    const [place, ...ids] = await this.#page(state, after?.id ?? '', limit, position)
    return { ids, place }
  }

  #page (state: TaskState, after: string, limit: number, position: number): Promise<any> {
    if (state === 'active') return this.#run('page-active', [after, limit, position])
    const [keys, order] = this.#keys.page(state)
    return runScript(this.#client, script('page'), keys, [after, limit, order, position])
  }

  async counts (): Promise<QueueCounts> {
    const [waiting, delayed, active, succeeded, failed, cancelled, expired, ...flags] = await this.#run('counts', [0])
    return { waiting, delayed, active, succeeded, failed, cancelled, expired, ...pauseOf(flags) }
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
    return toWorkers(await this.#run('workers', [Math.max(0, limit)]))
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
    return toClaimReply(await this.#run('claim', [free, token, workerOf(token), mode, this.#keys.prefix]), token)
  }

  async settle (batch: Settlement[]): Promise<ClaimStatus[]> {
    if (batch.length === 0) return []
    return toClaimStatuses(await this.#run('settle', settleArguments(this.#keys.prefix, batch)))
  }

  async renew (worker: string, oldest: number): Promise<LeaseReply> {
    const [kept, cancels] = await this.#run('renew', [worker, oldest])
    return { kept: kept === 1, cancels: cancels === 1 }
  }

  async checkClaims (claims: ClaimRef[]): Promise<ClaimStatus[]> {
    return claims.length === 0 ? [] : toClaimStatuses(await this.#run('check-claims', claimArguments(claims)))
  }

  async release (claims: ClaimRef[]): Promise<ClaimStatus[]> {
    return toClaimStatuses(await this.#run('release', [this.#keys.prefix, ...claimArguments(claims)]))
  }

  async updateProgress ({ id, token }: ClaimRef, json: string, event?: string): Promise<boolean> {
    const args = [id, token, json, this.#keys.prefix]
    return await this.#run('update-progress', event ? [...args, event] : args) === 1
  }

  async heartbeat (worker: string, text: string, lifetime: number): Promise<void> {
    await this.#run('heartbeat', [worker, text, lifetime])
  }
}
