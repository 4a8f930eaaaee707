// The built types, checked whole (skipLibCheck: false), as an ES module sees them.
import Fastify from 'fastify'
import tasks, { chain, errors, fastifyTasks, flow, group, Unrecoverable, type Chain, type DefineOptions, type EnqueueItem, type FastifyTasks, type Graph, type GraphResult, type Group, type Serialized, type Task, type TaskRecord, type TasksOptions } from 'fastify-tasks'
import { runWorker, type RunningWorker } from 'fastify-tasks/worker'

export const options: TasksOptions = { name: 'tasks', worker: { concurrency: 2 } }
export const shared: DefineOptions = { retries: 3 }
export const items: Array<EnqueueItem<{ to: string }>> = [{ data: { to: 'a@example.com' }, delay: 1 }]
export const read: Serialized<{ at: Date }> = { at: '2026-01-01T00:00:00Z' }
export const failures = [new Unrecoverable('no'), new tasks.Unrecoverable('no'), new errors.TaskNotFound('id')]

export const app = Fastify()
await app.register(tasks, options)
await app.register(fastifyTasks, options)
export const api: FastifyTasks = app.tasks

export const mail: Task<{ to: string }, number> = app.tasks.define('mail', shared, async function (data, { signal, log }) {
  log.info(this.prefix)
  return signal.aborted ? 0 : data.to.length
})
// An app that exports a shape, and writes its own types, needs these names.
export const steps: Chain<number, unknown> = chain(mail.signature({ to: 'a@example.com' }))
export const parts: Group<[number], unknown> = group(mail.signature({ to: 'a@example.com' }))
export const graph: Graph<GraphResult> = flow({ tasks: { steps, parts } })
export const record: TaskRecord<number> | null = await (await app.tasks.enqueue('mail', { to: 'a@example.com' })).status()
export const worker: RunningWorker = await runWorker({ app: './app.ts', queues: ['default'] })
// @ts-expect-error: there is no such option
await app.register(tasks, { wroker: true })
// @ts-expect-error: merged, in cjs.cts
await app.tasks.enqueue('mial')
