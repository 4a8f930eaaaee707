/**
 * What tests of the command line share: the real command as a child process, and apps for it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { until } from './helpers.ts'

// Processes that start and end, one after the other: on a busy machine that takes its time.
t.setTimeout(300_000)
export const DEADLINE = 60_000

export const CLI = new URL('../../lib/cli/main.js', import.meta.url).pathname
export const PLUGIN = JSON.stringify(new URL('../../lib/plugin.js', import.meta.url).href)

export interface Run {
  child: ChildProcess
  out: () => string
  err: () => string
  /** Both, in the order in which they came. */
  text: () => string
  exit: Promise<[number | null, string | null]>
}

/** Runs the command; what is left of it at the test's end is killed, by its pid. */
export function run (t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv = {}): Run {
  return watched(t, spawn(process.execPath, [CLI, ...args], { cwd: folder, env: { ...process.env, ...env } }))
}

/** The same with a terminal for its input and output, which `answer` is typed into once it asks. */
export function runInTerminal (t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv = {}, answer?: string): Run {
  const command = [process.execPath, CLI, ...args].map(word => `'${word}'`).join(' ')
  const terminal = watched(t, spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { cwd: folder, env: { ...process.env, TERM: 'xterm-256color', ...env } }))
  if (answer) void until('it asks', () => /\[y\/N\]/.test(terminal.out())).then(() => terminal.child.stdin!.write(answer), () => {})
  return terminal
}

function watched (t: Test, child: ChildProcess): Run {
  const texts = { out: '', err: '', both: '' }
  child.stdout!.on('data', chunk => { texts.out += chunk; texts.both += chunk })
  child.stderr!.on('data', chunk => { texts.err += chunk; texts.both += chunk })
  const exit = once(child, 'close') as Promise<[number | null, string | null]>
  t.teardown(async () => { child.kill('SIGKILL'); await exit })
  return { child, out: () => texts.out, err: () => texts.err, text: () => texts.both, exit }
}

/** What a command printed, once it has ended. */
export async function ended (command: Run): Promise<{ code: number | null, out: string, err: string }> {
  const [code] = await command.exit
  return { code, out: command.out(), err: command.err() }
}
