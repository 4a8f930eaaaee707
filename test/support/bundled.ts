/**
 * What tests of bundlers share: an app, a folder in which it is built, and a run of the one file that comes out of it.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { randomPrefix, REDIS_URL } from './helpers.ts'

export type Format = 'esm' | 'cjs'

export const FORMATS: Format[] = ['esm', 'cjs']

/** What a bundle in ESM needs for the CommonJS packages in it, Fastify's own among them. */
export const ESM_BANNER = 'import { createRequire as $require } from "node:module"; ' +
  'import { fileURLToPath as $path } from "node:url"; const require = $require(import.meta.url); ' +
  'const __filename = $path(import.meta.url); const __dirname = $path(new URL(".", import.meta.url));'

const source = `import Fastify from 'fastify'
import tasks from 'fastify-tasks'

async function main () {
  const app = Fastify()
  await app.register(tasks, { prefix: process.env.PREFIX, worker: true })
  const data = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
  const double = app.tasks.define('double', { schema: { data, result: { type: 'number' } } }, async (data, task) => {
    await task.updateState('DOUBLING', data.n)
    return data.n * 2
  })
  app.post('/', async (request, reply) => reply.accepted(await double.enqueue(request.body)))
  const { headers } = await app.inject({ method: 'POST', url: '/', payload: { n: 21 } })
  const events = await app.inject(headers.location + '/events')
  const later = await double.enqueue({ n: 1 }, { delay: 1 })
  const results = [JSON.parse(events.body.split('data: ').at(-1)).result, await later.result({ timeout: 20_000 })]
  const refused = await double.enqueue({ n: 'x' }).catch(error => error.code)
  let thread
  try {
    app.tasks.define('thread', { thread: './thread.mjs' })
  } catch (error) {
    thread = error.code
  }
  const memory = Fastify()
  await memory.register(tasks, { mode: 'memory' })
  memory.tasks.define('x', () => 'in memory')
  await memory.ready()
  results.push(await (await memory.tasks.enqueue('x')).result())
  await Promise.all([app.close(), memory.close()])
  console.log(JSON.stringify({ results, refused, thread }))
}
main()
`

/** A folder with the app as app.mjs, and with the packages that it needs. It is removed when the test ends. */
export function bundlerFolder (t: Test): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fastify-tasks-bundle-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'fastify-tasks'), { recursive: true })
  cpSync('package.json', join(modules, 'fastify-tasks', 'package.json'))
  symlinkSync(resolve('.build/lib'), join(modules, 'fastify-tasks', 'dist'))
  symlinkSync(resolve('node_modules/fastify'), join(modules, 'fastify'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'app.mjs'), source)
  return folder
}

/** Runs the bundle in a folder that has nothing else, and checks what the app has printed. */
export async function checkBundle (t: Test, bundle: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-tasks-alone-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, basename(bundle))
  copyFileSync(bundle, file)
  const env = { PATH: process.env.PATH, REDIS_URL, PREFIX: randomPrefix() }
  const options = { cwd: dirname(file), env, timeout: 40_000 }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], options)
  const expected = { results: [42, 2, 'in memory'], refused: 'FST_ERR_VALIDATION', thread: 'FST_TASKS_THREAD_BUNDLED' }
  t.same(stdout && JSON.parse(stdout), expected, stderr)
}
