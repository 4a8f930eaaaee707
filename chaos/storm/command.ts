/** What `npm run chaos:failover` and `npm run chaos:cluster` share: the arguments, the table, the exit code. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sum, type Verdict } from './audit.ts'
import { storm, type Size } from './run.ts'
import type { Stage } from './stages.ts'

const EXAMPLES = 5

/** Each round is a storm over servers of its own. */
export interface Course { open: () => Promise<Stage>, rounds: number, size: Size }

/** Ends the process: 0 where all that must be 0 is. */
export async function command (name: string, courses: { full: Course, quick: Course }): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } } })
  const { open, rounds, size } = values.quick ? courses.quick : courses.full
  const dir = await mkdtemp(join(tmpdir(), 'fastify-tasks-storm-'))
  const start = Date.now()
  const say = (text: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  const verdicts: Verdict[] = []
  for (let round = 1; round <= rounds; round++) verdicts.push(await runRound(open, size, join(dir, String(round)), say))
  const failed = report(sum(verdicts))
  if (!values.keep && failed.length === 0) await rm(dir, { recursive: true, force: true })
  else console.log(`the ledgers and logs are in ${dir}`)
  console.log(failed.length === 0 ? `${name}: passed` : `${name}: failed: ${failed.join('; ')}`)
  process.exit(failed.length === 0 ? 0 : 1)
}

async function runRound (open: Course['open'], size: Size, dir: string, say: (text: string) => void): Promise<Verdict> {
  await mkdir(dir)
  const stage = await open()
  try {
    say(`${size.tasks} tasks in ${stage.queues.length} queues, ${size.producers} producers, ${size.workers} workers`)
    return await storm(stage, size, dir, say)
  } finally {
    await stage.stop()
  }
}

/** Prints all of it; what failed. */
function report (verdict: Verdict): string[] {
  const { must, acknowledged, atRisk, lostWithTheMaster, refused, ranMoreThanOnce, recoveries } = verdict
  const rows: Array<[string, string]> = [
    ['acknowledged', `${acknowledged}; ${refused} calls were refused and made again`],
    ...Object.entries(must).map(([what, found]): [string, string] => [what, `${found.length} (must be 0)`]),
    ['not known to be on a replica', `${atRisk}: acknowledged right before their master was killed`],
    ['of these, lost with it', `${lostWithTheMaster.length} (Redis replicates after it answers)`],
    ['run more than once', `${ranMoreThanOnce}: their outcome was not on a replica, or their lease lapsed meanwhile`],
    ['from a kill until a task of its queues started', `${recoveries.map(ms => `${ms} ms`).join(', ')}`]
  ]
  for (const [what, found] of Object.entries(must)) for (const one of found.slice(0, EXAMPLES)) console.log(`  ${what}: ${one}`)
  const width = Math.max(...rows.map(([label]) => label.length))
  for (const [label, value] of rows) console.log(`${label.padEnd(width)}  ${value}`)
  return Object.entries(must).filter(([, found]) => found.length > 0).map(([what, found]) => `${found.length} ${what}`)
}
