/**
 * What tests of bundlers share: an app, a folder in which it is built, and a run of the one file that comes out of it.
 */
import { execFile } from 'node:child_process'
import {
  copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { randomPrefix, REDIS_URL } from './helpers.ts'

export type Format = 'esm' | 'cjs'

const FORMATS: Format[] = ['esm', 'cjs']

/** What a bundle in ESM needs for the CommonJS packages in it, Fastify's own among them: as the guide has it. */
export const ESM_BANNER = /--banner:js='(.+?)'/.exec(readFileSync('docs/guides/plugins.md', 'utf8'))![1]!

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
  let advice, ownThread
  try {
    ownThread = app.tasks.define('thread', { thread: './thread.mjs' })
  } catch (error) {
    advice = error.code + (error.message.includes('fastify-tasks') ? ', leave fastify-tasks out' : '')
  }
  app.post('/', async (request, reply) => reply.accepted(await double.enqueue(request.body)))
  const { headers } = await app.inject({ method: 'POST', url: '/', payload: { n: 21 } })
  const events = await app.inject(headers.location + '/events')
  const later = await double.enqueue({ n: 1 }, { delay: 1 })
  const results = [JSON.parse(events.body.split('data: ').at(-1)).result, await later.result({ timeout: 60_000 })]
  const refused = await double.enqueue({ n: 'x' }).catch(error => error.code)
  const thread = ownThread ? await (await ownThread.enqueue(20)).result({ timeout: 60_000 }) : advice
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

/** A folder that is removed when the test ends. */
function temporary (t: Test, name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), name)))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function install (folder: string): void {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'fastify-tasks'), { recursive: true })
  cpSync('package.json', join(modules, 'fastify-tasks', 'package.json'))
  symlinkSync(fileURLToPath(new URL('../../lib', import.meta.url)), join(modules, 'fastify-tasks', 'dist'))
}

/** A folder with the app as app.mjs, and with the packages that it needs. */
export function bundlerFolder (t: Test): string {
  const folder = temporary(t, 'fastify-tasks-bundle-')
  install(folder)
  symlinkSync(resolve('node_modules/fastify'), join(folder, 'node_modules', 'fastify'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'app.mjs'), source)
  return folder
}

/**
 * Runs the bundle in another folder, and checks what the app has printed. The folder has nothing else, or this package
 * and a file of the task that has a thread, if the bundle is without this package.
 */
export async function checkBundle (t: Test, bundle: string, withPackage: boolean): Promise<void> {
  const folder = temporary(t, 'fastify-tasks-alone-')
  const file = join(folder, basename(bundle))
  copyFileSync(bundle, file)
  if (withPackage) install(folder)
  if (withPackage) writeFileSync(join(folder, 'thread.mjs'), 'export default n => n + 1')
  const env = { PATH: process.env.PATH, REDIS_URL, PREFIX: randomPrefix() }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder, env, timeout: 40_000 })
  const thread = withPackage ? 21 : 'FST_TASKS_THREAD_BUNDLED, leave fastify-tasks out'
  t.same(stdout && JSON.parse(stdout), { results: [42, 2, 'in memory'], refused: 'FST_ERR_VALIDATION', thread }, stderr)
}

/** Calls `check` for each kind of bundle. */
export function eachBundle (check: (format: Format, withPackage: boolean, title: string) => void): void {
  for (const format of FORMATS) check(format, false, format)
  check('cjs', true, 'cjs, without fastify-tasks')
}
