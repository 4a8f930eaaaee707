/**
 * Runs commands of the command line one after the other in this process: a process for each costs most of a second of
 * CPU, nearly all of it to load modules. command.ts starts it. For commands that end by themselves, and not for those
 * about processes: signals, terminals, the options of an app, a file .env.
 */
import { chdir } from 'node:process'

/** What command.ts sends: which command to run, and where. */
export interface HostedCommand { id: number, folder: string, args: string[], env: NodeJS.ProcessEnv }

/** The answer. */
export interface HostedEnd { id: number, code: number | null, out: string, err: string }

/** Thrown by process.exit: no statement behind it may run. */
class Exit extends Error {}

const ownEnv = { ...process.env }
const texts = { out: '', err: '' }
let code: number | null = null
let queue = Promise.resolve()

const collect = (to: 'out' | 'err') => (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
  texts[to] += String(chunk)
  const done = rest.at(-1)
  if (typeof done === 'function') setImmediate(done as () => void)
  return true
}

process.stdout.write = collect('out')
process.stderr.write = collect('err')
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0) // each command adds its own
process.exit = status => {
  code ??= Number(status ?? process.exitCode ?? 0)
  throw new Exit()
}

function setEnv (env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(ownEnv, name)) delete process.env[name]
  for (const [name, value] of Object.entries({ ...ownEnv, ...env })) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}

async function run ({ id, folder, args, env }: HostedCommand): Promise<void> {
  const main = new URL('../../lib/cli/main.js', import.meta.url)
  Object.assign(texts, { out: '', err: '' })
  code = null
  chdir(folder)
  setEnv(env)
  process.argv = [process.argv[0]!, main.pathname, ...args]
  try {
    await import(`${main.href}?run=${id}`) // the module runs again, those that it imports do not
  } catch (error) {
    if (!(error instanceof Exit)) {
      texts.err += String((error as Error).stack ?? error)
      code ??= 1
    }
  }
  process.send!({ id, code: code ?? 0, ...texts } satisfies HostedEnd)
}

process.on('message', (command: HostedCommand) => { queue = queue.then(() => run(command)) })
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
