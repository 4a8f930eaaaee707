import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { withDeadline } from '../../lib/store/redis/deadline.ts'

const never = (): Promise<string> => new Promise(() => {})
const late = (): never => { throw new Error('late') }

t.test('before the deadline it settles as the promise', async t => {
  t.equal(await withDeadline(async () => 'in time', 10_000, late), 'in time')
  await t.rejects(withDeadline(async () => { throw new Error('failed') }, 10_000, late), { message: 'failed' })
})

t.test('at the deadline it settles as onLate', async t => {
  t.equal(await withDeadline(never, 1, () => 'late'), 'late')
  await t.rejects(withDeadline(never, 1, late), { message: 'late' })
})

t.test('onError decides what becomes of a rejection', async t => {
  const failing = async (): Promise<string> => { throw new Error('failed') }
  t.equal(await withDeadline(failing, 10_000, late, { onError: () => 'mended' }), 'mended')
  const explain = (error: unknown): never => { throw new Error(`explained: ${(error as Error).message}`) }
  await t.rejects(withDeadline(failing, 10_000, late, { onError: explain }), { message: 'explained: failed' })
})

t.test('what throws before there is a promise rejects', async t => {
  await t.rejects(withDeadline(() => { throw new Error('thrown') }, 10_000, late), { message: 'thrown' })
})

t.test('a reply that is there wins over a deadline that has passed while something held the event loop', async t => {
  const { port1, port2 } = new MessageChannel()
  const held = (): Promise<string> => new Promise(resolve => {
    port1.once('message', resolve)
    port2.postMessage('there')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  })
  t.equal(await withDeadline(held, 1, late), 'there')
  port1.close()
})

t.test('while something is read the promise is not late', async t => {
  let turns = 0
  const inTurns = (): Promise<string> => new Promise(resolve => {
    const turn = (): unknown => ++turns === 50 ? resolve('at last') : setImmediate(turn)
    setTimeout(turn, 5)
  })
  t.equal(await withDeadline(inTurns, 1, late, { read: () => turns === 0 ? Math.random() : turns }), 'at last')
})

t.test('a call that is sent only after the event loop was held has time for its reply', async t => {
  const call = (): Promise<string> => new Promise(resolve => {
    setImmediate(() => setTimeout(() => resolve('in time'), 20)) // sent at the end of the turn
  })
  const reply = withDeadline(call, 200, () => 'late')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  t.equal(await reply, 'in time')
  const none = withDeadline(() => new Promise<string>(() => {}), 20, () => 'late')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  t.equal(await none, 'late')
})
