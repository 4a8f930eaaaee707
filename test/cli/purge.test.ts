import t, { type Test } from 'tap'
import { ended, run, runInTerminal } from '../support/command.ts'
import { build, randomPrefix } from '../support/helpers.ts'
import type { FastifyInstance } from 'fastify'

async function full (t: Test): Promise<{ prefix: string, app: FastifyInstance, left: () => Promise<number> }> {
  const prefix = randomPrefix()
  const app = await build(t, { prefix, queues: ['mail'] }, app => { app.tasks.define('x') })
  await app.tasks.enqueueMany('x', Array.from({ length: 5 }, (_, i) => i < 2 ? { delay: 60_000 } : {}))
  await app.tasks.enqueue('x', 1, { queue: 'mail' })
  return { prefix, app, left: async () => { const { waiting, delayed } = (await app.tasks.counts()).default!; return waiting + delayed } }
}

t.test('asks first, and says what it would remove', async t => {
  const { prefix, app, left } = await full(t)
  for (const answer of ['n\n', '\n', 'yess\n']) {
    const refused = await ended(runInTerminal(t, '.', ['purge', 'default', '--prefix', prefix], {}, answer))
    t.match(refused, { code: 3, out: /Remove 3 waiting and 2 delayed tasks of queue "default" at redis:.*\? \[y\/N\][^]*Nothing was removed/ })
    t.equal(await left(), 5)
  }
  const removed = await ended(runInTerminal(t, '.', ['purge', 'default', '--prefix', prefix], {}, 'y\n'))
  t.match(removed, { code: 0, out: /default {2}5 removed/ })
  t.equal(await left(), 0)
  t.equal((await app.tasks.counts()).mail!.waiting, 1, 'another queue is left alone')
})

t.test('refuses without a terminal, unless it is told', async t => {
  const { prefix, left } = await full(t)
  t.match(await ended(run(t, '.', ['purge', 'default', '--prefix', prefix])), { code: 1, out: '', err: /This would remove 3 waiting and 2 delayed.*Give --yes \[FST_TASKS_PURGE_UNCONFIRMED\]\n$/ })
  t.equal(await left(), 5)
  t.match(await ended(run(t, '.', ['purge', 'default', '--prefix', prefix, '--yes', '--json'])), { code: 0, out: '{"queue":"default","removed":5}\n', err: '' })
  t.equal(await left(), 0)
  t.match(await ended(run(t, '.', ['purge', 'nowhere', '--prefix', prefix, '--yes'])), { code: 1, out: '', err: /\[FST_TASKS_QUEUE_UNKNOWN\]/ })
})
