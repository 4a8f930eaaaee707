/** A way to Redis that loses what it is told to lose. */
import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import { connect, REDIS_URL } from './helpers.ts'

export interface Relay {
  url: string
  /** A worker waits for work, on a connection that goes this way. */
  waits (): Promise<boolean>
  /** That connection is cut off without a word: Redis does not hear of it. */
  cutWait (): void
  /** That connection is broken, and none is taken any more. */
  breakWait (): void
  /** Cuts a connection instead of passing on a reply of which this is true. */
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
      if (way.loses(data)) near.destroy()
      else near.write(data)
    })
    near.on('error', () => {}).on('close', () => { if (!isSilent()) far.destroy() })
    far.on('error', () => {}).on('close', () => near.destroy())
    t.teardown(() => far.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const way: Relay = {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    waits: async () => String(await redis.client('LIST')).split('\n').some(line => line.includes(` addr=127.0.0.1:${wait?.localPort} `) && line.includes(' flags=b ')),
    cutWait: () => { isCut = true },
    breakWait: () => {
      server.close()
      wait!.destroy()
    },
    loses: () => false
  }
  return way
}
