/**
 * What runs in a process of the bench: `child.js <role> <argument…>`. It is asked in lines of JSON on stdin, answers on
 * stdout, and ends with its stdin: however the bench died.
 */
import { createInterface } from 'node:readline'
import { producer } from './roles/producer.ts'
import { worker } from './roles/worker.ts'

const roles: Record<string, (...args: string[]) => Promise<any>> = { producer, worker }

const answer = (message: object): boolean => process.stdout.write(`${JSON.stringify(message)}\n`)

async function obey (role: any, line: string): Promise<void> {
  const { id, call, options } = JSON.parse(line)
  try {
    answer({ id, value: await role[call](options) ?? null })
  } catch (error) {
    answer({ id, error: (error as Error).stack ?? String(error) })
  }
}

const [name, ...args] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })
const role = await roles[name!]!(...args)
lines.on('line', line => void obey(role, line))
// exit() and no signal: --cpu-prof writes its file then.
lines.once('close', () => process.exit())
answer({ ready: true })
