// The tasks of the demo: `bake-bread` takes a while, `send-email` sends a mail, `check-oven` runs every minute, and
// three tasks make a report together, as a workflow.
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { chain, group, type FlowShape, type Task } from 'fastify-tasks'
import nodemailer from 'nodemailer'

export interface Mail { to: string, subject: string, body: string }
export interface Steps { current: number, total: number }
export interface Batch { loaves: number }

const stepMs = Number(process.env.DEMO_STEP_MS ?? 500)
const smtpUrl = process.env.SMTP_URL ?? 'smtp://localhost:1025'

/** The stages of a batch of bread, and the number of steps of each stage. */
const recipe: Array<[stage: string, steps: number]> = [
  ['Weighing the flour', 4],
  ['Kneading the dough', 7],
  ['Letting it rise', 10],
  ['Shaping the loaves', 5],
  ['Baking', 10],
  ['Cooling on the rack', 4]
]
const total = recipe.reduce((sum, [, steps]) => sum + steps, 0)

const loavesOfABatch = (): number => 6 + Math.floor(Math.random() * 7)

export function defineTasks (fastify: FastifyInstance) {
  scheduleOven(fastify)
  return { bakeBread: defineBakeBread(fastify), sendEmail: defineSendEmail(fastify), report: defineReport(fastify) }
}

interface Sales { shop: string, loaves: number[] }

const shops = ['Harbour', 'Market', 'Station']

/** Split, work in parallel, join: the sales of the day are read, added up for each shop, and put together. */
function defineReport ({ tasks }: FastifyInstance): () => FlowShape {
  const read = tasks.define('read-sales', async (): Promise<Sales[]> =>
    shops.map((shop, i) => ({ shop, loaves: Array.from({ length: 8 + 4 * i }, () => Math.floor(Math.random() * 9)) })))
  const add = tasks.define<{ shop: string }, number, Steps, Sales[]>('add-up-sales', async (data, task) => {
    const { loaves } = (await task.previous()).find(({ shop }) => shop === data.shop)!
    for (const current of loaves.keys()) {
      await task.updateState(data.shop, { current, total: loaves.length })
      await sleep(stepMs, undefined, { signal: task.signal })
    }
    return loaves.reduce((sum, count) => sum + count, 0)
  })
  const write = tasks.define<void, { sold: number }, never, number[]>('write-report', async (_data, task) =>
    ({ sold: (await task.previous()).reduce((sum, count) => sum + count, 0) }))
  return () => chain(read.signature(), group(...shops.map(shop => add.signature({ shop }))), write.signature())
}

/** Once a minute, however many processes there are. */
function scheduleOven ({ tasks }: FastifyInstance): void {
  const check = tasks.define('check-oven', async () => ({ degrees: 215 + Math.floor(Math.random() * 10) }))
  tasks.defineSchedule('check-oven', { task: check, cron: '* * * * *' })
}

function defineBakeBread ({ tasks }: FastifyInstance): Task<void, Batch, Steps> {
  return tasks.define('bake-bread', async (_data, task) => {
    let current = 0
    for (const [stage, steps] of recipe) {
      for (let step = 0; step < steps; step++) {
        await task.updateState(`${stage}…`, { current: current++, total })
        // The signal is aborted when the worker stops. Then the task is re-queued.
        await sleep(stepMs, undefined, { signal: task.signal })
      }
    }
    await task.updateState('Ready', { current: total, total })
    return { loaves: loavesOfABatch() }
  })
}

function defineSendEmail ({ tasks }: FastifyInstance): Task<Mail, { sentTo: string, messageId: string }> {
  const smtp = nodemailer.createTransport(smtpUrl)
  return tasks.define('send-email', { retries: 3, timeout: 30_000 }, async ({ to, subject, body }, task) => {
    // A task may run twice if its worker dies. The same message id lets mail programs detect the duplicate.
    const messageId = `<${task.id}@demo.example>`
    await smtp.sendMail({ from: 'demo@demo.example', to, subject, text: body, messageId })
    return { sentTo: to, messageId }
  })
}
