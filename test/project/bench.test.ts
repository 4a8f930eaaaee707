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
import { show, type Report } from '../../bench/report.ts'
import { inTurn } from '../../bench/context.ts'
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
  t.equal(ratio([10, 100, 30], [5, 10, 30]), 2, 'that of a round of its own, not that of the medians')
  t.equal(ratio([10, 30, 20], [5]), 4, 'of the medians where one had fewer rounds')
  t.same([0, 1, 2, 3].map(round => rotated(['a', 'b', 'c'], round).join('')), ['abc', 'bca', 'cab', 'abc'])
})

t.test('rounds: each in turn, another one first each time; warm-ups do not count', async t => {
  const order: string[] = []
  const results = await inTurn(['a', 'b'], 2, 1, async (name, round) => { order.push(name); return `${name}${round}` })
  t.same(order, ['a', 'b', 'b', 'a', 'a', 'b'])
  t.same([...results], [['a', ['a0', 'a1']], ['b', ['b0', 'b1']]])
})

t.test('bars', async t => {
  t.same(atLeast('x', 3, 3), { name: 'x', figure: 3, bar: '≥ 3 ×', met: true })
  t.same(atLeast('x', 2.9999, 3), { name: 'x', figure: 2.9999, bar: '≥ 3 ×', met: false }, 'no rounding up to a bar that is missed')
  t.same(atMost('x', 1.23456, 1.2), { name: 'x', figure: 1.23, bar: '≤ 1.2 ×', met: false })
  t.same(atMost('x', 0.3, 1, 'byte'), { name: 'x', figure: 0.3, bar: '≤ 1 byte', met: true })
  t.throws(() => atLeast('x', NaN, 1), { message: /the figure of "x" is NaN/ })
})

t.test('a meter: from the first start to the end of the target, whatever follows', async t => {
  t.equal(JSON.stringify(result).length, 100)
  const meter = new Meter({ target: 2, latencies: true })
  const before = now()
  for (let i = 0; i < 2; i++) meter.handle(payload(now()))
  const { end, cpu } = meter.read()
  t.equal(meter.handle(payload(now())), result)
  const reading = meter.read()
  t.ok(reading.firstStart >= before && reading.lastStart >= end)
  t.match(reading, { count: 3, end, cpu })
  t.equal(reading.latencies.length, 3)
  t.ok(reading.latencies.every(ms => ms >= 0))
})

t.test('one clock for all processes', async t => {
  const before = Number(process.hrtime.bigint()) / 1e6
  const here = now()
  t.ok(here > before - 1 && here < Number(process.hrtime.bigint()) / 1e6 + 1)
})

t.test('what is asked for', async t => {
  t.match(makePlan(['--quick', '--only', 'http,processed']), { size: 'quick', parts: ['processed', 'http'], profiles: null })
  t.match(makePlan([]).peers, ['floor', 'ours'])
  t.throws(() => makePlan(['--only', 'nothing']), { message: /--only "nothing" is none of processed, / })
  t.throws(() => makePlan(['--prof', projectRoot()]), { message: /outside of the project/ })
  t.throws(() => makePlan(['--write', '--only', 'http']), { message: /--write goes with a run of everything/ })
})

t.test('the page: bars, figures, machine, and nothing that names this machine', async t => {
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
  t.same([0.123456, 12.345, 1234.5, null].map(show), ['0.123', '12.3', '1,235', '–'])
})

t.test('the chart: what it is given is text', async t => {
  const svg = chart('a < b', [{ title: '"1" & 2', bars: [{ label: '<script>', value: 10, ours: true }, { label: 'x', value: 0 }] }])
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

t.test('a process that does not end is killed, with what it started; its questions fail', async t => {
  const cast = new Processes(null)
  const script = 'trap "" TERM HUP; sleep 600 & echo "{\\"ready\\":true}"; read line; echo "{\\"id\\":1,\\"value\\":$!}"; exec 0<&-; while :; do sleep 1; done'
  const actor = await cast.start({ title: 'stubborn', command: 'sh', args: ['-c', script] })
  const started = await actor.call<number>('pid')
  t.ok(alive(started))
  t.match(await errorOf(actor.call('anything', {}, 50)), { message: /stubborn did not answer "anything" within 50 ms/ })
  await cast.end()
  t.notOk(alive(actor.pid))
  await until('what it started has gone', () => !alive(started))
  t.match(await errorOf(actor.call('anything')), { message: /stubborn has ended/ })
  t.match(await errorOf(cast.start({ title: 'late', command: 'true', args: [] })), { message: /the bench ends/ })
})

t.test('a process that breaks fails what it was asked, with its last words', async t => {
  const cast = new Processes(null)
  t.teardown(() => cast.end())
  const actor = await cast.start({ title: 'brittle', command: 'sh', args: ['-c', 'echo "{\\"ready\\":true}"; read line; echo why >&2; exit 3'] })
  t.match(await errorOf(actor.call('anything')), { message: /brittle has ended \(3\)\nwhy/ })
})

t.test('npm run bench: one object on stdout; nothing is left behind, at Ctrl+C neither', { timeout: 60_000 }, async t => {
  const program = `${projectRoot()}/.build/bench/main.js`
  const args = [program, '--tiny', '--only', 'processed', '--peers', 'floor,ours']
  const { stdout } = await run(process.execPath, [...args, '--json'])
  const report = JSON.parse(stdout)
  t.match(report, { size: 'tiny', bars: [], tables: [{ columns: ['', 'processed/s'] }] })

  const bench = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  bench.stderr.setEncoding('utf8').on('data', text => { said += text })
  await until('it is at work', () => said.includes('warm-up'), 20_000)
  const children = await childrenOf(bench.pid!)
  t.ok(children.length >= 3, 'Redis, and processes of peers')
  bench.kill('SIGINT')
  const [code] = await once(bench, 'exit')
  t.equal(code, 1)
  await until('all have gone', () => !children.some(alive))
})

/** Their pids. A small machine has /proc, or ps, or both. */
async function childrenOf (parent: number): Promise<number[]> {
  const known = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => null)
  if (known !== null) return known.trim().split(' ').map(Number)
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  const pairs = stdout.trim().split('\n').map(line => line.trim().split(/\s+/).map(Number))
  return pairs.filter(([, ppid]) => ppid === parent).map(([pid]) => pid!)
}
