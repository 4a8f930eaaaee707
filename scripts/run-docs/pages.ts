/**
 * What a person has before the first command of a page, and the commands that are not run, each with its reason.
 */

export interface Setup {
  files?: Record<string, string>
  /** Commands that the page takes as done, written as in a block of ```console. */
  before?: string
  /** Commands that show that the page's own had an effect. */
  after?: string
}

const app = (define: string, options = ''): string => `import tasks from 'fastify-tasks'

export default async function app (fastify, options) {
  await fastify.register(tasks${options})
  ${define}
}
`

const resize = app('fastify.tasks.define(\'resize\', async data => data)')

/** Waits for the long poll of the page, then ends. */
const slow = app(`const slow = fastify.tasks.define('slow', async (data, task) => {
    await task.updateState('RUNS')
    await new Promise(resolve => setTimeout(resolve, 2_000))
  })
  fastify.post('/slow', async (request, reply) => reply.accepted(await slow.enqueue()))`)

const failing = `import Fastify from 'fastify'
import tasks from 'fastify-tasks'

const app = Fastify()
await app.register(tasks, { worker: true })
app.tasks.define('fail', () => { throw new Error('as it must') })
await app.ready()
const handle = await app.tasks.enqueue('fail')
await handle.result().catch(() => {})
await app.close()
console.log(handle.id)
`

const bundled = `import Fastify from 'fastify'
import tasks from 'fastify-tasks'

async function main () {
  const app = Fastify()
  await app.register(tasks, { worker: true })
  const double = app.tasks.define('double', async data => data * 2)
  await app.ready()
  console.log(await (await double.enqueue(21)).result())
  await app.close()
}
main()
`

const schedule = app(`const report = fastify.tasks.define('report', async () => 'done')
  fastify.tasks.defineSchedule('nightly-report', { task: report, cron: '0 3 * * *', timezone: 'Europe/Berlin' })`)

export const setups: Record<string, Setup> = {
  'docs/guides/deployment.md': {
    files: { 'app.mjs': resize },
    before: '$ npx fastify-tasks worker -A app.mjs'
  },
  'docs/guides/monitoring.md': { files: { 'app.mjs': resize } },
  'docs/guides/plugins.md': {
    files: { 'app.mjs': bundled },
    after: '$ node out.cjs\n42\n$ node out.mjs\n42'
  },
  'docs/guides/schedules.md': { files: { 'app.mjs': schedule }, before: '$ npx fastify-tasks worker -A app.mjs' },
  'docs/guides/status-routes.md': {
    files: { 'app.mjs': slow },
    before: '$ npx fastify start app.mjs\n$ npx fastify-tasks worker -A app.mjs\n' +
      '$ curl -i -X POST localhost:3000/slow\nHTTP/1.1 202 Accepted\nlocation: /tasks/0d9c0c4e-…'
  },
  'docs/guides/workers.md': { files: { 'app.ts': resize } },
  'docs/reference/cli.md': {
    files: { 'app.ts': resize, 'fail.mjs': failing },
    before: '$ node fail.mjs\n0d9c0c4e-…'
  },
  'examples/thumbnails/app.ts': {
    before: '$ node -e "new (require(\'jimp\').Jimp)({ width: 640, height: 480 }).write(\'picture.png\')"'
  }
}

interface NotRun {
  page: string
  /** The start of the commands. */
  command: string
  why: string
}

export const notRun: NotRun[] = [
  { page: 'README.md', command: 'npm ci && npm run demo', why: 'of a clone: `npm run test:browser` runs the demo' },
  { page: 'README.md', command: 'npm ci && npm test', why: 'of a clone: a step of .ci/run' },
  { page: 'CONTRIBUTING.md', command: 'npm ci', why: 'of a clone: the first step of .ci/run' },
  { page: 'CONTRIBUTING.md', command: 'npm test', why: 'of a clone: a step of .ci/run' },
  { page: 'CONTRIBUTING.md', command: 'npm run lint && npm run typecheck', why: 'of a clone: steps of .ci/run' },
  { page: 'CONTRIBUTING.md', command: 'npm run compile && node', why: 'of a clone: what `npm test` does, for a file' },
  { page: 'CONTRIBUTING.md', command: 'npm run test:node -- 24', why: 'of a clone: all tests, on another Node.js' },
  { page: 'docs/internals/benchmarks.md', command: 'npm run ', why: 'long: .ci/run has `bench -- --tiny`' }
]
