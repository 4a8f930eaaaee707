/**
 * Counts what Redis is asked.
 */
import { randomUUID } from 'node:crypto'
import { createConnection } from 'node:net'
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import { script } from '../../lib/store/redis/run-script.ts'
import { connect, REDIS_URL, until } from './helpers.ts'
import type { ScriptName } from '../../lib/store/redis/lua.generated.ts'

/** What Redis is asked from now on, by scripts too. A socket: ioredis cannot read the replies of MONITOR. */
export async function commandsOf (t: Test): Promise<() => Promise<string[]>> {
  const { hostname, port } = new URL(REDIS_URL)
  const socket = createConnection({ host: hostname, port: Number(port) })
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', chunk => { text += chunk })
  socket.write('MONITOR\r\n')
  await until('the server tells what it is asked', () => text.startsWith('+OK'))
  const client = connect(t)
  return async () => {
    // The server lists its commands later than it answers them.
    const mark = randomUUID()
    await client.echo(mark)
    await until('all commands so far are listed', () => text.includes(mark))
    return text.split('\n')
  }
}

/** How many claims and waits for tasks Redis is sent while it answers 500 pings: a worker that spins sends hundreds. */
export async function claimsMeanwhile (t: Test, prefix: string): Promise<number> {
  const client = connect(t)
  const commands = await commandsOf(t)
  for (let i = 0; i < 500; i++) await client.ping()
  const ofWorkers = [script('claim').sha, script('settle-and-claim').sha, '"blmove"']
  return (await commands()).filter(line => line.includes(prefix) && ofWorkers.some(one => line.includes(one))).length
}

/** How often a script has been called for a task, from now on. A call that names it twice counts as two. */
export async function countCalls (t: Test, name: ScriptName, id: string): Promise<() => Promise<number>> {
  const commands = await commandsOf(t)
  const { sha } = script(name)
  return async () => (await commands()).filter(line => line.includes(sha)).join('').split(id).length - 1
}

/** How many bytes a server has sent to all its clients. For a server that no other test uses. */
export const bytesSent = async (redis: Redis): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))![1])
