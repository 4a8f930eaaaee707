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
  t.equal(await withDeadline(failing, 10_000, late, () => 'mended'), 'mended')
  const explain = (error: unknown): never => { throw new Error(`explained: ${(error as Error).message}`) }
  await t.rejects(withDeadline(failing, 10_000, late, explain), { message: 'explained: failed' })
})

t.test('what throws before there is a promise rejects', async t => {
  await t.rejects(withDeadline(() => { throw new Error('thrown') }, 10_000, late), { message: 'thrown' })
})
