/**
 * A task sees the scope in which it was defined, as a route does: embedded, and in a standalone worker.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import t from 'tap'
import fastifyTasks from '../lib/plugin.ts'
import { runWorker } from '../lib/standalone.ts'
import { build, randomPrefix, REDIS_URL } from './support/helpers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    word: string
    mine: string
    theirs: string
    late: string
    service: { greet: () => string }
  }
}

/** Two plugins side by side, each with its own decorator and its own task. Some decorators come after `define`. */
async function scopes (app: FastifyInstance): Promise<void> {
  app.decorate('word', 'of the root')
  app.tasks.define('root', function () { return [this.word, this.mine, this.theirs, this.late] })
  await app.register(async scope => {
    scope.tasks.define('mine', function (_data, task) {
      return [this.word, this.mine, this.theirs, this.late, task.app === this, this === scope]
    })
    scope.decorate('mine', 'decorated after define')
  })
  await app.register(async scope => {
    scope.decorate('theirs', 'of the sibling')
    scope.tasks.define('theirs', (_data, task) => [task.app.word, task.app.mine, task.app.theirs, task.app.late])
  })
  app.decorate('late', 'after all define')
}

const expected: Record<string, unknown[]> = {
  root: ['of the root', null, null, 'after all define'],
  mine: ['of the root', 'decorated after define', null, 'after all define', true, true],
  theirs: ['of the root', null, 'of the sibling', 'after all define']
}

/** What an app opens in plugins, before the tasks or after them. */
async function services (app: FastifyInstance): Promise<void> {
  await app.register(fastifyRedis, { url: REDIS_URL })
  app.register(fp(async scope => {
    await new Promise(resolve => setImmediate(resolve))
    scope.decorate('service', { greet: () => 'hello' })
  }))
}

const resultOf = async (app: FastifyInstance, name: string): Promise<unknown> =>
  (await app.tasks.enqueue(name)).result({ timeout: 60_000 })

t.test('embedded: a task sees its own scope, not the scope of its sibling', async t => {
  const app = await build(t, { worker: true }, scopes)
  for (const [name, words] of Object.entries(expected)) t.same(await resultOf(app, name), words, name)
})

t.test('standalone: the same', async t => {
  const prefix = randomPrefix()
  async function app (fastify: FastifyInstance): Promise<void> {
    await fastify.register(fastifyTasks, { prefix, redis: REDIS_URL })
    await scopes(fastify)
  }
  const worker = await runWorker({ app, logLevel: 'silent' })
  t.teardown(() => worker.close())
  const web = await build(t, { prefix }, app => { for (const name of Object.keys(expected)) app.tasks.define(name) })
  for (const [name, words] of Object.entries(expected)) t.same(await resultOf(web, name), words, name)
})

for (const order of ['before', 'after']) {
  t.test(`a handler sees services that were registered ${order} the tasks: embedded, and standalone`, async t => {
    const prefix = randomPrefix()
    const key = `${prefix}:{default}:jobs`
    async function app (fastify: FastifyInstance): Promise<void> {
      if (order === 'before') await services(fastify)
      const redis = order === 'before' ? undefined : REDIS_URL
      await fastify.register(fastifyTasks, { prefix, redis, worker: true })
      fastify.tasks.define('x', async (_data, { app, id }) => [app.service.greet(), await app.redis.hexists(key, id)])
      if (order === 'after') await services(fastify)
    }
    const embedded = Fastify()
    t.teardown(() => embedded.close())
    await embedded.register(app)
    const standalone = await runWorker({ app: fp(app), logLevel: 'silent' })
    t.teardown(() => standalone.close())
    const web = await build(t, { prefix }, app => { app.tasks.define('x') })
    t.same(await resultOf(web, 'x'), ['hello', 1], 'standalone')
    await standalone.close()
    await embedded.ready()
    t.same(await resultOf(web, 'x'), ['hello', 1], 'embedded')
  })
}
