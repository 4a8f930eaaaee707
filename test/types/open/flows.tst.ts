// Flows: a chain is checked by what its tasks return and expect.
import type { FastifyInstance } from 'fastify'
import { expect, test } from 'tstyche'
import { chain, chord, flow, group, type SettledResult, type Signature, type Task } from 'fastify-tasks'

declare const app: FastifyInstance

const size = app.tasks.define<string, number>('size', async data => data.length)
const double = app.tasks.define<null, number, never, number>('double', async (_data, task) => {
  expect(await task.previous()).type.toBe<number>()
  return 2 * await task.previous()
})
const shout = app.tasks.define<null, string, never, string>('shout', async (_data, task) => await task.previous())
const sum = app.tasks.define<null, number, never, number[]>('sum', async (_data, task) => (await task.previous()).length)
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

test('each task of a group gets what comes before the group', () => {
  expect(chain).type.toBeCallableWith(size.signature('x'), group(double.signature(null), free.signature(null)))
  expect(chain).type.not.toBeCallableWith(size.signature('x'), group(double.signature(null), shout.signature(null)))
  expect(chain).type.not.toBeCallableWith(size.signature('x'), group(free.signature(null), shout.signature(null)))
  expect(chain).type.not.toBeCallableWith(size.signature('x'), chord([double.signature(null), shout.signature(null)], free.signature(null)))
})

test('the callback of a chord gets a list', async () => {
  expect(chord).type.toBeCallableWith([size.signature('x'), size.signature('y')], sum.signature(null))
  expect(chord).type.not.toBeCallableWith([size.signature('x')], double.signature(null))
  expect(chord).type.not.toBeCallableWith([free.signature(null)], sum.signature(null))
  const handle = await app.tasks.enqueueFlow(chord(['x', 'y'].map(data => size.signature(data)), sum.signature(null)))
  expect(await handle.result()).type.toBe<number>()
})

test('a chain or a group of a list', async () => {
  const list = ['x', 'y'].map(data => size.signature(data))
  const one = await app.tasks.enqueueFlow(chain(...list))
  expect(await one.result()).type.toBe<number>()
  const other = await app.tasks.enqueueFlow(chain(free.signature(null), ...list))
  expect(await other.result()).type.toBe<string | number>()
  const all = await app.tasks.enqueueFlow(group(...list))
  expect(await all.result()).type.toBe<number[]>()
})

test('of a member that may fail others get a settled result', async () => {
  const settled = app.tasks.define<null, number, never, SettledResult<number>>('settled', async () => 1)
  const may = size.signature('x', { allowFailure: true, retries: 1 })
  expect(may).type.toBe<Signature<SettledResult<number>, unknown>>()
  expect(chain).type.toBeCallableWith(may, settled.signature(null))
  expect(chain).type.not.toBeCallableWith(may, double.signature(null))
  expect(chain).type.not.toBeCallableWith(size.signature('x', { allowFailure: false }), settled.signature(null))
  const handle = await app.tasks.enqueueFlow(group(may, size.signature('y')))
  expect(await handle.result()).type.toBe<[SettledResult<number>, number]>()
})

test('a task that expects something before it is a task like others', () => {
  const all: Task[] = [size, double, shout, free]
  function results<Data, Result> (task: Task<Data, Result>, _data: Data): Result[] { all.push(task); return [] }
  expect(results(double, null)).type.toBe<number[]>()
  app.tasks.defineSchedule('a', { task: double, data: null, every: 60_000 })
})

test('a graph of other shapes', async () => {
  const handle = await app.tasks.enqueueFlow(flow({ tasks: { a: size.signature('x'), b: group(double.signature(null)) }, dependsOn: { b: ['a'] } }))
  expect(await handle.result()).type.toBe<Record<string, unknown>>()
})
