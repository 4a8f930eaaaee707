import t, { type Test } from 'tap'
import { commandsWith, ended, runInTerminal } from '../support/command.ts'
import { build, randomPrefix, reaches } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'

interface Setup { prefix: string, app: FastifyInstance, left: () => Promise<number> }

/** Three waiting and two delayed tasks in one queue, one task in another. */
async function setup (t: Test): Promise<Setup> {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 5 }, (_, i) => i < 2 ? { delay: 60_000 } : {}))
  await app.tasks.enqueue('x', 1, { queue: 'mail' })
  const left = async (): Promise<number> => {
    const { waiting, delayed } = (await app.tasks.counts()).default!
    return waiting + delayed
  }
  return { prefix, app, left }
}

t.test('asks first, and says what it would remove', async t => {
  const { prefix, app, left } = await setup(t)
  const question = /Remove 3 waiting and 2 delayed tasks, but for those between two attempts, of queue "default" at redis:.*\? \[y\/N\][^]*Nothing was removed/
  const purge = ['purge', 'default', '--prefix', prefix]
  for (const answer of ['n\n', '\n', 'yess\n', '\u0003', '\u0004']) {
    t.match(await ended(runInTerminal(t, '.', purge, {}, answer)), { code: 3, out: question })
    t.equal(await left(), 5)
  }
  const removed = await ended(runInTerminal(t, '.', purge, {}, 'y\n'))
  t.match(removed, { code: 0, out: /default {2}5 removed/ })
  t.equal(await left(), 0)
  t.equal((await app.tasks.counts()).mail!.waiting, 1, 'another queue is left alone')
})

t.test('refuses without a terminal, except with --yes', async t => {
  const { prefix, left } = await setup(t)
  const command = commandsWith(t, '.', ['--prefix', prefix])
  const refusal = /This would remove 3 waiting and 2 delayed.*Give --yes \[FST_TASKS_PURGE_UNCONFIRMED\]\n$/
  t.match(await command('purge', 'default'), { code: 1, out: '', err: refusal })
  t.equal(await left(), 5)
  const removed = { code: 0, out: '{"queue":"default","removed":5}\n', err: '' }
  t.match(await command('purge', 'default', '--yes', '--json'), removed)
  t.equal(await left(), 0)
  for (const queue of ['nowhere', 'constructor']) {
    t.match(await command('purge', queue, '--yes'), { code: 1, out: '', err: /\[FST_TASKS_QUEUE_UNKNOWN\]/ })
  }
})

t.test('tasks between two attempts stay, except with --retrying', async t => {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => {
    const backoff = { strategy: 'fixed', delay: 60_000 } as const
    app.tasks.define('x', { retries: 1, backoff }, () => { throw new Error('no') })
  })
  const { id } = await app.tasks.enqueue('x')
  await reaches(app, id, 'retrying')
  const command = commandsWith(t, '.', ['--prefix', prefix])
  t.match(await command('purge', 'default', '--yes'), { code: 0, out: /default {2}0 removed/ })
  t.match(await app.tasks.status(id), { state: 'retrying' })
  t.match(await command('purge', 'default', '--yes', '--retrying'), { code: 0, out: /default {2}1 removed/ })
  t.equal(await app.tasks.status(id), null)
  await t.rejects(app.tasks.purge('default', { retry: true } as any), { code: 'FST_TASKS_OPTION_UNKNOWN' })
  await t.rejects(app.tasks.purge('default', 7 as any), { code: 'FST_TASKS_PLUGIN_OPTION_INVALID' })
})
