/**
 * Random programs for a queue: calls of every method of a queue, in any order, with hostile arguments. A reply has
 * nothing that may differ between two stores: times are rounded.
 */
import fc from 'fast-check'
import { isTerminal } from '../../lib/records/task-record.ts'
import type { QueueUnderTest } from './queue-under-test.ts'
import type { ClaimRef, ClaimReply, NewJob, PurgePosition, RawTask, Settlement } from '../../lib/store/contract.ts'
import type { Level } from '../../lib/store/level.ts'
import type { WalkPage, WalkSource } from '../../lib/store/walk-contract.ts'
import type { TaskState } from '../../lib/types.ts'

/** One call, or a few that belong together. */
export interface Call {
  /** For people. */
  what: string
  run: (side: QueueUnderTest) => Promise<unknown>
  [fc.toStringMethod]: () => string
}

const LONG = 3_600_000

/** The first three are drawn most often, so that calls meet each other. */
export const IDS = [
  'a', 'b', 'c', '{q}:jobs', '"it\'s" \\ `quoted`', 'ünï 😀 \u2028', 'line\r\nbreak\0', '__proto__', '%s * -inf',
  'x'.repeat(1_000)
]
const TOKENS = ['w.1', 'w.2', 'w.10', 'unknown', '', '%d.*[', 't'.repeat(300)]
const STATES: TaskState[] = ['waiting', 'active', 'delayed', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']
const SOURCES = STATES.filter((state): state is WalkSource => state !== 'retrying')
const OUTCOMES: Array<Settlement['outcome']> = ['succeeded', 'failed', 'cancelled', 'expired', 'retry', 'defer', 'drop']

/** A length of time for each id, far enough apart to put ids into one order on two clocks. */
const wait = (id: string): number => LONG + 800_000 * (1 + IDS.indexOf(id))
const SPANS = {
  negative: () => -5,
  none: () => 0,
  long: wait,
  huge: (id: string) => 8_000_000_000_000_000 + wait(id)
}
type Span = keyof typeof SPANS

const RECORDS = ['json', 'garbage', 'empty', 'large'] as const
type RecordKind = typeof RECORDS[number]

export function text (id: string, status = 'created'): string {
  return JSON.stringify({ data: { name: 'a', data: id }, options: { timestamp: 1, attempts: 1 }, status })
}

function record (id: string, kind: RecordKind = 'json'): string {
  if (kind === 'garbage') return `{"data": é😀 ${id}`
  if (kind === 'empty') return ''
  return kind === 'large' ? text(id.padEnd(5_000, '.')) : text(id)
}

export function call<Input> (
  name: string, run: (side: QueueUnderTest, input: Input) => Promise<unknown>
): (input: Input) => Call {
  return input => {
    const what = `${name} ${JSON.stringify(input)}`
    return { what, run: side => run(side, input), [fc.toStringMethod]: () => what }
  }
}

interface Addition {
  id: string
  delayed?: boolean
  record?: RecordKind
  tags?: string[]
  level?: Level | undefined
}

/** Two times of enqueues, so that ids of one tag are in no order of theirs. */
const tagged = (id: string, names: string[]): Pick<NewJob, 'tags'> =>
  names.length === 0 ? {} : { tags: { at: id.length % 2, names } }

function toNewJob (side: QueueUnderTest, { id, delayed, record: kind, tags = [], level }: Addition): NewJob {
  const delay = delayed ? { delay: side.start + wait(id) } : {}
  return { id, text: record(id, kind), level, ...delay, ...tagged(id, tags) }
}

/** The reply to a claim. The store may return the tasks that a token has claimed before in any order. */
function claimed (side: QueueUnderTest, reply: ClaimReply, inAnyOrder = false): unknown {
  const jobs = inAnyOrder ? reply.jobs.toSorted((one, other) => one.id < other.id ? -1 : 1) : reply.jobs
  return { jobs, now: side.about(reply.now) }
}

/** The record as a caller has just read it, or as it was before. A caller does not cancel a finished task. */
async function before (
  side: QueueUnderTest, id: string, stale?: boolean
): Promise<{ raw: Buffer | string, status: string }> {
  const read = stale ? null : await side.queue.readTask(id)
  const status = /"status":"(\w+)"/.exec(read?.text ?? '')?.[1] ?? 'created'
  return { raw: read?.raw ?? 'stale', status }
}

/** A task, as it is or as it was before. */
interface Named { id: string, stale?: boolean }

interface AsRead { id: string, raw: Buffer | string, status: string }

const readAll = (side: QueueUnderTest, tasks: Named[]): Promise<AsRead[]> =>
  Promise.all(tasks.map(async ({ id, stale }) => ({ id, ...await before(side, id, stale) })))

/** Until when the records of failed tasks stay, or as they stayed before. */
async function untilOf (side: QueueUnderTest, tasks: Named[]): Promise<Array<{ id: string, until: string }>> {
  const all = await side.queue.walk.failedUntil(tasks.map(({ id }) => id))
  return tasks.map(({ id, stale }, i) => ({ id, until: (stale ? null : all[i]) ?? '1' }))
}

/** Cancels a wait, and wakes it: a wait in Redis goes on. It claims nothing, so the new task can be removed again. */
async function endWait (side: QueueUnderTest, waiting: Promise<ClaimReply>, token: string): Promise<unknown> {
  const cancelled = claimed(side, await side.queue.cancelWait(token), true)
  const added = await side.queue.add({ id: 'bell', text: text('bell') })
  const reply = await waiting
  return { cancelled, added, reply: claimed(side, reply), removed: await side.queue.remove('bell') }
}

type Ended = ClaimRef & { outcome: Settlement['outcome'], span: Span }

function toSettlement ({ span, ...settled }: Ended): Settlement {
  const { id, outcome } = settled
  const record = text(id, outcome === 'retry' ? 'retrying' : outcome)
  return { ...settled, text: record, ms: SPANS[span](id), hasExtras: true }
}

export const calls = {
  add: call('add', (side, addition: Addition) => side.queue.add(toNewJob(side, addition))),

  addMany: call('addMany', (side, additions: Addition[]) =>
    side.queue.addMany(additions.map(addition => toNewJob(side, addition)))),

  /** A task that is due already. In Redis its workers have to queue it. */
  addDue: call('add a due task', async (side, id: string) => {
    const added = await side.queue.add({ id, text: text(id), delay: 1 })
    await side.queue.upkeep?.queueDue('w')
    return added
  }),

  claim: call('claim', async (side, { free, token, again = false }: { free: number, token: string, again?: boolean }) =>
    claimed(side, await side.queue.claim(free, token, again), again)),

  /** If nothing is waiting, the wait is cancelled. */
  claimNext: call('claimNext', async (side, token: string) => {
    const { waiting, paused, pausedTasks } = await side.queue.counts()
    if (paused || pausedTasks.length > 0) return 'in Redis it would take the whole wait'
    const wait = side.waitingQueue.claimNext(5, token)
    if (waiting > 0) return claimed(side, await wait)
    return endWait(side, wait, token)
  }),

  /** Waits for a task that is added meanwhile. */
  waitForTask: call('claimNext and add', async (side, { id, token }: ClaimRef) => {
    const { waiting, paused, pausedTasks } = await side.queue.counts()
    if (paused || pausedTasks.length > 0) return 'in Redis it would take the whole wait'
    const wait = side.waitingQueue.claimNext(5, token)
    if (waiting > 0) return [claimed(side, await wait), await side.queue.add({ id, text: text(id) })]
    const added = await side.queue.add({ id, text: text(id) })
    return added ? claimed(side, await wait) : endWait(side, wait, token)
  }),

  cancelWait: call('cancelWait', async (side, token: string) =>
    claimed(side, await side.queue.cancelWait(token), true)),

  settle: call('settle', (side, batch: Ended[]) => side.queue.settle(batch.map(toSettlement))),

  settleAndClaim: call('settleAndClaim', async (side, { batch, token }: { batch: Ended[], token: string }) => {
    const { settled, claimed: reply } = side.queue.settleAndClaim(batch.map(toSettlement), 2, token)
    return [await settled, claimed(side, await reply)]
  }),

  renew: call('renew', (side, worker: string) => side.queue.renew(worker, 1).then(({ cancels }) => cancels)),

  checkClaims: call('checkClaims', (side, claims: ClaimRef[]) => side.queue.checkClaims(claims)),

  release: call('release', (side, claims: ClaimRef[]) => side.queue.release(claims)),

  updateProgress: call('updateProgress', (side, { json, ...claim }: ClaimRef & { json: string }) =>
    side.queue.updateProgress(claim, json)),

  heartbeat: call('heartbeat', (side, { worker, report }: { worker: string, report: string }) =>
    side.queue.heartbeat(worker, report, 9 * LONG - wait(worker))),

  workers: call('workers', (side, limit: number) => side.queue.workers(limit)),

  cancel: call('cancel', async (side, { id, stale, span }: { id: string, stale?: boolean, span: Span }) => {
    const { raw, status } = await before(side, id, stale)
    if (isTerminal(status)) return 'finished'
    return side.queue.cancel(id, raw, text(id, 'cancelled'), SPANS[span](id), undefined, true)
  }),

  retry: call('retry', async (side, { id, stale }: { id: string, stale?: boolean }) =>
    side.queue.retry(id, (await before(side, id, stale)).raw, text(id, 'again'))),

  retryMany: call('retryMany', async (side, tasks: Named[]) =>
    side.many.retry((await untilOf(side, tasks)).map(({ id, until }) => ({ id, until, after: text(id, 'again') })))),

  cancelMany: call('cancelMany', async (side, { tasks, span }: { tasks: Named[], span: Span }) => {
    const open = (await readAll(side, tasks)).filter(({ status }) => !isTerminal(status))
    return side.many.cancel(open.map(({ id, raw }) =>
      ({ id, before: raw, after: text(id, 'cancelled'), ttl: SPANS[span](id), hasExtras: true })))
  }),

  removeMany: call('removeMany', async (side, tasks: Named[]) =>
    side.many.remove((await readAll(side, tasks)).map(({ id, raw }) => ({ id, before: raw, hasExtras: true })))),

  remove: call('remove', (side, id: string) => side.queue.remove(id, undefined, undefined, true)),

  /** Once it is due, workers have to queue it in Redis. */
  reschedule: call('reschedule', async (side, { id, now }: { id: string, now: boolean }) => {
    const moved = await side.queue.reschedule(id, now ? null : side.start + 2 * wait(id))
    await side.queue.upkeep?.queueDue('w')
    return moved
  }),

  purge: call('purge', (side, { limit, retrying, after }: {
    limit: number, retrying: boolean, after: PurgePosition | null
  }) => side.queue.purge(limit, { retrying, after })),

  pageOf: call('pageOf', (side, { state, after, place, limit }: {
    state: TaskState, after: string, place: number, limit: number
  }) => side.queue.pageOf(state, limit, after === '' ? undefined : { id: after, place })
    .then(page => state === 'active' ? after !== '' || page.ids.length : page)),

  /** The tasks of all programs have the name "a". */
  pause: call('pause', (side, name: string | null) => side.queue.pause(name)),

  resume: call('resume', (side, name: string | null) => side.queue.resume(name)),

  /** All pages of a walk. Between the first two a task is removed. Active tasks come in no order. */
  walk: call('walk', async (side, { source, limit, gone }: { source: WalkSource, limit: number, gone: string }) => {
    const ids: string[] = []
    let position: string | null = null
    for (let pages = 0; pages < 100; pages++) {
      const page: WalkPage = await side.queue.walk.page(source, limit, position)
      const until = await side.queue.walk.failedUntil(page.ids)
      ids.push(...until.map((time, i) => `until ${time !== null && page.positions[i]!.startsWith(`${time} `)}`))
      const read = await side.queue.walk.read(page.ids, 1_000)
      const sizes = await side.queue.walk.sizes(page.ids)
      const matches = (text: string): boolean => text.length % 2 === 0
      const isScan = source === 'active' // its pages differ in length
      const sifted = await side.queue.walk.sift(page.ids, { matches, most: isScan ? 1e6 : 2, maxBytes: 1e9 })
      if (isScan) ids.push(...sifted.found.map(i => `found ${page.ids[i]}`))
      else ids.push(JSON.stringify(sifted))
      ids.push(...page.ids.slice(0, read.length).map((id, i) => `${id} ${read[i]?.text} ${JSON.stringify(sizes[i])}`))
      const heads = await side.queue.walk.readHeads(page.ids, 1_000)
      ids.push(...heads.tasks.map((head, i) => `${page.ids[i]} ${head?.text} ${Object.keys(head?.live ?? {}).sort()}`))
      position = read.length < page.ids.length ? page.positions[read.length - 1]! : page.next
      if (position === null) break
      if (pages === 0 && source !== 'active') await side.queue.remove(gone, undefined, undefined, true)
    }
    return source === 'active' ? [...new Set(ids)].sort() : ids
  }),

  appendLog: call('append to a log', (side, { id, maxBytes }: { id: string, maxBytes: number }) =>
    side.queue.logs.append(id, 'ä line', maxBytes)),

  removeAsRead: call('remove as read', async (side, { id, stale }: { id: string, stale: boolean }) =>
    side.queue.remove(id, (await before(side, id, stale)).raw, undefined, true)),

  /** From now on the messages about these tasks are compared. */
  watch: call('watch', async (side, ids: string[]) => {
    await side.queue.watch(ids, LONG)
    for (const id of ids) await side.listen(side.queue.changeChannel(id), `change of ${id}:`)
  })
}

const id = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c') }, fc.constantFrom(...IDS))
const token = fc.oneof({ weight: 4, arbitrary: fc.constant('w.1') }, fc.constantFrom(...TOKENS))
const limit = fc.constantFrom(-3, 0, 1, 2, 3, 1_000_000)
const level = fc.constantFrom<Level | undefined>(undefined, undefined, undefined, 'high', 'low')
const tags = fc.subarray(['t', 't!', '~', 'tenant:42'])
const addition = fc.record<Addition>({
  id, delayed: fc.boolean(), record: fc.constantFrom(...RECORDS), tags, level
})
const claims = fc.array(fc.record<ClaimRef>({ id, token }), { maxLength: 4 })
const span = fc.constantFrom<Span>('long', 'long', 'negative', 'none', 'huge')
const stale = fc.boolean()
const several = fc.array(fc.record({ id, stale }), { maxLength: 4 })
const json = fc.constantFrom(
  '{"stage":"X","progress":{"n":1}}', '{"stage":1}', '[]', 'null', 'no json', '', '['.repeat(9_000)
)
const state = fc.constantFrom(...STATES)
const place = fc.constantFrom(-9, 0, 1, 2, 1e15)
const position = fc.option(fc.record<PurgePosition>({
  waitingLeft: fc.constantFrom(-1, 0, 1, 2, 1e9), delayedKept: fc.constantFrom(0, 1, 2)
}), { freq: 2 })
const settlement = fc.record({ id, token, outcome: fc.constantFrom(...OUTCOMES), span })

export const programs = fc.array(fc.oneof(
  { weight: 4, arbitrary: addition.map(calls.add) },
  fc.array(addition, { maxLength: 5 }).map(calls.addMany),
  id.map(calls.addDue),
  { weight: 5, arbitrary: fc.record({ free: limit, token, again: fc.boolean() }).map(calls.claim) },
  token.map(calls.claimNext),
  fc.record({ id, token }).map(calls.waitForTask),
  token.map(calls.cancelWait),
  { weight: 6, arbitrary: fc.array(settlement, { maxLength: 4 }).map(calls.settle) },
  fc.record({ batch: fc.array(settlement, { maxLength: 4 }), token }).map(calls.settleAndClaim),
  token.map(calls.renew),
  claims.map(calls.checkClaims),
  claims.map(calls.release),
  fc.record({ id, token, json }).map(calls.updateProgress),
  fc.record({ worker: id, report: fc.constantFrom('{}', '{"n":1}', 'no json', '') }).map(calls.heartbeat),
  limit.map(calls.workers),
  { weight: 2, arbitrary: fc.record({ id, stale, span }).map(calls.cancel) },
  fc.record({ id, stale }).map(calls.retry),
  several.map(calls.retryMany),
  fc.record({ tasks: several, span }).map(calls.cancelMany),
  several.map(calls.removeMany),
  { weight: 2, arbitrary: fc.record({ id, maxBytes: fc.constantFrom(1, 7, 20, 1_000) }).map(calls.appendLog) },
  id.map(calls.remove),
  { weight: 2, arbitrary: fc.record({ id, now: fc.boolean() }).map(calls.reschedule) },
  fc.record({ id, stale }).map(calls.removeAsRead),
  fc.record({ source: fc.constantFrom(...SOURCES), limit: fc.constantFrom(1, 2, 100), gone: id }).map(calls.walk),
  fc.record({ limit, retrying: fc.boolean(), after: position }).map(calls.purge),
  fc.record({ state, after: fc.oneof(id, fc.constant('')), place, limit }).map(calls.pageOf),
  fc.array(id, { maxLength: 3 }).map(calls.watch),
  fc.constantFrom(null, 'a', 'b').map(calls.pause),
  { weight: 2, arbitrary: fc.constantFrom(null, 'a', 'b').map(calls.resume) }
), { minLength: 10, maxLength: 60, size: 'max' })

const a: ClaimRef = { id: 'a', token: 'w.1' }
const b: ClaimRef = { id: 'b', token: 'w.1' }
const claimOne = calls.claim({ free: 1, token: 'w.1' })
const settleA = (outcome: Settlement['outcome'], span: Span = 'long'): Call => calls.settle([{ ...a, outcome, span }])
const addThree = calls.addMany([{ id: 'a' }, { id: 'b' }, { id: 'c' }])
const cancelA = calls.cancel({ id: 'a', span: 'long' })

/** Programs that chance finds too seldom. */
export const knownPrograms: Call[][] = [
  // A high task of a paused name is parked, and takes no place of a claim: the paused ones behind it are found too.
  [
    calls.add({ id: 'b', record: 'garbage' }), calls.pause('a'), calls.add({ id: 'c', level: 'high' }), calls.add(a),
    calls.claim({ free: 2, token: 'w.1' })
  ],
  // Of tasks with one id in one call the first is stored, with its tags. What is removed has none.
  [
    calls.addMany([{ id: 'a' }, { id: 'a', tags: ['t'] }, { id: 'b', tags: ['t', '~'] }, { id: 'b', tags: ['t!'] }]),
    calls.appendLog({ id: 'b', maxBytes: 20 }), calls.appendLog({ id: 'b', maxBytes: 20 }), calls.remove('b'),
    calls.add({ id: 'b', tags: ['t!'] }), calls.appendLog({ id: 'b', maxBytes: 20 }),
    calls.purge({ limit: 9, retrying: false, after: null }), calls.add({ id: 'b' })
  ],
  // Who watches a task hears that it is gone.
  [
    calls.watch(['a', 'b', 'c']), calls.addMany([{ id: 'a' }, { id: 'b' }, { id: 'c', delayed: true }]),
    calls.remove('a'), calls.removeMany([{ id: 'b' }]), calls.purge({ limit: 9, retrying: false, after: null })
  ],
  // A cancel is requested while a task runs: no retry, no release. The next task of that id knows nothing of it.
  [
    calls.watch(['a']), calls.add(a), claimOne, cancelA, calls.checkClaims([a]), settleA('retry'),
    settleA('defer', 'none'), calls.release([a]), settleA('cancelled'), calls.remove('a'),
    calls.add(a), claimOne, calls.checkClaims([a]), settleA('retry')
  ],
  [
    calls.watch(['a']), calls.add(a), claimOne, cancelA, settleA('drop'), calls.renew('w'),
    calls.purge({ limit: 9, retrying: false, after: null })
  ],
  // Progress goes with the claim.
  [
    calls.watch(['a']), calls.add(a),
    claimOne, calls.updateProgress({ ...a, json: '{"stage":"X"}' }), settleA('retry', 'none'),
    claimOne, calls.updateProgress({ ...a, json: '{"stage":"Y"}' }), calls.release([a]),
    claimOne, calls.updateProgress({ ...a, json: '{"stage":"Z"}' }), settleA('succeeded')
  ],
  // Released tasks are the next, in their old order. A running task is not removed. A deferred task keeps its record.
  [
    calls.watch(['a', 'b']), addThree, calls.claim({ free: 3, token: 'w.1' }), calls.release([a, b, a]),
    calls.claim({ free: 2, token: 'w.1' }), calls.remove('a'), settleA('defer', 'none')
  ],
  // A failed task is queued again, once.
  [
    calls.watch(['a']), calls.add(a), claimOne, settleA('failed'), calls.retry({ id: 'a', stale: true }), addThree,
    calls.retry({ id: 'a' }), calls.retry({ id: 'a' }), calls.claim({ free: 2, token: 'w.2' }),
    claimOne, settleA('failed'), calls.remove('a'), calls.retry({ id: 'a' })
  ],
  [calls.add(a), claimOne, settleA('succeeded'), calls.retry({ id: 'a' }), calls.add(a), cancelA],
  // Many at once: high and low ones go to their lists, and each is queued once.
  [
    calls.watch(['a', 'b']), calls.addMany([{ id: 'a', level: 'low' }, { id: 'b', level: 'high' }, { id: 'c' }]),
    calls.claim({ free: 3, token: 'w.1' }), calls.settle(['a', 'b', 'c'].map(id =>
      ({ id, token: 'w.1', outcome: 'failed' as const, span: 'long' as const }))),
    calls.retryMany([{ id: 'c' }, { id: 'a' }, { id: 'b' }, { id: 'b' }, { id: 'd' }]),
    calls.claim({ free: 3, token: 'w.2' })
  ],
  // Each is cancelled and removed once, whatever it does meanwhile: one runs, one is delayed, one has ended.
  [
    calls.watch(['a', 'b', 'c']), addThree, calls.add({ id: 'd', delayed: true, tags: ['t'] }),
    calls.claim({ free: 1, token: 'w.1' }),
    calls.cancelMany({ tasks: ['a', 'b', 'b', 'd', 'gone'].map(id => ({ id })), span: 'long' }),
    calls.removeMany(['a', 'b', 'b', 'c', 'd'].map(id => ({ id }))),
    calls.cancelMany({ tasks: ['a', 'c'].map(id => ({ id })), span: 'none' }),
    calls.removeMany([{ id: 'a', stale: true }])
  ],
  // After a lost reply the same token gets the same tasks and no more. Later it waits, and is cancelled.
  [
    addThree, calls.claim({ free: 2, token: 'w.1' }), calls.claim({ free: 3, token: 'w.1', again: true }),
    calls.cancelWait('w.1'), calls.claimNext('w.1'), calls.claimNext('w.2'), calls.claimNext('w.3'),
    calls.waitForTask({ id: 'd', token: 'w.4' }), calls.waitForTask({ id: 'a', token: 'w.5' })
  ],
  // One purge removes what a pause holds back and what waits.
  [
    calls.add(a), calls.pause('a'), claimOne, calls.add(b),
    calls.purge({ limit: 3, retrying: false, after: null })
  ],
  // Workers are listed in the order of their lifetimes.
  [
    calls.heartbeat({ worker: 'b', report: '1' }), calls.heartbeat({ worker: 'a', report: '2' }), calls.workers(1),
    calls.heartbeat({ worker: 'b', report: '3' }), calls.workers(9),
    calls.heartbeat({ worker: 'a', report: '' }), calls.workers(9)
  ],
  // What is paused is not claimed. It comes first when the pause ends. Meanwhile it is cancelled, removed and paged.
  [
    calls.watch(['a', 'b']), addThree, claimOne, calls.pause(null), calls.pause(null), calls.release([a]),
    calls.add({ id: 'd' }), calls.addDue('e'), calls.claim({ free: 9, token: 'w.2' }),
    calls.cancel({ id: 'b', span: 'long' }), calls.remove('c'),
    calls.pageOf({ state: 'waiting', after: 'a', place: 0, limit: 1 }),
    calls.resume(null), calls.resume(null), calls.claim({ free: 9, token: 'w.2' })
  ],
  [
    addThree, calls.pause('b'), calls.pause('a'), claimOne, calls.add({ id: 'd' }),
    calls.purge({ limit: 2, retrying: false, after: null }), calls.resume('a'), calls.pause(null), calls.resume('b'),
    claimOne, calls.resume(null), calls.claimNext('w.3')
  ],
  // High tasks first, then normal ones, then low ones, each in their order; through a stall, a retry and a pause.
  [
    calls.addMany([{ id: 'a', level: 'low' }, { id: 'b' }, { id: 'c', level: 'high' }]),
    calls.add({ id: '%s * -inf', level: 'high' }),
    calls.claim({ free: 3, token: 'w.1' }), calls.release([{ id: 'c', token: 'w.1' }, b]), calls.pause(null),
    calls.add({ id: 'd', level: 'high' }), claimOne, calls.resume(null), calls.pause('a'), claimOne, calls.resume('a'),
    calls.claim({ free: 9, token: 'w.1' }), settleA('retry', 'none'), settleA('failed'), calls.retry({ id: 'a' }),
    calls.purge({ limit: 9, retrying: true, after: null })
  ],
  [calls.add({ id: 'a', level: 'low' }), calls.waitForTask({ id: 'd', token: 'w.4' }), calls.claimNext('w.5')],
  // A delayed task is due earlier, or later, or now.
  [
    calls.watch(['a']), calls.addMany([{ id: 'a', delayed: true }, { id: 'b', delayed: true }, { id: 'c' }]),
    calls.reschedule({ id: 'a', now: false }), calls.reschedule({ id: 'b', now: true }),
    calls.reschedule({ id: 'a', now: true }), calls.reschedule({ id: 'c', now: true }),
    calls.claim({ free: 9, token: 'w.1' })
  ],
  // A walk goes on behind a task that is gone.
  ...(['delayed', 'waiting', 'failed'] as const).map(source => [
    calls.addMany(IDS.slice(0, -1).map(id => ({ id, delayed: source === 'delayed' }))),
    calls.claim({ free: source === 'failed' ? 9 : 0, token: 'w.1' }),
    calls.settle(IDS.map(id => ({ id, token: 'w.1', outcome: 'failed' as const, span: 'long' as const }))),
    calls.walk({ source, limit: 2, gone: source === 'waiting' ? 'b' : '__proto__' }),
    calls.walk({ source, limit: 3, gone: 'c' })
  ]),
  // A position is a hint, whatever it says.
  [
    calls.addMany(IDS.map(id => ({ id }))),
    ...[-9, 0, 3, 1e15].map(place => calls.pageOf({ state: 'waiting', after: 'b', place, limit: 3 })),
    ...[-1, 0].map(limit => calls.pageOf({ state: 'delayed', after: 'b', place: 1, limit }))
  ]
]

/** All tasks with a tag, in pages of two. */
async function taggedIn ({ queue }: QueueUnderTest, tag: string): Promise<string[]> {
  const positions: string[] = []
  for (let at: string | null | undefined; at !== null;) {
    const page: WalkPage = await queue.walk.tagged(tag, 2, at ?? null)
    positions.push(...page.positions)
    at = page.next
  }
  return positions
}

/** A call reads the first ones, at least one. */
async function readAllOf (side: QueueUnderTest, ids: string[]): Promise<Array<RawTask | null>> {
  const all: Array<RawTask | null> = []
  while (all.length < ids.length) all.push(...await side.queue.readTasks(ids.slice(all.length)))
  return all
}

/** Everything that can be seen of a queue. */
export async function observe (side: QueueUnderTest): Promise<unknown> {
  const pages = await Promise.all(STATES.map(async state => {
    const { ids } = await side.queue.pageOf(state, 100)
    return state === 'active' ? ids.sort() : ids // the clock of memory mode stands still: all claims are as old
  }))
  const ids = [...new Set([...IDS, ...pages.flat()])]
  const records = (await readAllOf(side, ids)).map(read => {
    if (!read) return null
    const { claimedAt, delayedTo, ...live } = read.live
    const times = { claimedAt: side.about(claimedAt), delayedTo: side.about(delayedTo) }
    return { ...read, raw: String(read.raw), live, ...times }
  })
  const tagged = await Promise.all(['t', 't!', '~', 'tenant:42'].map(tag => taggedIn(side, tag)))
  const logs = await Promise.all(IDS.flatMap(id => [0, 2].map(from => side.queue.logs.read(id, from))))
  const { queue } = side
  const [counts, workers, measured] = await Promise.all([queue.counts(), queue.workers(100), queue.measure(100)])
  const { now, ...measure } = measured
  // Their order is by times that are not exactly the same on both sides.
  const ticks = measure.ticks.map(tick => ({ ...tick, due: side.about(tick.due) }))
    .toSorted((one, other) => one.id < other.id ? -1 : 1)
  const heard = await side.messages()
  return { counts, workers, measure: { ...measure, ticks, now: side.about(now) }, pages, records, tagged, logs, heard }
}
