/**
 * The names of a queue's keys and channels. No other file knows them: docs/internals.md says what each key holds.
 *
 * The braces keep all keys of a queue in one slot of a cluster. For Bee-Queue they are a part of the queue's name.
 */
import { commonLanesOf, isCommonLane } from '../lane-shares.ts'
import type { ScriptName } from './lua.generated.ts'
import type { TaskState, TerminalState } from '../../types.ts'

export type Key =
  'active' | 'cancelledWaits' | 'cancelling' | 'claims' | 'closed' | 'crowded' | 'delayed' | 'failed' | 'floors' |
  'flowList' | 'flows' | 'flowsDone' | 'gated' | 'handoff' | 'heads' |
  'heldTicks' | 'high' | 'jobs' | 'keyed' | 'laned' | 'lanes' | 'large' | 'lastClaims' | 'leases' | 'leftovers' |
  'levels' | 'limits' | 'logged' | 'logs' | 'low' |
  'parked' | 'paused' | 'progress' |
  'rerun' | 'returning' | 'schedules' | 'scheduleStates' |
  'stallBlock' | 'stallInterval' | 'stalling' | 'stalls' | 'succeeded' |
  'tagged' | 'tags' | 'tick' | 'tickBlock' | 'ticks' |
  'timekeepers' | 'unique' | 'waiting' | 'watched' | 'workerInfo' | 'workers' | 'done:cancelled' | 'done:expired' |
  'done:failed' | 'done:succeeded'

/** The scripts whose keys do not depend on the call. */
export type QueueScript = Exclude<
  ScriptName,
  'add-history' | 'expire-foreign' | 'page' | 'place-schedule' | 'read-history' | 'settle-and-claim' | 'walk-sorted' |
  FlowScript
>

/** The scripts that work on the keys of one flow too. */
export type FlowScript = 'flow-begin' | 'flow-read' | 'flow-step' | 'flow-write'

/** Everything that is stored about an id, but for its record and its places in waiting: the keys of leave.lua. */
const ABOUT_AN_ID: Key[] = [
  'delayed', 'claims', 'stalls', 'progress', 'cancelling', 'succeeded', 'failed',
  'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired'
]

/** The keys of limits: see lane.lua. */
const GATE: Key[] = ['gated', 'laned', 'lanes', 'limits', 'closed', 'crowded']

/** What is stored of a task beside its record and its state: see forget.lua. */
const EXTRAS: Key[] = ['tags', 'tagged', 'logs', 'logged', 'heads']

/** The keys of high and low tasks: see enter.lua. */
const LEVELS: Key[] = ['high', 'low', 'levels']

/** The keys of tasks that are enqueued once for a key: see unique.lua. */
const UNIQUE: Key[] = ['unique', 'keyed', 'rerun']

/** The keys of by-state.lua. */
const COUNTED: Key[] = [
  'waiting', 'leftovers', 'delayed', 'claims', 'active', 'succeeded', 'failed', 'done:cancelled', 'done:expired',
  'handoff', 'parked', 'returning', 'paused', 'gated', 'high', 'low'
]

