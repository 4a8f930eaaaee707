// Flows: a chain is checked by what its tasks return and expect.
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import { chain, chord, group } from 'fastify-tasks'

declare const app: FastifyInstance

const size = app.tasks.define<string, number>('size', async data => data.length)
const double = app.tasks.define<null, number, never, number>('double', async (_data, task) => {
  expect(await task.previous()).type.toBe<number>()
  return 2 * await task.previous()
})
const shout = app.tasks.define<null, string, never, string>('shout', async (_data, task) => await task.previous())
const free = app.tasks.define<null, string>('free', async () => 'x')

test('what a task expects before it must fit what the one before returns', () => {
  expect(chain).type.toBeCallableWith(size.signature('x'), double.signature(null), free.signature(null))
  expect(chain).type.not.toBeCallableWith(size.signature('x'), shout.signature(null))
  expect(chain).type.not.toBeCallableWith(size.signature('x'), double.signature(null), shout.signature(null))
  expect(chord).type.toBeCallableWith([size.signature('x')], free.signature(null))
  expect(group).type.toBeCallableWith(size.signature('x'), shout.signature(null))
})

test('data of a signature, and the result of the handle', async () => {
  expect(size.signature).type.not.toBeCallableWith(1)
  const handle = await app.tasks.enqueueFlow(chain(size.signature('x'), double.signature(null)))
  expect(await handle.result()).type.toBe<number>()
})
