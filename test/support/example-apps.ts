/**
 * Apps of examples/ in the process of a test: the compiled files, in a folder in which fastify-tasks is installed.
 */
import {
  cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Test } from 'tap'
import { until } from './helpers.ts'

const compiled = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Copies a folder of examples/, compiled. Returns a function that loads the default export of one of its files. */
export function exampleFolder (t: Test, name: string): (file: string) => Promise<any> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fastify-tasks-example-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(`examples/${name}`, folder, { recursive: true, filter: path => !path.endsWith('.ts') })
  if (existsSync(compiled(`examples/${name}`))) cpSync(compiled(`examples/${name}`), folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'fastify-tasks'), { recursive: true })
  cpSync('package.json', join(modules, 'fastify-tasks', 'package.json'))
  symlinkSync(compiled('lib'), join(modules, 'fastify-tasks', 'dist'))
  for (const entry of readdirSync('node_modules')) {
    if (!entry.startsWith('.')) symlinkSync(resolve('node_modules', entry), join(modules, entry))
  }
  return async file => (await import(pathToFileURL(join(folder, file)).href)).default
}

/** A started app with one plugin, whose decorators it has. It is closed when the test ends. */
export async function started (
  t: Test, plugin: FastifyPluginAsync<any>, options: object, more?: (app: FastifyInstance) => unknown,
  server: FastifyServerOptions = {}
): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(server as {})
  t.teardown(() => app.close())
  await app.register(fp(plugin), options)
  await more?.(app)
  await app.ready()
  return app
}

interface Reply { statusCode: number, headers: Record<string, unknown> }

/** Posts a body, which is answered with 202, and reads the status until `look` finds something. */
export async function follow<T> (
  app: FastifyInstance, url: string, payload: object, look: (status: any) => T
): Promise<NonNullable<T>> {
  const reply = await app.inject({ method: 'POST', url, payload }) as Reply
  if (reply.statusCode !== 202) throw new Error(`${url} is answered ${reply.statusCode}`)
  const location = String(reply.headers.location)
  return until(`${url}: its status`, async () => look((await app.inject(location)).json()), 30_000)
}

export const ended = (record: any): any => record.finishedAt && record
