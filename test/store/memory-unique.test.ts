/**
 * Tasks that are enqueued once for a key: the queue of mode 'memory' replies as the one in Redis, to random programs.
 */
import fc from 'fast-check'
import t from 'tap'
import { comparePrograms } from '../support/compare-programs.ts'
import { call, calls, observe, type Call } from '../support/queue-programs.ts'
import type { NewJob, Settlement } from '../../lib/store/contract.ts'
import type { Level } from '../../lib/store/level.ts'
import type { UniqueKey } from '../../lib/store/unique-contract.ts'
import type { QueueUnderTest } from '../support/queue-under-test.ts'

const IDS = ['a', 'b', 'c', '"it\'s" \\ `quoted`', 'ünï 😀 \u2028', '__proto__']
const FIELDS = ['a k', 'a l', 'a ']
const HOUR = 3_600_000
const SCOPES = ['waiting', 'unfinished', HOUR] as const

interface Addition {
  id: string,
  field: string,
  rule: string,
  delayed: boolean,
  lane: string | null,
  tags?: string[],
  level?: Level
  /** It was to start before now. */
  late?: true
}

function toRule ({ field, rule }: Addition): UniqueKey {
  if (rule === 'debounce') return { field, onConflict: 'debounce', wait: HOUR }
  if (rule === 'soon') return { field, onConflict: 'debounce', wait: 2 * HOUR, maxWait: 0 }
  const [onConflict, scope] = rule.split(' ')
  const spanOrName = SCOPES.find(known => String(known) === scope)!
  return { field, onConflict: onConflict as 'keep', scope: spanOrName }
}

const scoped = (what: string): string[] => SCOPES.map(scope => `${what} ${scope}`)
const RULES = ['debounce', 'soon', 'rerun unfinished', ...scoped('keep'), ...scoped('replace')]

/** Each addition has data of its own: it is seen which one won. */
function textOf (addition: Addition, status = 'created'): string {
  const { id, field, lane, late } = addition
  const more = { ...lane !== null && { lane }, ...late && { expires: 1 } }
  const options = { timestamp: 1, attempts: 1, unique: field, nonce: 'aa-00', ...more }
  return JSON.stringify({ data: { name: 'a', data: addition }, options, status }).replace('[id]', id)
}

const toJob = (side: QueueUnderTest, addition: Addition): NewJob => ({
  id: addition.id,
  text: textOf(addition),
  ownId: true,
  unique: toRule(addition),
  level: addition.level,
  ...addition.tags && { tags: { at: 1, names: addition.tags } },
  ...addition.delayed && { delay: side.start + HOUR },
  ...addition.lane !== null && { lane: addition.lane }
})

/** What a worker in Redis does from time to time, and a queue in memory at once. */
async function lookedAfter<T> (side: QueueUnderTest, reply: T): Promise<T> {
  await side.queue.upkeep?.sweepUnique()
  await side.queue.upkeep?.queueDue('w')
  return reply
}

const add = call('unique.add', async (side, additions: Addition[]) =>
  lookedAfter(side, await side.queue.unique.add(additions.map(addition => toJob(side, addition)))))

/** As a worker: the record keeps its options. */
const settle = call('settle', async (side, { outcome, gone }: { outcome: Settlement['outcome'], gone: boolean }) => {
  const replies: unknown[] = []
  for (const id of IDS) {
    const text = (await side.queue.readTask(id))?.text
    if (text === undefined) continue
    const { data, options } = JSON.parse(text)
    const status = outcome === 'retry' ? 'retrying' : outcome
    const ended = JSON.stringify({ data, options, status })
    const ms = gone ? 0 : HOUR
    const { lane } = options
    replies.push(...await side.queue.settle([{ id, token: 'w.1', outcome, text: ended, ms, lane, hasExtras: true }]))
  }
  return lookedAfter(side, replies)
})

const end = call('cancel or remove', async (side, { id, cancel }: { id: string, cancel: boolean }) => {
  const read = await side.queue.readTask(id)
  if (!read) return null
  const { data, options, status } = JSON.parse(read.text)
  const after = JSON.stringify({ data, options, status: 'cancelled' })
  const isOpen = ['created', 'retrying'].includes(status)
  const reply = cancel && isOpen
    ? await side.queue.cancel(id, read.raw, after, HOUR, options.lane, true)
    : await side.queue.remove(id, undefined, options.lane, true)
  return lookedAfter(side, reply)
})

const id = fc.constantFrom(...IDS)
const addition = fc.record<Addition>({
  id,
  field: fc.constantFrom(...FIELDS),
  rule: fc.constantFrom(...RULES),
  delayed: fc.boolean(),
  lane: fc.constantFrom(null, null, 'a x', 'a y'),
  tags: fc.constantFrom([], ['t'], ['t!', 't'], ['~']),
  level: fc.constantFrom<Level | undefined>(undefined, undefined, undefined, 'high', 'low'),
  late: fc.constantFrom<true | undefined>(undefined, undefined, undefined, undefined, true)
}).map(({ tags = [], level, late, ...rest }) =>
  ({ ...rest, ...tags.length > 0 && { tags }, ...level && { level }, ...late && { late } }))
const claim = calls.claim({ free: 2, token: 'w.1' })
const outcomes = fc.constantFrom<Settlement['outcome']>('succeeded', 'failed', 'cancelled', 'expired', 'retry', 'defer')

