/** A relay in front of Redis, for faults: it cuts connections and loses replies. */
import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import { connect, REDIS_URL } from './helpers.ts'

export interface Relay {
  url: string
  /** Whether a worker waits for work on a connection through this relay. */
  waits (): Promise<boolean>
  /** Cuts that connection off: nothing passes any more, but Redis sees it as open. */
  cutWait (): void
  /** Closes that connection. No new connection is accepted. */
  breakWait (): void
  /** If this returns true for a reply, the connection is closed instead. */
  loses: (reply: Buffer) => boolean
}

export async function relay (t: Test, target = REDIS_URL): Promise<Relay> {
  const { hostname, port } = new URL(target)
  const redis = connect(t, target)
  let wait: Socket | null = null
  let isCut = false
  const server = createServer(near => {
    const far = createConnection({ host: hostname, port: Number(port) })
    const isSilent = (): boolean => isCut && far === wait
    near.on('data', data => {
      if (data.includes('blmove')) wait = far
      far.write(data)
    })
    far.on('data', data => {
      if (isSilent()) return
      if (relay.loses(data)) near.destroy()
      else near.write(data)
    })
    near.on('error', () => {}).on('close', () => { if (!isSilent()) far.destroy() })
    far.on('error', () => {}).on('close', () => near.destroy())
    t.teardown(() => far.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const isBlocked = (client: string): boolean =>
    client.includes(` addr=127.0.0.1:${wait?.localPort} `) && client.includes(' flags=b ')
  const relay: Relay = {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    waits: async () => String(await redis.client('LIST')).split('\n').some(isBlocked),
    cutWait: () => { isCut = true },
    breakWait: () => {
      server.close()
      wait!.destroy()
    },
    loses: () => false
  }
  return relay
}
