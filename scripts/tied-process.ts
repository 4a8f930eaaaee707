// A child process that cannot outlive the process that started it, however that died.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface TiedProcess {
  readonly pid: number
  readonly stdin: ChildProcess['stdin']
  /** Once it has ended: how. */
  readonly ended: Promise<string>
  /** SIGTERM, and SIGKILL for what has not ended after `within` ms. */
  stop (within?: number): Promise<void>
}

export interface TiedOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Called with each line of its output. */
  onLine: (line: string) => void
}

// The shell becomes the command, so that the pid is the command's own. Beside it, in the same process group, a watcher
// reads a pipe that ends with the parent, and then asks the group to end, and makes it.
const wrapper = `
(trap '' TERM; cat <&3; kill -TERM 0; sleep 3; kill -KILL 0) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-`

/** A group of its own: Ctrl+C in the terminal is the parent's to pass on, in its own order. */
export async function startTied (command: string, args: string[], { env, cwd, onLine }: TiedOptions): Promise<TiedProcess> {
  const child = spawn('sh', ['-c', wrapper, 'sh', command, ...args], { env, cwd, stdio: ['pipe', 'pipe', 'pipe', 'pipe'], detached: true })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream! }).on('line', onLine)
  const ended = endOf(child)
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

function endOf (child: ChildProcess): Promise<string> {
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

/** The watcher, and what the command left behind. */
function killGroup (pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {}
}
