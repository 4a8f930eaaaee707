/**
 * What each option must be, as the plugin itself says it: every option is given a value that nothing accepts, and the
 * error is read. So the reference cannot say anything else than the checks do.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import tasks from '../../lib/plugin.ts'

/** Passes options to the part of the plugin that takes them. */
type Probe = (app: FastifyInstance, options: any) => unknown

const register = (options: object): PromiseLike<unknown> => Fastify().register(tasks, options as {})

/** A task that no worker runs: an app of its own has it, in memory. */
const PROBED = 'probed'

export const probes: Record<string, Probe> = {
  TasksOptions: (_app, options) => register(options),
  RoutesOptions: (_app, routes) => register({ routes }),
  WorkerOptions: (_app, worker) => register({ worker }),
  ThreadsOptions: (_app, threads) => register({ threads }),
  BackoffOptions: (_app, backoff) => register({ backoff: { strategy: 'fixed', ...backoff } }),
  DefineOptions: (app, options) => app.tasks.define('other', options),
  TaskSchemas: (app, schema) => app.tasks.define('other', { schema }),
  EnqueueOptions: (app, options) => app.tasks.enqueue(PROBED, null, options),
  ResultOptions: async (app, options) => (await app.tasks.enqueue(PROBED)).result(options),
  ListOptions: (app, options) => app.tasks.list({ state: 'failed', ...options }),
  ScheduleListOptions: (app, options) => app.tasks.schedules.list(options),
  FlowOptions: (app, options) => app.tasks.enqueueFlow({ kind: 'signature', task: PROBED } as any, options),
  DrainOptions: (app, options) => app.tasks.drain(options),
  AdvanceOptions: (app, options) => app.tasks.advance(1, options)
}

async function messageOf (call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('an option was accepted that should not have been')
}

/** What one option must be. */
async function ruleOf (app: FastifyInstance, probe: Probe, option: string): Promise<string> {
  const message = await messageOf(() => probe(app, { [option]: Symbol('nothing accepts this') }))
  const rule = / must be (.+?)[,;] got /s.exec(message)?.[1]
  if (rule === undefined) throw new Error(`no rule for "${option}" in: ${message}`)
  return rule
}

/** The options that are accepted, by the error for an unknown one. */
async function knownTo (app: FastifyInstance, probe: Probe): Promise<string[]> {
  const message = await messageOf(() => probe(app, { 'no such option': 1 }))
  return /Known here: (.+)/.exec(message)?.[1]?.split(', ') ?? []
}

/** Option → what it must be. Throws if the interface has other options than the plugin accepts. */
export async function rulesOf (app: FastifyInstance, name: string, options: string[]): Promise<Map<string, string>> {
  const probe = probes[name]!
  const known = await knownTo(app, probe)
  const different = [...known, ...options].filter(option => !known.includes(option) || !options.includes(option))
  if (different.length > 0) throw new Error(`${name} and the check of its options differ: ${different.join(', ')}`)
  const rules = new Map<string, string>()
  for (const option of options) rules.set(option, await ruleOf(app, probe, option))
  return rules
}

/** An app to probe; nothing runs in it, and it needs no Redis. */
export async function probedApp (): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(tasks, { mode: 'memory', worker: false } as {})
  app.tasks.define(PROBED)
  await app.ready()
  return app
}
