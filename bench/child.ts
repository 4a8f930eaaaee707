/**
 * The program of a bench process: `child.js <role> <argument…>`. It reads calls as lines of JSON from stdin and answers
 * on stdout. It exits when its stdin closes, so it never outlives the bench, whatever killed the bench.
 */
import { createInterface } from 'node:readline'

type Role = Record<string, (options: any) => unknown>

const roles: Record<string, (...args: any[]) => Promise<unknown>> = {
  producer: async (peer, url) => (await import('./roles/producer.ts')).producer(peer, url),
  worker: async (peer, url) => (await import('./roles/worker.ts')).worker(peer, url),
  client: async (_peer, ...urls) => (await import('./roles/client.ts')).client(urls),
  operator: async (_peer, url) => (await import('./roles/operator.ts')).operator(url),
  dashboard: async (_peer, url) => (await import('./roles/dashboard.ts')).dashboard(url),
  web: async (kind, url) => (await import('./roles/web.ts')).web(kind, url),
  load: async () => (await import('./roles/load.ts')).load(),
  streams: async () => (await import('./roles/streams.ts')).streams(),
  proxy: async (_target, port) => (await import('./roles/proxy.ts')).proxy(Number(port))
}

const send = (message: object): boolean => process.stdout.write(`${JSON.stringify(message)}\n`)

async function handleLine (role: Role, line: string): Promise<void> {
  const { id, call, options } = JSON.parse(line)
  try {
    send({ id, value: await role[call]!(options) ?? null })
  } catch (error) {
    send({ id, error: (error as Error).stack ?? String(error) })
  }
}

const [name, ...args] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })
// exit() instead of a signal: --cpu-prof writes its file only then.
lines.once('close', () => process.exit())
const role = await roles[name!]!(...args) as Role
lines.on('line', line => void handleLine(role, line))
send({ ready: true })
