/**
 * The tasks of one queue in Redis that are enqueued once for a key.
 */
import { LaneNumbers, levelArgument, type RedisLanes } from './lanes.ts'
import { runQueueScript, type ScriptArgument } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys } from './keys.ts'
import type { NewJob, QueueUnique } from '../contract.ts'
import type { UniqueKey, UniqueReply } from '../unique-contract.ts'

/** Slices that one turn looks at: the others are next. */
const MAX_SLICES = 20

export class RedisUnique implements QueueUnique {
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  readonly #lanes: RedisLanes
  readonly #cursors = { keyed: '0', levels: '0' }

  constructor (client: RedisClient, keys: QueueKeys, lanes: RedisLanes) {
    this.#client = client
    this.#keys = keys
    this.#lanes = lanes
  }

  async add (jobs: NewJob[]): Promise<UniqueReply[]> {
    const numbers = new LaneNumbers()
    const args: ScriptArgument[] = [this.#keys.prefix, jobs.some(job => job.ownId) ? 1 : 0]
    for (const { id, text, delay, lane, level, unique, tags } of jobs) {
      args.push(id, text, delay ?? '', numbers.ofAny(lane), ...ruleArguments(unique!), levelArgument(level))
      args.push(tags?.names.join(' ') ?? '')
    }
    const codes: Array<number | string> = await this.#lanes.run('add-unique', numbers.lanes, args)
    return codes.map(toReply)
  }

  async sweep (): Promise<void> { for (const what of ['keyed', 'levels'] as const) await this.#sweep(what) }

  async #sweep (what: 'keyed' | 'levels'): Promise<void> {
    for (let slices = 0; slices < MAX_SLICES; slices++) {
      const args = [this.#cursors[what], this.#keys.prefix, what]
      this.#cursors[what] = await runQueueScript(this.#client, this.#keys, 'sweep-unique', args)
      if (this.#cursors[what] === '0') return
    }
  }
}

function ruleArguments (rule: UniqueKey): ScriptArgument[] {
  const { field, onConflict } = rule
  return onConflict === 'debounce'
    ? [field, onConflict, rule.wait, rule.maxWait ?? '']
    : [field, onConflict, rule.scope, '']
}

/** By the replies of add-unique.lua. */
function toReply (code: number | string): UniqueReply {
  if (typeof code === 'number') return code === 1
  return code.startsWith('!') ? { id: code.slice(1), otherLane: true } : { id: code.slice(1) }
}
