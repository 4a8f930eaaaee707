import { join } from 'node:path'
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { errorOf, randomPrefix, reaches, REDIS_URL } from '../support/helpers.ts'

const PLUGIN = JSON.stringify(new URL('../../lib/plugin.js', import.meta.url).href)

const task = (name: string, body = 'return data'): string => `export default async function (fastify) {
  fastify.tasks.define('${name}', async function (data, task) { ${body} })
}`

async function load (t: Test, files: object, order = ['plugins', 'tasks', 'routes']): Promise<FastifyInstance> {
  const folder = t.testdir({ 'package.json': '{"type":"module"}', ...files } as any)
  const app = Fastify({ pluginTimeout: 60_000 }) // on a busy machine the imports of the files take long
  t.teardown(() => app.close())
  for (const dir of order) {
    const options = { redis: REDIS_URL, keys: randomPrefix() }
    app.register(autoload, { dir: join(folder, dir), autoHooks: true, encapsulate: dir !== 'plugins', options })
  }
  await app.ready()
  return app
}

const plugins = {
  'tasks.js': `import tasks from ${PLUGIN}
export default async function (fastify, { redis, keys }) {
  await fastify.register(tasks, { redis, prefix: keys, worker: true })
}`,
  'clock.js': 'export default async function (fastify) { fastify.decorate("clock", () => "noon") }'
}

for (const order of [['plugins', 'tasks', 'routes'], ['plugins', 'routes', 'tasks']]) {
  t.test(`@fastify/autoload: ${order.join(', ')}`, async t => {
    const app = await load(t, {
      plugins,
      tasks: {
        'time.js': task('time', 'return [this.clock(), data.city].join(", ")'),
        mail: { 'letter.js': task('letter', 'return (await this.tasks.enqueue("time", data)).result()') }
      },
      routes: {
        times: {
          'index.js': `export default async function (fastify) {
            fastify.post("/:city", async (request, reply) =>
              reply.accepted(await fastify.tasks.enqueue("letter", request.params)))
          }`
        }
      }
    }, order)
    const accepted = await app.inject({ method: 'POST', url: '/times/Oslo' })
    t.equal(accepted.statusCode, 202)
    const { id } = accepted.json()
    t.equal(accepted.headers.location, `/tasks/${id}`)
    await reaches(app, id, 'succeeded')
    const { result } = (await app.inject(`/tasks/${id}`)).json()
    t.equal(result, 'noon, Oslo', 'a task of a subfolder enqueues a task of another file')
  })
}

t.test('the handler of a task file has the decorators of its folder\'s scope', async t => {
  const hooks = 'export default async function (fastify) { fastify.decorate("place", "a") }'
  const app = await load(t, {
    plugins,
    tasks: {
      a: { 'autohooks.js': hooks, 'where.js': task('where.a', 'return this.place') },
      b: { 'where.js': task('where.b', 'return this.hasDecorator("place")') }
    },
    routes: { 'root.js': 'export default async function () {}' }
  })
  t.equal(await (await app.tasks.enqueue('where.a')).result({ timeout: 60_000 }), 'a')
  t.equal(await (await app.tasks.enqueue('where.b')).result({ timeout: 60_000 }), false)
})

t.test('CommonJS files are loaded', async t => {
  const app = await load(t, {
    'package.json': '{"type":"commonjs"}',
    plugins: {
      'tasks.cjs': `module.exports = async function (fastify, { redis, keys }) {
        const { default: tasks } = await import(${PLUGIN})
        await fastify.register(tasks, { redis, prefix: keys, worker: true })
      }`
    },
    tasks: { 'double.cjs': 'module.exports = async fastify => { fastify.tasks.define("double", data => data * 2) }' },
    routes: {
      'root.cjs': `module.exports = async fastify => {
        fastify.get("/:n", async (request, reply) =>
          reply.accepted(await fastify.tasks.enqueue("double", Number(request.params.n))))
      }`
    }
  })
  const { id } = (await app.inject('/21')).json()
  t.equal((await reaches(app, id, 'succeeded')).result, 42)
})

t.test('the boot fails if two files define the same name', async t => {
  const error = await errorOf(load(t, {
    plugins,
    tasks: { 'a.js': task('same'), 'b.js': task('same') },
    routes: { 'root.js': 'export default async function () {}' }
  }))
  t.match(error, { code: 'FST_TASKS_ALREADY_DEFINED', message: /"same"/ })
})