const programs: fc.Arbitrary<Call[]> = fc.array(fc.oneof(
  { weight: 5, arbitrary: addition.map(one => add([one])) },
  { weight: 1, arbitrary: fc.array(addition, { minLength: 2, maxLength: 4 }).map(add) },
  { weight: 3, arbitrary: fc.constant(claim) },
  { weight: 3, arbitrary: fc.record({ outcome: outcomes, gone: fc.boolean() }).map(settle) },
  { weight: 2, arbitrary: fc.record({ id, cancel: fc.boolean() }).map(end) },
  id.map(id => calls.release([{ id, token: 'w.1' }])),
  id.map(id => calls.reschedule({ id, now: true })),
  fc.constantFrom(null, 'a').map(calls.pause),
  fc.constantFrom(null, 'a').map(calls.resume),
  fc.constant(calls.watch(['a', 'b']))
), { minLength: 5, maxLength: 30, size: 'max' })

const one = (id: string, rule: string, more: Partial<Addition> = {}): Call =>
  add([{ id, rule, field: 'a k', delayed: false, lane: null, ...more }])
const ended = (outcome: Settlement['outcome'], gone = false): Call => settle({ outcome, gone })

const knownPrograms: Call[][] = [
  // In one call a delayed task is to start at once, and then later after all.
  [add([true, false, true].map((delayed, i) =>
    ({ id: IDS[i]!, rule: 'replace unfinished', field: 'a k', delayed, lane: null })))],
  // A rerun follows, with the newest data, and can be followed itself.
  [
    calls.watch(['a']), one('a', 'rerun unfinished'), claim, one('b', 'rerun unfinished'), one('c', 'rerun unfinished'),
    ended('succeeded'), claim, one('b', 'rerun unfinished'), ended('failed', true), claim
  ],
  // The id of the task that follows is that of another task by now.
  [
    one('a', 'rerun unfinished'), claim, one('b', 'rerun unfinished', { tags: ['t'] }),
    one('b', 'keep unfinished', { field: 'a l' }), ended('succeeded'), claim, one('c', 'keep unfinished')
  ],
  // One that is too late to start holds no key, but for one that is tried again.
  [
    one('a', 'keep unfinished', { late: true }), one('b', 'keep unfinished', { late: true }), claim, ended('retry'),
    one('c', 'keep unfinished')
  ],
  // Newer data comes before the next attempt: nothing follows.
  [
    one('a', 'rerun unfinished'), claim, one('b', 'rerun unfinished'), ended('retry'), one('c', 'rerun unfinished'),
    calls.reschedule({ id: 'a', now: true }), claim, ended('succeeded'), claim
  ],
  // The index has the tags of the data that counts: of a task that is replaced, in one call too, and of a rerun.
  [
    add([['t'], ['~', 't!'], []].map((tags, i) => (
      { id: IDS[i]!, field: 'a k', rule: 'replace unfinished', delayed: false, lane: null, ...i < 2 && { tags } }
    ))),
    one('a', 'replace unfinished', { tags: ['t'] }), claim, one('b', 'rerun unfinished', { tags: ['~'] }),
    ended('succeeded', true), claim, ended('succeeded', true)
  ],
  // A task that is queued goes to the list of its new level, also while it is parked. One that waits for a slot stays.
  ...[[], [calls.pause(null)]].map(paused => [
    one('a', 'replace unfinished'), one('b', 'replace unfinished', { field: 'a l', level: 'low' }), ...paused,
    one('b', 'replace unfinished', { field: 'a l', level: 'high' }), one('a', 'replace unfinished', { level: 'low' }),
    calls.resume(null), claim, ended('retry')
  ]),
  [
    one('a', 'replace unfinished', { lane: 'a x' }), one('b', 'replace unfinished', { field: 'a l', lane: 'a x' }),
    one('b', 'replace unfinished', { field: 'a l', lane: 'a x', level: 'high' }), claim, ended('succeeded'), claim
  ],
  // One after the other, in one call.
  [add(IDS.map((id, i) => ({ id, field: FIELDS[i % 2]!, rule: 'keep unfinished', delayed: i === 0, lane: null })))],
  // An ordered task keeps its slot, a task in line its place.
  [
    one('a', 'replace unfinished', { lane: 'a x' }), one('b', 'replace unfinished', { lane: 'a y' }),
    one('b', 'replace unfinished', { lane: 'a x' }), claim, one('c', 'replace waiting', { lane: 'a x' }),
    one('b', 'replace waiting', { lane: 'a x' }), one('b', 'replace waiting', { lane: 'a y' }),
    ended('succeeded'), claim
  ],
  [
    one('a', 'debounce', { lane: 'a x' }), one('b', 'debounce', { lane: 'a y' }), one('b', 'soon', { lane: 'a x' }),
    claim, one('c', 'debounce')
  ],
  // What follows a task starts when that one is cancelled, however long its key would have counted.
  ...(['cancelled', 'expired', 'succeeded', 'failed'] as const).map(outcome => [
    one('a', `keep ${HOUR}`), claim, one('c', 'rerun unfinished'), ended(outcome), claim, one('b', `keep ${HOUR}`)
  ]),
  ...SCOPES.map(scope => [
    one('a', `keep ${scope}`), claim, one('b', `keep ${scope}`), ended('succeeded'), one('c', `keep ${scope}`)
  ])
]

/** Times that are nearly the same give another order on another clock. */
async function observeSorted (side: QueueUnderTest): Promise<unknown> {
  const seen = await observe(side) as { pages: string[][] }
  for (const ids of seen.pages.slice(1)) ids.sort()
  return seen
}

t.test('whatever is called, in whatever order, it replies as Redis does', async t => {
  await comparePrograms(t, { programs, knownPrograms, observe: observeSorted, members: ['unique'] })
})
