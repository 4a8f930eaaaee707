/**
 * The upkeep of one queue in Redis: leases that expired, records past their expiry, tasks that plain Bee-Queue workers
 * finished.
 */
import { toDueReply, toSweepReply } from './codec.ts'
import { runQueueScript, runScript, script } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { RedisLanes } from './lanes.ts'
import type { RedisUnique } from './unique.ts'
import type { DueReply, ExhaustedTask, QueueUpkeep, SweepReply } from '../upkeep-contract.ts'

interface UpkeepParts {
  client: RedisClient
  keys: QueueKeys
  lanes: RedisLanes
  unique: RedisUnique
}

export class RedisUpkeep implements QueueUpkeep {
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  readonly #lanes: RedisLanes
  readonly #unique: RedisUnique
  /** Where the next look for what removed tasks have left begins. */
  #cursors = '0 0 0'

  constructor ({ client, keys, lanes, unique }: UpkeepParts) {
    this.#client = client
    this.#keys = keys
    this.#lanes = lanes
    this.#unique = unique
  }

  async agreeStallInterval (stallInterval: number): Promise<number> {
    return Number(await runQueueScript(this.#client, this.#keys, 'agree-stall-interval', [stallInterval]))
  }

  get delayedChannel (): string { return this.#keys.earlierDelayed }

  async queueDue (worker: string): Promise<DueReply> {
    const reply = await runQueueScript(this.#client, this.#keys, 'queue-due', [worker])
    const gated: string[] = reply.at(-1)
    if (gated.length > 0) await this.#lanes.admit(gated)
    return toDueReply(reply)
  }

  async sweep (stallInterval: number, maxStalls: number, position: string | null): Promise<SweepReply> {
    const args = [stallInterval, maxStalls, position ?? '']
    const reply = toSweepReply(await runQueueScript(this.#client, this.#keys, 'sweep', args))
    const exhausted = await Promise.all(reply.exhausted.map(task => this.#withRecord(task)))
    return { ...reply, exhausted: exhausted.filter(task => task !== null) }
  }

  /** Outside of the script: Redis needs twenty times as long to read a record in Lua. Null if it is gone by now. */
  async #withRecord (task: ExhaustedTask): Promise<ExhaustedTask | null> {
    const text = await this.#client.hget(this.#keys.jobs, task.id)
    return text === null ? null : { ...task, text }
  }

  async endLease (worker: string): Promise<void> {
    const keys = this.#keys.of('end-lease')
    // Not by its hash: the connection closes right behind this call, and a second try would come too late.
    await this.#client.eval(script('end-lease').text, keys.length, ...keys, worker)
  }

  sweepLanes (): Promise<void> { return this.#lanes.sweepDue() }

  sweepUnique (): Promise<void> { return this.#unique.sweep() }

  async prune (limit: number): Promise<number> {
    const [removed, cursors] = await runQueueScript(this.#client, this.#keys, 'prune', [limit, this.#cursors])
    this.#cursors = cursors
    return removed
  }

  expireForeign (state: 'succeeded' | 'failed', cursor: string, ttl: number): Promise<string> {
    return runScript(this.#client, script('expire-foreign'), this.#keys.foreign(state), [cursor, ttl])
  }
}
