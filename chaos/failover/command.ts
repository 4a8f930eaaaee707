/** Shared by `npm run chaos:failover` and `npm run chaos:cluster`: arguments, rounds, table, exit code. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sum, type AuditResult } from './audit.ts'
import { runWithFaults, type Size } from './run.ts'
import type { ReplicatedServers } from './servers.ts'

const EXAMPLES = 5

/** Each round opens servers of its own. */
export interface Scenario { open: () => Promise<ReplicatedServers>, rounds: number, size: Size }

/** Exits the process: with status 0 if no round found a problem. */
export async function command (name: string, scenarios: { full: Scenario, quick: Scenario }): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } }
  })
  const { open, rounds, size } = values.quick ? scenarios.quick : scenarios.full
  const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-failover-'))
  const start = Date.now()
  const log = (text: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  const results: AuditResult[] = []
  for (let round = 1; round <= rounds; round++) results.push(await runRound(open, size, join(dir, String(round)), log))
  const failures = report(sum(results))
  if (!values.keep && failures.length === 0) await rm(dir, { recursive: true, force: true })
  else console.log(`the ledgers and logs are in ${dir}`)
  console.log(failures.length === 0 ? `${name}: passed` : `${name}: failed: ${failures.join('; ')}`)
  process.exit(failures.length === 0 ? 0 : 1)
}

async function runRound (
  open: Scenario['open'], size: Size, dir: string, log: (text: string) => void
): Promise<AuditResult> {
  await mkdir(dir)
  const servers = await open()
  try {
    const { tasks, producers, workers } = size
    log(`${tasks} tasks in ${servers.queues.length} queues, ${producers} producers, ${workers} workers`)
    return await runWithFaults(servers, size, dir, log)
  } finally {
    await servers.stop()
  }
}

/** Prints the table and examples of problems. Returns a text for each kind of problem: none if the run passed. */
function report (result: AuditResult): string[] {
  const { problems, acknowledged, atRisk, lostWithTheMaster, refused, ranMoreThanOnce, recoveries } = result
  const rows: Array<[string, string]> = [
    ['acknowledged', `${acknowledged}; ${refused} calls were refused and repeated`],
    ...Object.entries(problems).map(([problem, texts]): [string, string] =>
      [problem, `${texts.length} (must be 0)`]),
    ['not known to be on a replica', `${atRisk}: acknowledged right before their master was killed`],
    ['of these, lost with the master', `${lostWithTheMaster.length} (Redis replicates after it answers)`],
    ['run more than once', `${ranMoreThanOnce}: their outcome was not on a replica, or their lease expired meanwhile`],
    ['from a kill until a task of its queues started', `${recoveries.map(ms => `${ms} ms`).join(', ')}`]
  ]
  for (const [problem, texts] of Object.entries(problems)) {
    for (const text of texts.slice(0, EXAMPLES)) console.log(`  ${problem}: ${text}`)
  }
  const width = Math.max(...rows.map(([label]) => label.length))
  for (const [label, value] of rows) console.log(`${label.padEnd(width)}  ${value}`)
  return Object.entries(problems).flatMap(([problem, texts]) => texts.length > 0 ? `${texts.length} ${problem}` : [])
}
