import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import t from 'tap'
import { atLeast, atMost } from '../../bench/bars.ts'
import { Processes } from '../../bench/processes.ts'
import { chart } from '../../bench/chart.ts'
import { now } from '../../bench/clock.ts'
import { machine } from '../../bench/machine.ts'
import { Meter } from '../../bench/meter.ts'
import { page } from '../../bench/page.ts'
import { makePlan } from '../../bench/plan.ts'
import { formatCell, type Report } from '../../bench/report.ts'
import { interleave } from '../../bench/context.ts'
import { median, percentile, ratio, rotated } from '../../bench/stats.ts'
import { payload, result } from '../../bench/work.ts'
import { projectRoot } from '../../scripts/redis.ts'
import { errorOf, until } from '../support/helpers.ts'

const run = promisify(execFile)

t.test('medians, percentiles, ratios', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  t.equal(percentile(hundred, 0.5), 50)
  t.equal(percentile(hundred, 0.99), 99)
  t.equal(percentile([7], 0.99), 7)
  t.equal(ratio([10, 100, 30], [5, 10, 30]), 2, 'the median of the rounds\' ratios, not the ratio of the medians')
  t.equal(ratio([10, 30, 20], [5]), 4, 'the ratio of the medians if one has fewer rounds')
  t.same([0, 1, 2, 3].map(round => rotated(['a', 'b', 'c'], round).join('')), ['abc', 'bca', 'cab', 'abc'])
})

t.test('rounds are interleaved and begin with another name each time; results of warm-ups are dropped', async t => {
  const order: string[] = []
  const results = await interleave(['a', 'b'], 2, 1, async (name, round) => {
    order.push(name)
    return `${name}${round}`
  })
  t.same(order, ['a', 'b', 'b', 'a', 'a', 'b'])
  t.same([...results], [['a', ['a0', 'a1']], ['b', ['b0', 'b1']]])
})

t.test('a bar is met or missed, and its figure is rounded', async t => {
  t.same(atLeast('x', 3, 3), { name: 'x', figure: 3, bar: '≥ 3 ×', met: true })
  const missed = { name: 'x', figure: 2.9999, bar: '≥ 3 ×', met: false }
  t.same(atLeast('x', 2.9999, 3), missed, 'a missed figure is not rounded up to its bar')
  t.same(atMost('x', 1.23456, 1.2), { name: 'x', figure: 1.23, bar: '≤ 1.2 ×', met: false })
  t.same(atMost('x', 0.3, 1, 'byte'), { name: 'x', figure: 0.3, bar: '≤ 1 byte', met: true })
  t.throws(() => atLeast('x', NaN, 1), { message: /the figure of "x" is NaN/ })
})

t.test('a meter measures from the first start to the end of the target; later tasks do not change it', async t => {
  t.equal(JSON.stringify(result).length, 100)
  const meter = new Meter({ target: 2, latencies: true })
  const before = now()
  for (let i = 0; i < 2; i++) void meter.handle(payload(now()))
  const { end, cpu } = meter.read()
  t.equal(meter.handle(payload(now())), result)
  const reading = meter.read()
  t.ok(reading.firstStart >= before && reading.lastStart >= end)
  t.match(reading, { count: 3, end, cpu })
  t.equal(reading.latencies.length, 3)
  t.ok(reading.latencies.every(ms => ms >= 0))
})

t.test('the shared clock agrees with hrtime', async t => {
  const before = Number(process.hrtime.bigint()) / 1e6
  const here = now()
  t.ok(here > before - 1 && here < Number(process.hrtime.bigint()) / 1e6 + 1)
})

t.test('arguments make a plan; wrong arguments are refused', async t => {
  const plan = makePlan(['--quick', '--only', 'http,processed'])
  t.match(plan, { size: 'quick', parts: ['processed', 'http'], profiles: null })
  t.match(makePlan([]).peers, ['floor', 'ours'])
  t.throws(() => makePlan(['--only', 'nothing']), { message: /--only "nothing" must be one of processed, / })
  t.throws(() => makePlan(['--prof', projectRoot()]), { message: /outside of the project/ })
  t.throws(() => makePlan(['--write', '--only', 'http']), { message: /--write needs a complete run/ })
})

