/**
 * Our commands load an app as fastify-cli does: with the same .env and the same options. What is no app is named.
 */
import { createRequire } from 'node:module'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { CLI, commandsWith, DEADLINE, ended, PLUGIN, run, type Ended } from '../support/command.ts'
import { randomPrefix, REDIS_URL, until } from '../support/helpers.ts'
import { ALONE } from '../support/room.ts'

const require = createRequire(import.meta.url)
const FASTIFY_CLI = require.resolve('fastify-cli/cli.js')
const FASTIFY = JSON.stringify(require.resolve('fastify'))

/** Prints what it was given. */
const app = `import tasks from ${PLUGIN}
export const options = { bodyLimit: 100 }
export default async function app (fastify, { logger, ...options }) {
  const { REDIS_URL, QUOTED, SET_BEFORE } = process.env
  const limit = fastify.initialConfig.bodyLimit
  console.error('given: ' + JSON.stringify({ options, REDIS_URL, QUOTED, SET_BEFORE, limit }))
  await fastify.register(tasks, { prefix: process.env.PREFIX })
  fastify.tasks.define('x', () => 1)
}
`
const env = `REDIS_URL="${REDIS_URL}" # of the app
QUOTED='a "b" # c'
SET_BEFORE=changed
PREFIX=${randomPrefix()}
`
const APP_OPTIONS = ['--', '--tenant', 'a', '--max-size=3', '--dry', '--to', 'x', '--to', 'y', '-v', 'rest', '--last']

/** What the app was given. */
async function givenTo (t: Test, folder: string, args: string[]): Promise<any> {
  const child = spawn(process.execPath, args, {
    cwd: folder, env: { ...process.env, REDIS_URL: undefined, PREFIX: undefined, SET_BEFORE: 'kept', PORT: '0' }
  })
  const exited = once(child, 'exit')
  t.teardown(async () => { child.kill('SIGKILL'); await exited })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += chunk })
  const given = await until('it has booted', () => {
    const line = /^given: (.*)\n/m.exec(text)
    if (!line && child.exitCode !== null) throw new Error(text)
    return line
  }, DEADLINE)
  const killed = child.kill('SIGTERM')
  t.ok(killed || child.exitCode !== null)
  await exited
  return JSON.parse(given[1]!)
}

t.test('.env and app options: every command gives the app what fastify start gives it', async t => {
  const folder = t.testdir({ 'app.mjs': app, '.env': env })
  const start = [FASTIFY_CLI, 'start', '--options', 'app.mjs', ...APP_OPTIONS]
  const expected = await givenTo(t, folder, start)
  t.match(expected, {
    options: { tenant: 'a', maxSize: '3', dry: true, to: ['x', 'y'], last: true, bodyLimit: 100 },
    REDIS_URL,
    QUOTED: 'a "b" # c',
    SET_BEFORE: 'kept',
    limit: 100
  })
  const commands = [
    ['worker'], ['worker', '--watch'], ['dev', '--port', '0'], ['list'], ['status', 'unknown'], ['inspect', '--json']
  ]
  for (const command of commands) {
    const [name, ...flags] = command
    const given = await givenTo(t, folder, [CLI, name!, '-A', 'app.mjs', ...flags, ...APP_OPTIONS])
    t.same(given, expected, command.join(' '))
  }
})

t.test('without an app the address is from .env too, and app options are refused', ALONE, async t => {
  const folder = t.testdir({ '.env': env })
  const command = (...args: string[]): Promise<Ended> => ended(run(t, folder, args))
  const { REDIS_URL: url } = process.env
  delete process.env.REDIS_URL
  t.teardown(() => { process.env.REDIS_URL = url })
  const prefix = ['--prefix', randomPrefix()]
  t.match(await command('list', '--json', ...prefix), { code: 0, err: '' })
  t.match(await command('list', ...prefix, '--', '--tenant', 'a'), { code: 1, err: /options of the app.*-A/ })
})

const head = `import Fastify from ${FASTIFY}\nimport tasks from ${PLUGIN}\n`
const make = 'const app = Fastify(); app.register(tasks, { redis: process.env.REDIS_URL });'
const OWN_SERVER = /makes a Fastify server of its own.*export default async function app \(fastify, options\)/i

const wrong: Record<string, [code: string, message: RegExp]> = {
  'a factory': [`${head}export default function build () { ${make} return app }`, OWN_SERVER],
  'an async factory': [
    `${head}export default async function build () { ${make} await app.ready(); return app }`, OWN_SERVER
  ],
  'a function that listens': [
    `${head}export default async () => { ${make} await app.listen({ port: 0 }) }`, OWN_SERVER
  ],
  'a server module': [`${head}${make} await app.listen({ port: 0 })`, OWN_SERVER],
  'a module that exports its server': [`${head}${make} export default app`, OWN_SERVER],
  'no plugin': ['export const answer = 42', /exports answer, and no plugin.*export default async function app/]
}

t.test('what is no app plugin is named, with what to export', async t => {
  const files = Object.values(wrong).map(([code], i) => [`${i}.mjs`, code])
  const folder = t.testdir(Object.fromEntries(files))
  const command = commandsWith(t, folder, [])
  for (const [i, [what, [, message]]] of Object.entries(wrong).entries()) {
    const name = i % 2 === 0 ? 'worker' : 'list'
    const { code, err } = await command(name, '-A', `${i}.mjs`)
    t.match({ code, err }, { code: 1, err: message }, what)
    t.match(err, /\[FST_TASKS_APP_INVALID\]\n$/)
  }
})

t.test('a module that cannot be parsed is named, with the line', async t => {
  const broken = 'export const one = 1\nexport const two = (\n'
  const folder = t.testdir({
    'esm.mjs': 'import \'./part.mjs\'\nexport default async () => {}\n',
    'part.mjs': broken,
    'cjs.cjs': '\nmodule.exports = async ( => {}\n'
  })
  for (const [file, place] of [['esm.mjs', /part\.mjs:3\n/], ['cjs.cjs', /cjs\.cjs:2\n/]] as const) {
    for (const name of ['worker', 'list'] as const) {
      const { code, err } = await ended(run(t, folder, [name, '-A', file]))
      t.match({ code, err }, { code: 1, err: place }, `${name} ${file}`)
      t.match(err, /^fastify-tasks: [^]*SyntaxError: /)
    }
  }
})

t.test('an app that makes another server for itself is an app', async t => {
  const folder = t.testdir({
    'app.mjs': `${head}export default async function app (fastify) {
      await Fastify().ready()
      await fastify.register(tasks)
      fastify.tasks.define('x')
    }`
  })
  t.match(await commandsWith(t, folder, [])('list', '-A', 'app.mjs', '--json'), { code: 0, err: '' })
})