/** The keys of each script, in the order of its header: test/store/lua.test.ts compares them. */
export const scriptKeys: Record<QueueScript, Key[]> = {
  add: ['jobs', 'waiting', 'large', 'parked', 'paused', ...ABOUT_AN_ID, 'laned', 'levels'],
  'add-gated': ['jobs', 'waiting', ...ABOUT_AN_ID, 'large', 'parked', 'paused', ...GATE, ...LEVELS],
  'add-unique': [
    'jobs', 'waiting', ...ABOUT_AN_ID, 'large', 'parked', 'paused', ...GATE, 'active', ...UNIQUE, 'watched',
    ...LEVELS, 'tags', 'tagged', 'leftovers', 'returning'
  ],
  admit: ['jobs', 'waiting', 'parked', 'paused', 'delayed', ...GATE, ...LEVELS],
  'append-log': ['jobs', 'logs', 'logged'],
  'agree-stall-interval': ['stallInterval'],
  cancel: [
    'jobs', 'waiting', 'active', 'leftovers', 'watched', ...ABOUT_AN_ID, 'parked', 'returning', 'paused', ...GATE,
    ...LEVELS
  ],
  'cancel-many': [
    'jobs', 'waiting', 'active', 'leftovers', 'watched', ...ABOUT_AN_ID, 'parked', 'returning', 'paused', ...LEVELS
  ],
  'change-schedule': ['schedules', 'scheduleStates', 'ticks', 'heldTicks'],
  'check-claims': ['claims', 'cancelling'],
  claim: [
    'waiting', 'active', 'delayed', 'jobs', 'claims', 'stalls', 'failed', 'done:failed', 'watched', 'cancelledWaits',
    'leftovers', 'leases', 'tick', 'handoff', 'lastClaims', 'large', 'paused', 'parked', 'returning',
    ...LEVELS
  ],
  counts: COUNTED,
  'declare-limit': ['limits'],
  'end-lease': ['leases', 'floors', 'timekeepers', 'lastClaims'],
  'flow-due': ['flows'],
  heartbeat: ['workers', 'workerInfo'],
  'is-unfinished': [
    'jobs', 'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired'
  ],
  'keep-members': ['jobs', ...ABOUT_AN_ID, ...EXTRAS],
  'lanes-due': ['lanes'],
  'member-states': ['jobs', 'succeeded', 'failed', 'done:cancelled', 'done:expired'],
  oldest: ['waiting', 'jobs'],
  'page-active': ['claims', 'active'],
  pause: ['paused', 'waiting', 'parked', 'handoff', 'watched'],
  prune: [
    'jobs', 'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', 'flowsDone',
    'flowList', ...EXTRAS
  ],
  purge: [
    'jobs', 'waiting', 'leftovers', ...ABOUT_AN_ID, 'parked', 'returning', 'laned', ...EXTRAS, ...LEVELS, 'paused',
    'watched'
  ],
  'purge-gated': ['jobs', 'gated', ...ABOUT_AN_ID, ...EXTRAS, 'watched'],
  'queue-due': [
    'timekeepers', 'delayed', 'waiting', 'ticks', 'heldTicks', 'flows', 'parked', 'paused', 'laned', 'closed',
    ...LEVELS
  ],
  'read-lane': ['limits', 'closed'],
  'read-schedules': ['schedules', 'scheduleStates', 'ticks', 'heldTicks'],
  'read-tasks': ['jobs', 'claims', 'delayed', 'progress', 'active', 'paused', 'gated'],
  release: ['waiting', 'claims', 'progress', 'cancelling', 'watched', 'parked', 'paused', ...GATE, ...LEVELS],
  remove: [
    'jobs', 'waiting', 'leftovers', 'watched', ...ABOUT_AN_ID, 'parked', 'returning', 'paused', ...GATE, ...LEVELS
  ],
  'remove-many': [
    'jobs', 'waiting', 'leftovers', ...ABOUT_AN_ID, 'parked', 'returning', 'paused', ...LEVELS, 'watched'
  ],
  renew: ['leases', 'tick', 'floors', 'cancelling', 'lastClaims'],
  reschedule: ['delayed', 'watched', 'jobs'],
  resume: ['paused', 'waiting', 'parked', 'returning', 'watched', 'high', 'low'],
  'retry-many': ['jobs', 'waiting', 'watched', ...ABOUT_AN_ID, 'parked', 'paused', ...LEVELS],
  retry: ['jobs', 'waiting', 'watched', ...ABOUT_AN_ID, 'parked', 'paused', ...GATE, ...LEVELS],
  'set-schedule': ['schedules', 'scheduleStates', 'ticks'],
  settle: [
    'jobs', 'waiting', 'delayed', 'claims', 'progress', 'stalls', 'cancelling',
    'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', 'watched',
    'parked', 'paused', ...GATE, ...UNIQUE, 'large', 'levels', 'high', 'low', 'tags',
    'tagged'
  ],
  sizes: ['jobs', 'progress'],
  start: ['closed', 'limits'],
  sweep: [
    'tickBlock', 'tick', 'leases', 'floors', 'stalling', 'stallBlock', 'active', 'waiting', 'jobs', ...ABOUT_AN_ID,
    'lastClaims', 'parked', 'paused', 'laned', ...LEVELS
  ],
  'sweep-lane': [
    'jobs', 'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', 'waiting',
    'parked', 'paused', ...GATE, ...LEVELS, 'delayed'
  ],
  'sweep-unique': [
    'jobs', 'succeeded', 'failed', 'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', ...UNIQUE,
    'delayed', 'laned', 'large', 'levels', 'tags', 'tagged'
  ],
  'take-turns': ['limits', 'closed'],
  tick: [
    'scheduleStates', 'ticks', 'heldTicks', 'jobs', 'waiting', 'delayed', 'succeeded', 'failed',
    'done:succeeded', 'done:failed', 'done:cancelled', 'done:expired', 'large', 'parked', 'paused', 'laned', ...LEVELS
  ],
  'update-progress': ['claims', 'progress', 'watched'],
  'walk-active': ['claims', 'active'],
  watch: ['watched'],
  'with-extras': ['jobs', ...EXTRAS]
}

