// The same through require. Names are merged here: a CommonJS module can, and they hold for the whole program.
import Fastify = require('fastify')
import tasks = require('fastify-tasks')
import worker = require('fastify-tasks/worker')
import type { Task } from 'fastify-tasks' with { 'resolution-mode': 'require' }

declare module 'fastify-tasks' {
  interface Tasks {
    mail: { data: { to: string }, result: number }
  }
}

const app = Fastify()
app.register(tasks, { worker: true })
const mail: Task<{ to: string }, number> = app.tasks.define('mail', async data => data.to.length)
app.post('/', async (_request, reply) => reply.accepted(await mail.enqueue({ to: 'a@example.com' })))
// @ts-expect-error: the data has another type
app.tasks.enqueue('mail', { to: 1 })
// @ts-expect-error: there is no such option
app.register(tasks, { wroker: true })
export = { failure: new tasks.Unrecoverable('no'), run: worker.runWorker }
