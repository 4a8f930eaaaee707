/** The audit of chaos:failover and chaos:cluster finds each kind of problem. */
import t from 'tap'
import { audit, sum, type Evidence, type AuditResult } from '../../chaos/failover/audit.ts'

const record = (id: string, more = {}): any =>
  ({ id, queue: 'a', state: 'succeeded', finishedAt: 'then', error: null, ...more })
const history = (outcomes: number): any =>
  ({ terminalStates: Array.from({ length: outcomes }, () => 'succeeded') })
const execution = (from: number, attempt = 1): any => ({ from, attempt })

/** A task that was acknowledged at 100 and succeeded. The master of its queue was down from 200 to 300. */
function evidence (changes: Partial<Evidence> = {}): Evidence {
  return {
    acknowledged: [{ id: 'x', queue: 'a', at: 100, refusals: 2 }],
    unexpected: [],
    planned: 1,
    records: new Map([['x', record('x')]]),
    histories: [new Map([['x', history(1)]])],
    executions: new Map([['x', [execution(110), execution(350, 2)]]]),
    marks: [{ queue: 'a', from: 150, to: 160 }],
    faults: [{ title: 'kill', killed: ['a'], from: 200, to: 300 }],
    unplannedFailovers: 0,
    ...changes
  }
}

/** The number of each kind of problem, without zeros. */
function problemCounts ({ problems }: AuditResult): Record<string, number> {
  const counts = Object.entries(problems).map(([problem, texts]) => [problem, texts.length] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

t.test('a run without a problem', async t => {
  const result = audit(evidence())
  t.same(problemCounts(result), {})
  t.match(result, { acknowledged: 1, atRisk: 0, refused: 2, ranMoreThanOnce: 0, recoveries: [150] })
})

t.test('each kind of problem is found', async t => {
  const gone = new Map([['x', null]])
  const cases: Array<[string, Partial<Evidence>]> = [
    ['lost', { records: gone }],
    ['lost', { records: gone, marks: [], faults: [] }],
    ['lost', { records: gone, marks: [], faults: [{ title: 'kill', killed: ['b'], from: 200, to: 300 }] }],
    ['not acknowledged', { planned: 2 }],
    ['settled twice', { histories: [new Map([['x', history(2)]])] }],
    ['settled twice', { histories: [new Map([['x', history(1)]]), new Map([['x', history(1)]])] }],
    ['stuck', { records: new Map([['x', record('x', { state: 'active', finishedAt: null })]]) }],
    ['wrong outcome', { records: new Map([['x', record('x', { state: 'failed' })]]) }],
    ['unexpected errors of calls', { unexpected: ['! oh'] }],
    ['missing from the append-only files', { histories: [] }],
    ['masters replaced without a kill', { unplannedFailovers: 1 }]
  ]
  for (const [problem, changes] of cases) t.same(problemCounts(audit(evidence(changes))), { [problem]: 1 })
  const executions = new Map([['x', [execution(110), execution(350)]]])
  t.equal(audit(evidence({ executions })).ranMoreThanOnce, 1)
})

t.test('a lost task that was not known to be on a replica when its master was killed is no problem', async t => {
  const gone = new Map([['x', null]])
  const early = { queue: 'a', from: 90, to: 160 }
  const late = { queue: 'a', from: 150, to: 250 }
  const other = { queue: 'b', from: 150, to: 160 }
  for (const mark of [early, late, other]) {
    const result = audit(evidence({ records: gone, marks: [mark] }))
    t.same(problemCounts(result), {})
    t.match(result, { atRisk: 1, lostWithTheMaster: ['x'] })
  }
  const duringFailover = [{ id: 'x', queue: 'a', at: 210, refusals: 0 }]
  const result = audit(evidence({ records: gone, acknowledged: duringFailover }))
  t.match(result, { atRisk: 1, lostWithTheMaster: ['x'] }, 'the answer may be a late answer of the old master')
})

t.test('the sum of several results', async t => {
  const changes = [{}, { unplannedFailovers: 1 }, { records: new Map() }]
  const total = sum(changes.map(change => audit(evidence(change))))
  t.same(problemCounts(total), { lost: 1, 'masters replaced without a kill': 1 })
  t.match(total, { acknowledged: 3, refused: 6, recoveries: [150, 150, 150] })
})
