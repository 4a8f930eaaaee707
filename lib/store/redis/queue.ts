/**
 * Layer 1: one queue in Redis: its keys, its producer, its scripts. The only file that knows a key's name.
 *
 * The braces make all keys of a queue live in one slot of a cluster; to Bee-Queue they are part of the queue's name.
 */
import { BeeProducer } from './bee-queue.ts'
import { isTooDeep, type LiveState } from '../../records/task-record.ts'
import { runScript, runScriptForBuffers, script, type ScriptArgument, type ScriptName } from './run-script.ts'
import { corkForTick, pipelined } from './pipelining.ts'
import type { RedisClient } from './connection.ts'
import type { WorkerConnection } from './worker-connection.ts'
import type { ClaimedJob, ClaimRef, ClaimReply, ClaimStatus, ExhaustedTask, NewJob, PagePosition, Queue, QueueUpkeep, RawTask, Settlement, StoreConnection } from '../contract.ts'
import type { QueueCounts, RemoveOutcome, TaskState } from '../../types.ts'

const claimStatuses: ClaimStatus[] = ['lost', 'owned', 'cancelRequested']

type Key = 'active' | 'cancelling' | 'claims' | 'delayed' | 'done:cancelled' | 'done:expired' | 'done:failed' | 'done:succeeded' |
  'failed' | 'jobs' | 'progress' | 'stallBlock' | 'stallInterval' | 'stalling' | 'stalls' | 'succeeded' | 'workerInfo' | 'waiting' |
  'cancelledWaits' | 'watched' | 'workers'

/** Those whose keys do not depend on the call. */
type OwnKeys = Exclude<ScriptName, 'add' | 'expire-foreign' | 'page'>

