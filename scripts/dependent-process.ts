// Starts a child process that cannot outlive its parent, even if the parent is killed.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface DependentProcess {
  readonly pid: number
  readonly stdin: ChildProcess['stdin']
  /** Resolves when the process has exited, with its signal or exit code as text. */
  readonly ended: Promise<string>
  /** Sends SIGTERM, and SIGKILL if the process has not exited after `within` ms. Default: 5000. */
  stop (within?: number): Promise<void>
}

export interface DependentOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Called with each line of its output. */
  onLine: (line: string) => void
}

// `exec` replaces the shell by the command, so that the pid is the command's. A watcher in the same process group
// reads a
// pipe that closes when the parent exits. Then it sends SIGTERM to the group, and SIGKILL 3 s later.
const wrapper = `
(trap '' TERM; cat <&3; kill -TERM 0; sleep 3; kill -KILL 0) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-`

/** The process has its own process group: Ctrl+C in the terminal reaches only the parent, which ends it in order. */
export async function startDependent (
  command: string, args: string[], { env, cwd, onLine }: DependentOptions
): Promise<DependentProcess> {
  const child = spawn('sh', ['-c', wrapper, 'sh', command, ...args], {
    env,
    cwd,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    detached: true
  })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream! }).on('line', onLine)
  const ended = exitOf(child)
  await once(child, 'spawn')
  return {
    pid: child.pid!,
    stdin: child.stdin,
    ended,
    async stop (within = 5_000) {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), within)
      await ended
      clearTimeout(late)
    }
  }
}

function exitOf (child: ChildProcess): Promise<string> {
  const lifeline = child.stdio[3] as Socket
  for (const stream of [lifeline, child.stdin!]) stream.on('error', () => {})
  return new Promise(resolve => {
    child.once('exit', (code, signal) => {
      killGroup(child.pid!)
      lifeline.destroy()
      resolve(signal ?? `exit code ${code}`)
    })
  })
}

/** Kills the watcher, and processes that the command left running. */
function killGroup (pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {}
}