t.test('the page shows bars, figures and the machine, but no host name and no path', async t => {
  const report: Report = {
    size: 'full',
    bars: [atLeast('a | b', 3, 2), atMost('c', 3, 2)],
    tables: [{ title: 'T', note: 'N', columns: ['', 'x/s'], rows: [['us', 1234.5], ['them', null]] }],
    charts: [],
    machine: machine({ Redis: '7.0.0' }),
    leftOut: ['Celery'],
    seconds: 1
  }
  const text = page(report)
  t.match(text, '1 of 2 are met.')
  t.match(text, '| a \\| b | ≥ 2 × | 3 | met |')
  t.match(text, '| them | – |')
  t.match(text, '| Redis | 7.0.0 |')
  t.match(text, 'Left out: Celery')
  t.notOk(text.includes(projectRoot()))
  t.notOk(JSON.stringify(report).includes(hostname()))
  t.same([0.123456, 12.345, 1234.5, null].map(formatCell), ['0.123', '12.3', '1,235', '–'])
})

t.test('the chart escapes its texts', async t => {
  const bars = [{ label: '<script>', value: 10, ours: true }, { label: 'x', value: 0 }]
  const svg = chart('a < b', [{ title: '"1" & 2', bars }])
  t.match(svg, 'a &lt; b')
  t.match(svg, '&quot;1&quot; &amp; 2')
  t.notMatch(svg, '<script>')
  t.match(svg, 'prefers-color-scheme: dark')
  t.notMatch(svg, /NaN|undefined|Infinity/)
})

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('a process that does not exit is killed, with the processes that it started; its calls fail', async t => {
  const processes = new Processes(null)
  const script = 'trap "" TERM HUP; sleep 600 & echo "{\\"ready\\":true}"; ' +
    'read line; echo "{\\"id\\":1,\\"value\\":$!}"; exec 0<&-; while :; do sleep 1; done'
  const stubborn = await processes.start({ title: 'stubborn', command: 'sh', args: ['-c', script] })
  const grandchild = await stubborn.call<number>('pid')
  t.ok(alive(grandchild))
  const late = { message: /stubborn did not answer "anything" within 50 ms/ }
  t.match(await errorOf(stubborn.call('anything', {}, 50)), late)
  await processes.end()
  t.notOk(alive(stubborn.pid))
  await until('the process that it started is gone', () => !alive(grandchild))
  t.match(await errorOf(stubborn.call('anything')), { message: /stubborn has ended/ })
  const start = processes.start({ title: 'late', command: 'true', args: [] })
  t.match(await errorOf(start), { message: /the bench is ending/ })
})

t.test('a process that exits fails its pending calls, with its last output', async t => {
  const processes = new Processes(null)
  t.teardown(() => processes.end())
  const script = 'echo "{\\"ready\\":true}"; read line; echo why >&2; exit 3'
  const brittle = await processes.start({ title: 'brittle', command: 'sh', args: ['-c', script] })
  t.match(await errorOf(brittle.call('anything')), { message: /brittle has ended \(3\)\nwhy/ })
})

const title = 'npm run bench prints one object to stdout, and leaves no process behind, even after Ctrl+C'
t.test(title, { timeout: 60_000 }, async t => {
  const program = `${projectRoot()}/.build/bench/main.js`
  const args = [program, '--tiny', '--only', 'processed', '--peers', 'floor,ours']
  const { stdout } = await run(process.execPath, [...args, '--json'])
  const report = JSON.parse(stdout)
  t.match(report, { size: 'tiny', bars: [], tables: [{ columns: ['', 'processed/s'] }] })

  const bench = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  bench.stderr.setEncoding('utf8').on('data', text => { output += text })
  await until('it measures', () => output.includes('warm-up'), 20_000)
  const children = await childrenOf(bench.pid!)
  t.ok(children.length >= 3, 'Redis, and processes of peers')
  bench.kill('SIGINT')
  const [code] = await once(bench, 'exit')
  t.equal(code, 1)
  await until('all children are gone', () => !children.some(alive))
})

/** Pids of the children. Read from /proc, or from ps on a system without it. */
async function childrenOf (parent: number): Promise<number[]> {
  const known = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => null)
  if (known !== null) return known.trim().split(' ').map(Number)
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  const pairs = stdout.trim().split('\n').map(line => line.trim().split(/\s+/).map(Number))
  return pairs.filter(([, ppid]) => ppid === parent).map(([pid]) => pid!)
}
