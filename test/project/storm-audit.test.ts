/** The verdict of chaos:failover and chaos:cluster must see what is wrong. */
import t from 'tap'
import { audit, sum, type Evidence, type Verdict } from '../../chaos/storm/audit.ts'

const record = (id: string, more = {}): any => ({ id, queue: 'a', state: 'succeeded', finishedAt: 'then', error: null, ...more })
const history = (ends: number): any => ({ ends: Array.from({ length: ends }, () => 'succeeded') })
const run = (from: number, attempt = 1): any => ({ from, attempt })

/** One task, acknowledged at 100, that ended well. The master of its queue was killed from 200 to 300. */
function evidence (changes: Partial<Evidence> = {}): Evidence {
  return {
    acknowledged: [{ id: 'x', queue: 'a', at: 100, refusals: 2 }],
    unexpected: [],
    ordered: 1,
    records: new Map([['x', record('x')]]),
    histories: [new Map([['x', history(1)]])],
    executions: new Map([['x', [run(110), run(350, 2)]]]),
    marks: [{ queue: 'a', from: 150, to: 160 }],
    faults: [{ what: 'kill', killed: ['a'], from: 200, to: 300 }],
    needless: 0,
    ...changes
  }
}

const problems = (verdict: Verdict): Record<string, number> =>
  Object.fromEntries(Object.entries(verdict.must).filter(([, found]) => found.length > 0).map(([what, found]) => [what, found.length]))

t.test('all is well', async t => {
  const verdict = audit(evidence())
  t.same(problems(verdict), {})
  t.match(verdict, { acknowledged: 1, atRisk: 0, refused: 2, ranMoreThanOnce: 0, recoveries: [150] })
})

t.test('each thing that must not be is seen', async t => {
  const gone = new Map([['x', null]])
  const seen: Array<[string, Partial<Evidence>]> = [
    ['lost', { records: gone }],
    ['lost', { records: gone, marks: [], faults: [] }],
    ['lost', { records: gone, marks: [], faults: [{ what: 'kill', killed: ['b'], from: 200, to: 300 }] }],
    ['not acknowledged', { ordered: 2 }],
    ['settled twice', { histories: [new Map([['x', history(2)]])] }],
    ['settled twice', { histories: [new Map([['x', history(1)]]), new Map([['x', history(1)]])] }],
    ['stuck', { records: new Map([['x', record('x', { state: 'active', finishedAt: null })]]) }],
    ['ended otherwise than they must', { records: new Map([['x', record('x', { state: 'failed' })]]) }],
    ['errors that no app expects', { unexpected: ['! oh'] }],
    ['not witnessed', { histories: [] }],
    ['masters replaced that were there', { needless: 1 }]
  ]
  for (const [what, changes] of seen) t.same(problems(audit(evidence(changes))), { [what]: 1 })
  t.equal(audit(evidence({ executions: new Map([['x', [run(110), run(350)]]]) })).ranMoreThanOnce, 1)
})

t.test('what was not known to be on a replica when its master was killed is told apart', async t => {
  const gone = new Map([['x', null]])
  const early = { queue: 'a', from: 90, to: 160 }
  const late = { queue: 'a', from: 150, to: 250 }
  const other = { queue: 'b', from: 150, to: 160 }
  for (const mark of [early, late, other]) {
    const verdict = audit(evidence({ records: gone, marks: [mark] }))
    t.same(problems(verdict), {})
    t.match(verdict, { atRisk: 1, lostWithTheMaster: ['x'] })
  }
  const inDoubt = audit(evidence({ records: gone, acknowledged: [{ id: 'x', queue: 'a', at: 210, refusals: 0 }] }))
  t.match(inDoubt, { atRisk: 1, lostWithTheMaster: ['x'] }, 'an answer of the old master may come late')
})

t.test('the sum of several', async t => {
  const all = sum([audit(evidence()), audit(evidence({ needless: 1 })), audit(evidence({ records: new Map() }))])
  t.same(problems(all), { lost: 1, 'masters replaced that were there': 1 })
  t.match(all, { acknowledged: 3, refused: 6, recoveries: [150, 150, 150] })
})
