/**
 * What tests of the command line share: they run the real command, as a child process or in one that runs several.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import { until } from './helpers.ts'
import type { HostedCommand, HostedEnd } from './command-host.ts'

// Processes start and end one after the other: on a busy machine that takes long.
t.setTimeout(300_000)
// They also wait a lot: three at a time.
t.jobs = 3
export const DEADLINE = 60_000

export const CLI = new URL('../../lib/cli/main.js', import.meta.url).pathname
export const PLUGIN = JSON.stringify(new URL('../../lib/plugin.js', import.meta.url).href)

export interface Run {
  child: ChildProcess
  out: () => string
  err: () => string
  /** Standard output and standard error, in the order in which they came. */
  text: () => string
  exit: Promise<[number | null, string | null]>
}

/** Runs the command. If it is still running when the test ends, it is killed, by its pid. */
export function run (t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv = {}): Run {
  return observed(t, spawn(process.execPath, [CLI, ...args], { cwd: folder, env: { ...process.env, ...env } }))
}

/** The same with a terminal for its input and output. When the command asks, `answer` is typed into it. */
export function runInTerminal (
  t: Test, folder: string, args: string[], env: NodeJS.ProcessEnv = {}, answer?: string
): Run {
  const command = [process.execPath, CLI, ...args].map(word => `'${word}'`).join(' ')
  const scriptArgs = ['--quiet', '--return', '--command', command, '/dev/null']
  const options = { cwd: folder, env: { ...process.env, TERM: 'xterm-256color', ...env } }
  const terminal = observed(t, spawn('script', scriptArgs, options))
  const asked = answer && until('the command asks', () => /\[y\/N\]/.test(terminal.out()), DEADLINE)
  if (asked) void asked.then(() => terminal.child.stdin!.write(answer), () => {})
  return terminal
}

function observed (t: Test, child: ChildProcess): Run {
  const texts = { out: '', err: '', both: '' }
  child.stdout!.on('data', chunk => { texts.out += chunk; texts.both += chunk })
  child.stderr!.on('data', chunk => { texts.err += chunk; texts.both += chunk })
  const exit = once(child, 'close') as Promise<[number | null, string | null]>
  t.teardown(async () => { child.kill('SIGKILL'); await exit })
  return { child, out: () => texts.out, err: () => texts.err, text: () => texts.both, exit }
}

export interface Ended { code: number | null, out: string, err: string }

/** What a command printed, and its exit code. */
export async function ended (command: Run): Promise<Ended> {
  const [code] = await command.exit
  return { code, out: command.out(), err: command.err() }
}

/** Runs commands that have some arguments in common, each to its end. */
export const commandsWith = (_t: Test, folder: string, shared: string[]) =>
  (...args: string[]): Promise<Ended> => hosted(folder, [...args, ...shared])

let host: ChildProcess | undefined
let lastId = 0
const pending = new Map<number, (end: HostedEnd) => void>()

/** Runs a command to its end in command-host.ts. */
export async function hosted (folder: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  host ??= startHost()
  const id = ++lastId
  const end = new Promise<HostedEnd>(resolve => { pending.set(id, resolve) })
  const toRun: HostedCommand = { id, folder: resolve(folder), args, env: { ...process.env, ...env } }
  host.send(toRun)
  const { code, out, err } = await end
  return { code, out, err }
}

/** Its end ends no test: whoever waits for a command of it times out. */
function startHost (): ChildProcess {
  const started = fork(new URL('command-host.js', import.meta.url))
  started.on('message', (end: HostedEnd) => {
    pending.get(end.id)!(end)
    pending.delete(end.id)
  })
  started.once('exit', (code, signal) => {
    for (const [id, tell] of pending) tell({ id, code, out: '', err: `the host of commands ended: ${code ?? signal}` })
  })
  t.teardown(() => started.kill('SIGKILL'))
  return started
}
