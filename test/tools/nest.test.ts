/**
 * The recipe for NestJS in docs/guides/recipes.md, run as it is written there: a service enqueues, a handler uses a
 * service, the status has its route, and the app closes the worker. npm run test:tools.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fp from 'fastify-plugin'
import t from 'tap'
import tasks from '../../lib/plugin.ts'
import { randomPrefix, REDIS_URL } from '../support/helpers.ts'
import { TOOLS } from './tools.ts'

const { resolve } = createRequire(join(TOOLS, 'package.json'))
const load = (name: string): Promise<any> => import(pathToFileURL(resolve(name)).href)

await load('reflect-metadata')
const { Inject, Injectable, Module } = await load('@nestjs/common')
const { HttpAdapterHost, NestFactory } = await load('@nestjs/core')
const { FastifyAdapter } = await load('@nestjs/platform-fastify')

const [, recipe] = /^```ts recipe=nest\n([^]*?)^```$/m.exec(readFileSync('docs/guides/recipes.md', 'utf8'))!

class Thumbnails {
  resize ({ width }: { width: number }): { width: number } { return { width: width / 2 } }
}
Injectable()(Thumbnails)

/** Enqueues, as a service of the app. */
class Uploads {
  readonly host: any
  constructor (host: any) { this.host = host }

  add (width: number): Promise<any> { return this.host.httpAdapter.getInstance().tasks.enqueue('resize', { width }) }
}
Injectable()(Uploads)
Inject(HttpAdapterHost)(Uploads, undefined, 0)

class AppModule {}
Module({ providers: [Thumbnails, Uploads] })(AppModule)

t.test('a Nest app with the plugin on its adapter', async t => {
  const plugin = fp(async (fastify, options: object) => {
    await fastify.register(tasks, { ...options, redis: REDIS_URL, prefix: randomPrefix() })
  })
  const names = { FastifyAdapter, NestFactory: silent(NestFactory), AppModule, Thumbnails, tasks: plugin }
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
  const run = new AsyncFunction(...Object.keys(names), `${recipe!.replace('3000', '0')}\nreturn app`)
  const app = await run(...Object.values(names))
  const fastify = app.getHttpAdapter().getInstance()
  const handle = await app.get(Uploads).add(100)
  t.same(await handle.result({ timeout: 30_000 }), { width: 50 })
  t.match((await fastify.inject(handle.location)).json(), { state: 'succeeded', result: { width: 50 } })
  t.equal((await fastify.tasks.workers()).length, 1)
  await app.close()
  await t.rejects(handle.status(), { code: 'FST_TASKS_CLOSED' })
})

/** Without Nest's log. */
function silent (factory: any): unknown {
  return { create: (module: unknown, adapter: unknown) => factory.create(module, adapter, { logger: false }) }
}
