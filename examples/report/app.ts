// A report as a workflow: one task reads the sales, one task for each shop adds them up, all at the same time, and one
// task writes the report when the last shop is done. Needs a Redis at REDIS_URL or localhost:6379.
//   node --import=tsx examples/report/app.ts                 (in this repository: npm run build first)
//   curl -i -XPOST localhost:3000/reports/2026               202, and the address of the whole
// That address says how far the whole is, and has the report at the end. GET /reports/<id>/parts has each part.
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import tasks, { chain, group } from 'fastify-tasks'

interface Sale { shop: string, amount: number }
interface Sum { shop: string, amount: number }
interface Report { year: number, total: number, best: string }

const SHOPS = ['harbour', 'market', 'station']

const app = Fastify()
await app.register(tasks, { worker: { concurrency: 5 } })

// Split. A database would be asked here.
const readSales = app.tasks.define('read-sales', async ({ year }: { year: number }): Promise<Sale[]> =>
  SHOPS.flatMap((shop, i) => Array.from({ length: 20 }, (_, day) => ({ shop, amount: (year + day) % (i + 5) }))))

// Work in parallel. `previous()` is what came before in the chain: here, all sales.
const addUp = app.tasks.define<{ shop: string }, Sum, { done: number, total: number }, Sale[]>('add-up',
  async ({ shop }, task) => {
    const sales = (await task.previous()).filter(sale => sale.shop === shop)
    let amount = 0
    for (const [i, sale] of sales.entries()) {
      amount += sale.amount
      await task.reportProgress({ done: i + 1, total: sales.length })
      await sleep(5, undefined, { signal: task.signal }) // a long computation
    }
    return { shop, amount }
  })

// Join. After a group `previous()` is a list: the results of its parts, in their order.
const writeReport = app.tasks.define<{ year: number }, Report, unknown, Sum[]>('write-report',
  async ({ year }, task) => {
    const sums = await task.previous()
    const [best] = sums.toSorted((one, other) => other.amount - one.amount)
    return { year, total: sums.reduce((total, { amount }) => total + amount, 0), best: best!.shop }
  })

app.post<{ Params: { year: number } }>('/reports/:year', {
  schema: { params: { type: 'object', properties: { year: { type: 'integer' } } } }
}, async ({ params: { year } }, reply) =>
  reply.accepted(await app.tasks.enqueueFlow(chain(
    readSales.signature({ year }),
    group(...SHOPS.map(shop => addUp.signature({ shop }))),
    writeReport.signature({ year })
  ))))

app.get<{ Params: { id: string } }>('/reports/:id/parts', async ({ params: { id } }) => {
  const { tasks: parts } = await app.tasks.list({ flow: id })
  return parts.map(({ name, state, progress }) => ({ name, state, progress }))
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }))