/** What is kept of one flow. The empty part is its state. */
export type FlowPart = '' | 'nodes' | 'texts' | 'joins' | 'open' | 'pending' | 'edges' | 'unwritten' | 'todo' | 'ends'

/** The keys of each script of flows: those of the queue, then those of the flow. */
export const flowScriptKeys: Record<FlowScript, [queue: Key[], flow: FlowPart[]]> = {
  'flow-begin': [
    ['jobs', 'flows', 'flowList'],
    ['', 'nodes', 'texts', 'joins', 'pending', 'open', 'edges', 'todo', 'ends', 'unwritten']
  ],
  'flow-read': [[], ['', 'nodes', 'open', 'pending', 'todo']],
  'flow-step': [
    ['jobs', 'watched', 'flows', 'flowsDone', 'flowList'],
    ['', 'nodes', 'joins', 'open', 'pending', 'edges', 'todo', 'ends', 'texts', 'unwritten']
  ],
  'flow-write': [[], ['', 'nodes', 'texts', 'joins', 'pending', 'ends', 'edges']]
}

/** In which order the ids of a state are read. */
export type PageOrder = 'list' | 'asc' | 'desc'

const pages: Record<Exclude<TaskState, 'active'>, [keys: Key | Key[], order: PageOrder]> = {
  waiting: [['high', 'waiting', 'low', 'parked', 'returning', 'gated'], 'list'],
  delayed: ['delayed', 'asc'],
  retrying: ['delayed', 'asc'],
  succeeded: ['done:succeeded', 'desc'],
  failed: ['done:failed', 'desc'],
  cancelled: ['done:cancelled', 'desc'],
  expired: ['done:expired', 'desc']
}

/** The keys and channels of one queue. */
export class QueueKeys {
  readonly queue: string
  /** The prefix that all queues of an app share. */
  readonly appPrefix: string
  /** What every key and channel of this queue begins with. */
  readonly prefix: string
  readonly #ofScripts: Record<string, string[]>
  /** The keys of the script add for tasks whose ids are new. */
  readonly ofNewTasks: string[]

  constructor (appPrefix: string, queue: string) {
    this.queue = queue
    this.appPrefix = appPrefix
    this.prefix = `${appPrefix}:${this.beeQueueName}:`
    const keysOf = ([script, keys]: [string, Key[]]): [string, string[]] => [script, keys.map(key => this.key(key))]
    this.#ofScripts = Object.fromEntries(Object.entries(scriptKeys).map(keysOf))
    this.ofNewTasks = this.of('add').slice(0, scriptKeys.add.indexOf('claims'))
  }

  get beeQueueName (): string { return `{${this.queue}}` }

