/**
 * Runs the test files of a room in one process: to start Node with tap and Fastify takes longer than most of them.
 * Those that .taprc names run in a process of their own. tap starts files in the order of their paths: all.test.ts,
 * which takes long, before the others of its room, most of which wait.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** All that a room's files may take together on a busy machine, in ms. */
const LIMIT_MS = 480_000

/** The files that .taprc names, as `room/file.test.js`. */
export function filesAlone (): string[] {
  return Array.from(readFileSync('.taprc', 'utf8').matchAll(/"\.build\/test\/(\w[\w-]*\/[\w.-]+)"/g), ([, file]) => file!)
}

/** For a test that looks at what others of its process change: no other runs beside it. */
export const ALONE = { buffered: false } as const

const filesOf = (room: string): string[] => readdirSync(new URL(`../${room}/`, import.meta.url))
  .filter(name => name.endsWith('.test.js') && name !== 'all.test.js')

/**
 * Called by the file all.test.ts of a room whose files need a process each, and mostly wait.
 * @param jobs how many of them run at once
 */
export function runFiles (room: string, jobs: number): void {
  t.jobs = jobs
  for (const name of filesOf(room)) {
    const file = fileURLToPath(new URL(`../${room}/${name}`, import.meta.url))
    void t.spawn(process.execPath, [...process.execArgv, file], { buffered: true, timeout: LIMIT_MS }, name)
  }
  t.setTimeout(LIMIT_MS)
}

/**
 * Called by the file all.test.ts of each other room.
 * @param jobs how many tests run at once: more than one if most of them wait, and none looks at what others change
 */
export async function runRoom (room: string, jobs = 1): Promise<void> {
  t.jobs = jobs
  const alone = filesAlone()
  for (const file of filesOf(room).map(name => `${room}/${name}`)) if (!alone.includes(file)) await import(`../${file}`)
  t.setTimeout(LIMIT_MS)
}
