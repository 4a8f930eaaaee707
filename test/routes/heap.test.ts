/**
 * What an app leaves in its process when it has closed.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { ALONE } from '../support/room.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function openAndClose (apps: number): Promise<void> {
  for (let i = 0; i < apps; i++) {
    const app = Fastify()
    await app.register(tasks, { mode: 'memory' })
    await app.ready()
    await app.close()
  }
}

function heapUsed (): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

t.test('an app that has closed leaves next to nothing behind, such as serializers', ALONE, async t => {
  await openAndClose(20)
  const before = heapUsed()
  await openAndClose(100)
  const left = (heapUsed() - before) / 100
  t.ok(left < 20_000, `${Math.round(left)} bytes of each`)
})