/** The keys of each script, in the order of its header. */
const scriptKeys: Record<OwnKeys, Key[]> = {
  heartbeat: ['workers', 'workerInfo'],
  cancel: ['jobs', 'claims', 'cancelling', 'delayed', 'waiting', 'active', 'done:cancelled', 'stalls', 'progress', 'watched'],
  claim: ['waiting', 'active', 'delayed', 'jobs', 'claims', 'stalls', 'failed', 'done:failed', 'watched', 'cancelledWaits'],
  counts: ['waiting', 'delayed', 'active', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired'],
  'agree-stall-interval': ['stallInterval'],
  purge: ['jobs', 'waiting', 'delayed', 'stalls', 'claims'],
  prune: ['jobs', 'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired'],
  recover: ['waiting', 'active', 'stalling', 'stallBlock', 'claims', 'stalls', 'jobs', 'cancelling', 'progress'],
  release: ['waiting', 'active', 'claims', 'stalling', 'progress', 'cancelling', 'watched'],
  remove: ['jobs', 'claims', 'waiting', 'delayed', 'succeeded', 'failed', 'stalls', 'progress',
    'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired'],
  renew: ['claims', 'stalling', 'cancelling'],
  retry: ['jobs', 'failed', 'done:failed', 'waiting', 'watched'],
  settle: ['jobs', 'active', 'stalling', 'claims', 'progress', 'stalls', 'cancelling', 'waiting', 'delayed',
    'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', 'watched'],
  'read-task': ['jobs', 'claims', 'delayed', 'progress', 'active'],
  'update-progress': ['claims', 'progress', 'watched'],
  watch: ['watched'],
  workers: ['workers', 'workerInfo']
}

export class RedisQueue implements Queue, QueueUpkeep {
  readonly name: string
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #producer: BeeProducer
  readonly #keys: Record<string, string[]>

  constructor (client: RedisClient, name: string, prefix: string, producer?: BeeProducer) {
    this.name = name
    this.#client = client
    this.#prefix = `${prefix}:{${name}}:`
    this.#producer = producer ?? new BeeProducer(client, `{${name}}`, prefix)
    this.#keys = Object.fromEntries(Object.entries(scriptKeys).map(([script, keys]) => [script, keys.map(key => this.#prefix + key)]))
  }

  /** The same queue over another connection; it saves through the first. */
  over (connection: StoreConnection): RedisQueue { return this.overClient((connection as WorkerConnection).client) }

  overClient (client: RedisClient): RedisQueue {
    return new RedisQueue(client, this.name, this.#prefix.slice(0, this.#prefix.indexOf(':{')), this.#producer)
  }

  get upkeep (): QueueUpkeep { return this }

  /** Says when a task changes. */
  changeChannel (id: string): string { return `${this.#prefix}task:${id}` }
  /** Says which running task to cancel. */
  get cancelChannel (): string { return `${this.#prefix}cancel` }
  /** Says that a delayed task is due earlier than those before it; Bee-Queue's own. */
  get delayedChannel (): string { return `${this.#prefix}earlierDelayed` }

  #run (name: OwnKeys, args: ScriptArgument[]): Promise<any> {
    return runScript(this.#client, script(name), this.#keys[name]!, args)
  }

  /** Saves a new task; false where its id is taken. */
  add (job: NewJob): Promise<boolean> { return this.#producer.save(job) }

  /** Saves new tasks together; for each, as `add`. */
  addMany (jobs: NewJob[]): Promise<boolean[]> { return this.#producer.saveAll(jobs) }

  /** Reads all that is known of a task, in one round trip. */
  readTask (id: string): Promise<RawTask | null> {
    return corkForTick(this.#client, () => runScriptForBuffers(this.#client, script('read-task'), this.#keys['read-task']!, [id], toRead))
  }

  /**
   * Claims up to `free` tasks for the length of the lease (ms).
   * @param again where the reply to the same token was lost: gives the same tasks.
   */
  claim (free: number, token: string, lease: number, again: boolean): Promise<ClaimReply> {
    return this.#claim(free, token, lease, again ? 'again' : 'now')
  }

  /**
   * Waits until a task is waiting, for `seconds` at the most, and claims one, in one round trip; null where it has yet to
   * be claimed. Where it rejects `revoke` must follow.
   */
  async claimNext (seconds: number, token: string, lease: number): Promise<ClaimReply | null> {
    const waiting = `${this.#prefix}waiting`
    let waited!: Promise<unknown>
    let claiming!: Promise<ClaimReply>
    pipelined(this.#client, () => {
      // From the right end to the right end: the list stays as it is. Redis comes to the claim when the wait has ended.
      waited = this.#client.blmove(waiting, waiting, 'RIGHT', 'RIGHT', seconds)
      claiming = this.#claim(1, token, lease, 'next')
    })
    waited.catch(() => {})
    const claim = await claiming
    if (claim.jobs.length === 0) await waited
    return claim
  }

  /** What the token's `claimNext` gave, if it did; from now on it gives nothing. */
  cancelWait (token: string, lease: number): Promise<ClaimReply> { return this.#claim(0, token, lease, 'cancel-wait') }

  async #claim (free: number, token: string, lease: number, how: 'now' | 'again' | 'next' | 'cancel-wait'): Promise<ClaimReply> {
    const [now, next, ...rest] = await this.#run('claim', [free, token, lease, how, this.#prefix])
    const jobs: ClaimedJob[] = []
    for (let i = 0; i < rest.length; i += 2) jobs.push({ id: rest[i], text: rest[i + 1], token })
    return { jobs, now, next: next < 0 ? null : next }
  }

  /** Writes the outcomes of a batch. */
  async settle (batch: Settlement[]): Promise<ClaimStatus[]> {
    return toClaimStatuses(await this.#run('settle', settleArguments(this.#prefix, batch)))
  }

  /** Renews claims for the length of the lease (ms). */
  async renew (lease: number, held: ClaimRef[]): Promise<ClaimStatus[]> {
    return toClaimStatuses(await this.#run('renew', [lease, ...held.flatMap(one => [one.id, one.token])]))
  }

  /** Gives claims back, in the order in which they were made. */
  async release (held: ClaimRef[]): Promise<ClaimStatus[]> {
    return toClaimStatuses(await this.#run('release', [this.#prefix, ...held.flatMap(one => [one.id, one.token])]))
  }

  /** Takes back what stalled: what waits again, and what is past maxStalls, now claimed with `token`. */
  async recover (token: string, lease: number, maxStalls: number): Promise<{ requeued: string[], exhausted: ExhaustedTask[] }> {
    const [requeued, flat] = await this.#run('recover', [token, lease, maxStalls])
    const exhausted: ExhaustedTask[] = []
    for (let i = 0; i < flat.length; i += 3) exhausted.push({ id: flat[i], text: flat[i + 1], stalls: flat[i + 2] })
    return { requeued, exhausted }
  }

  /** Says with which stall interval (ms) this worker serves the queue; gives the one in force. */
  async agreeStallInterval (stallInterval: number): Promise<number> { return Number(await this.#run('agree-stall-interval', [stallInterval])) }

  /** Cancels; `before` and `after` are the record as it was read, and as cancelled. */
  cancel (id: string, before: string | Buffer, after: string, ttl: number): Promise<'cancelled' | 'requested' | 'changed' | 'unknown'> {
    return this.#run('cancel', [id, before, after, ttl, this.#prefix])
  }

  /** Queues a failed task again; `before` and `after` as in `cancel`. */
  retry (id: string, before: string | Buffer, after: string): Promise<'queued' | 'changed' | 'refused'> {
    return this.#run('retry', [id, before, after, this.#prefix])
  }

  /** Says that somebody waits for changes of these tasks, for so long (ms). */
  async watch (ids: string[], ms: number): Promise<void> { await this.#run('watch', [ms, ...ids]) }

  /** Stores stage and progress; false where the claim was lost. */
  async updateProgress (held: ClaimRef, json: string): Promise<boolean> {
    return await this.#run('update-progress', [held.id, held.token, json, this.#prefix]) === 1
  }

  /** Removes up to `limit` records of each state whose time has passed; how many. */
  prune (limit: number): Promise<number> { return this.#run('prune', [limit]) }

  /** Gives what plain Bee-Queue workers ended an expiry (ms), a page at a time; the cursor to go on with. */
  expireForeign (state: 'succeeded' | 'failed', cursor: string, ttl: number): Promise<string> {
    return runScript(this.#client, script('expire-foreign'), [this.#prefix + state, `${this.#prefix}done:${state}`], [cursor, ttl])
  }

  /**
   * One page of the ids of a state, see the script for their order; and the place of the last one.
   * @param after the last id of the page before, and its place; none for the first page
   */
  async pageOf (state: TaskState, limit: number, after?: PagePosition): Promise<{ ids: string[], place: number }> {
    const [key, kind] = PAGES[state]
    const [place, ...ids] = await runScript(this.#client, script('page'), [this.#prefix + key], [after?.id ?? '', limit, kind, after?.place ?? 0])
    return { ids, place }
  }

  async counts (): Promise<QueueCounts> {
    const [waiting, delayed, active, succeeded, failed, cancelled, expired] = await this.#run('counts', [0])
    return { waiting, delayed, active, succeeded, failed, cancelled, expired }
  }

  /** Removes a task that does not run. */
  remove (id: string): Promise<RemoveOutcome> { return this.#run('remove', [id]) }

  /** Removes up to `limit` waiting and as many delayed tasks: how many, and how many are left. */
  purge (limit: number): Promise<[removed: number, left: number]> { return this.#run('purge', [limit]) }

  /** A worker tells of itself; that holds for the lifetime (ms). With an empty text it leaves. */
  async heartbeat (worker: string, text: string, lifetime: number): Promise<void> { await this.#run('heartbeat', [worker, text, lifetime]) }

  /** What the living workers, up to `limit`, told of themselves. */
  async workers (limit: number): Promise<Array<{ id: string, json: string }>> {
    const flat: string[] = await this.#run('workers', [limit])
    return flat.flatMap((id, i) => i % 2 === 0 ? [{ id, json: flat[i + 1]! }] : [])
  }

  async close (): Promise<void> { await this.#producer.close() }
}

/** The queues that have a key under a prefix: looks at all keys of the database, a part at a time. */
export async function findQueues (client: RedisClient, prefix: string): Promise<string[]> {
  const found = new Set<string>()
  const name = new RegExp(`^${prefix}:\\{([A-Za-z0-9_-]{1,64})\\}:`)
  for (const node of 'nodes' in client ? client.nodes('master') : [client]) {
    for await (const keys of node.scanStream({ match: `${prefix}:{*}:*`, count: 1_000 })) {
      for (const key of keys) found.add(name.exec(key)?.[1] ?? '')
    }
  }
  found.delete('')
  return [...found].sort()
}

/** Where the ids of a state are, and in which order they are read. */
const PAGES: Record<TaskState, [Key, 'list' | 'asc' | 'desc']> = {
  waiting: ['waiting', 'list'],
  active: ['active', 'list'],
  delayed: ['delayed', 'asc'],
  retrying: ['delayed', 'asc'],
  succeeded: ['done:succeeded', 'desc'],
  failed: ['done:failed', 'desc'],
  cancelled: ['done:cancelled', 'desc'],
  expired: ['done:expired', 'desc']
}
/** What the script `status` replies. */
function toRead (reply: any[] | null): RawTask | null {
  if (!reply) return null
  const [text, claim, delayedTo, progress] = reply.map(String)
  const live: LiveState = {}
  if (claim) live.claimedAt = Number(claim.split(' ')[1])
  if (delayedTo) live.delayedTo = toScore(delayedTo)
  if (progress) live.progress = parseProgress(progress)
  if (reply[4]) live.held = true
  return { text: text!, raw: reply[0], live }
}

/** Redis has its own words for the infinite. */
const toScore = (text: string): number => Number(text.replace('inf', 'Infinity'))

/** Those that follow each other and have their claim, outcome and number in common are one group. */
function settleArguments (prefix: string, batch: Settlement[]): ScriptArgument[] {
  const args: ScriptArgument[] = [prefix]
  let head: Settlement | null = null
  let size = 0 // where the group's size stands
  for (const one of batch) {
    if (!head || one.token !== head.token || one.outcome !== head.outcome || one.ms !== head.ms || !one.event !== !head.event) {
      size = args.push(one.token, one.outcome, one.ms ?? 0, one.event ? 1 : 0, 0) - 1
      head = one
    }
    args[size] = args[size] as number + 1
    args.push(one.id, one.text ?? '')
    if (one.event) args.push(one.event)
  }
  return args
}

const toClaimStatuses = (codes: number[]): ClaimStatus[] => codes.map(code => claimStatuses[code]!)

function parseProgress (text: string): { stage: string | null, progress: unknown } | undefined {
  if (isTooDeep(text)) return undefined
  try {
    const { stage, progress } = JSON.parse(text)
    return { stage: typeof stage === 'string' ? stage : null, progress: progress ?? null }
  } catch {
    return undefined // not ours; the record still tells the rest
  }
}
