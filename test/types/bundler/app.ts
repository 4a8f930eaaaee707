// The built types, checked whole (skipLibCheck: false), as a project sees them that a bundler resolves.
import Fastify from 'fastify'
import tasks, { errors, Unrecoverable, type FastifyTasks } from 'fastify-tasks'
import dashboard from 'fastify-tasks/dashboard'
import { otel } from 'fastify-tasks/otel'
import { runWorker, type RunningWorker } from 'fastify-tasks/worker'

export const app = Fastify()
await app.register(tasks, { telemetry: otel() })
await app.register(dashboard, { access: () => 'read' })
export const api: FastifyTasks = app.tasks
export const worker: RunningWorker = await runWorker({ app: './app.ts' })

export const code: string = new errors.TaskNotFound('id').code
export const why: Error = new Unrecoverable('no')
// @ts-expect-error: an error is no number, so its type is known
export const wrong: number = new errors.TaskNotFound('id')

const mail = app.tasks.define('mail', async (data: { to: string }) => data.to.length)
export const sent: number = await (await mail.enqueue({ to: 'a@example.com' })).result()
// @ts-expect-error: the data is known
await mail.enqueue({ to: 5 })