  key (key: Key): string { return this.prefix + key }

  /** The keys of a script. Made once: enqueueing is too frequent to make them for each call. */
  of (script: QueueScript): string[] { return this.#ofScripts[script]! }

  /** A key of one flow. An id may have colons, but no slash: with a colon, "x" and "x:open" would share a key. */
  flow (id: string, part: FlowPart): string { return this.key(`flow:${id}${part === '' ? '' : '/'}${part}` as Key) }

  ofFlow (script: FlowScript, id: string): string[] {
    const [queue, flow] = flowScriptKeys[script]
    return [...queue.map(key => this.key(key)), ...flow.map(part => this.flow(id, part))]
  }

  /** What was counted in a minute or an hour since 1970. */
  history (unit: 'minute' | 'hour', number: number): string { return `${this.prefix}${unit[0]}:${number}` }

  /** The keys of a script, and those of some lanes: slots, list, tokens and starts of each. Then the common lanes. */
  withLanes (script: QueueScript, all: Iterable<string>): string[] {
    const [keys, lanes] = [[...this.of(script)], [...all]]
    const push = (lane: string, list: string): void => {
      keys.push(`${this.prefix}slots:${lane}`, `${this.prefix}${list}:${lane}`)
      keys.push(`${this.prefix}tokens:${lane}`, `${this.prefix}starts:${lane}`)
    }
    for (const lane of lanes) if (!isCommonLane(lane)) push(lane, 'lane')
    for (const lane of commonLanesOf(lanes)) push(lane, 'turns')
    return keys
  }

  get lanes (): string { return this.key('lanes') }
  get large (): string { return this.key('large') }
  get heads (): string { return this.key('heads') }
  get active (): string { return this.key('active') }
  get progress (): string { return this.key('progress') }
  get logs (): string { return this.key('logs') }
  get logged (): string { return this.key('logged') }
  get tags (): string { return this.key('tags') }
  get limits (): string { return this.key('limits') }
  get flowList (): string { return this.key('flowList') }
  get jobs (): string { return this.key('jobs') }
  get claims (): string { return this.key('claims') }
  get high (): string { return this.key('high') }
  get waiting (): string { return this.key('waiting') }
  get handoff (): string { return this.key('handoff') }

  /** The keys that hold the ids of a state, and the order in which they are read. */
  page (state: Exclude<TaskState, 'active'>): [keys: string[], order: PageOrder] {
    const [keys, order] = pages[state]
    return [[keys].flat().map(key => this.key(key)), order]
  }

  /** The sorted set of the ids of a state, by their times. */
  sorted (state: 'delayed' | TerminalState): string { return this.key(state === 'delayed' ? state : `done:${state}`) }

  /** The keys of the script expire-foreign. */
  foreign (state: 'succeeded' | 'failed'): string[] { return [this.key(state), this.key(`done:${state}`)] }

  /** The channel of a task's changes. */
  changes (id: string): string { return `${this.prefix}task:${id}` }

  /** The channel that names tasks to cancel which a worker runs. */
  cancels (worker: string): string { return `${this.prefix}cancel:${worker}` }

  /** Bee-Queue's channel for the due time of a delayed task that is due before all others. */
  get earlierDelayed (): string { return `${this.prefix}earlierDelayed` }
}

/** Says in which queue each schedule of an app is. In a slot of its own: a queue cannot say it. */
export const schedulesKey = (appPrefix: string): string => `${appPrefix}:schedules`

/** Finds all keys of all queues of an app: a pattern for SCAN. */
export const keyPattern = (appPrefix: string): string => `${appPrefix}:{*}:*`

/** The queue that a key belongs to. Undefined if it is not a key of ours. */
export function queueOf (appPrefix: string, key: string): string | undefined {
  const rest = key.startsWith(`${appPrefix}:`) ? key.slice(appPrefix.length + 1) : ''
  return /^\{([A-Za-z0-9_-]{1,64})\}:/.exec(rest)?.[1]
}
