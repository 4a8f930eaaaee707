/**
 * What runs in a process of the bench: `child.js <role> <argument…>`. It is asked in lines of JSON on stdin, answers on
 * stdout, and ends with its stdin: however the bench died.
 */
import { createInterface } from 'node:readline'

type Role = Record<string, (options: any) => unknown>

const roles: Record<string, (...args: any[]) => Promise<unknown>> = {
  producer: async (peer, url) => (await import('./roles/producer.ts')).producer(peer, url),
  worker: async (peer, url) => (await import('./roles/worker.ts')).worker(peer, url),
  client: async (_peer, ...urls) => (await import('./roles/client.ts')).client(urls),
  web: async (kind, url) => (await import('./roles/web.ts')).web(kind, url),
  load: async () => (await import('./roles/load.ts')).load(),
  streams: async () => (await import('./roles/streams.ts')).streams(),
  proxy: async (_target, port) => (await import('./roles/proxy.ts')).proxy(Number(port))
}

const answer = (message: object): boolean => process.stdout.write(`${JSON.stringify(message)}\n`)

async function obey (role: Role, line: string): Promise<void> {
  const { id, call, options } = JSON.parse(line)
  try {
    answer({ id, value: await role[call]!(options) ?? null })
  } catch (error) {
    answer({ id, error: (error as Error).stack ?? String(error) })
  }
}

const [name, ...args] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })
// By exit() and no signal: --cpu-prof writes its file then.
lines.once('close', () => process.exit())
const role = await roles[name!]!(...args) as Role
lines.on('line', line => void obey(role, line))
answer({ ready: true })
