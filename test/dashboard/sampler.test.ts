/**
 * The numbers of all queues are read once for all viewers, with commands that cost Redis little.
 */
import t from 'tap'
import { randomPrefix } from '../support/helpers.ts'
import { commandsOf } from '../support/monitor.ts'
import { appWithPage, get } from './support.ts'

t.test('twenty viewers are one reader: each queue is read once in two seconds, and no script runs', async t => {
  const prefix = randomPrefix()
  const queues = ['a', 'b', 'c']
  const app = await appWithPage(t, { tasks: { prefix, queues }, define: app => app.tasks.define('x', { queue: 'a' }) })
  await app.tasks.enqueue('x')
  const commands = await commandsOf(t)
  const start = performance.now()
  const pages = await Promise.all(Array.from({ length: 20 }, () => get(app, 'queues')))
  for (const { statusCode } of pages) t.equal(statusCode, 200)
  const spans = 1 + Math.floor((performance.now() - start) / 2_000)
  const seen = (await commands()).filter(line => line.includes(`"${prefix}:{`))
  for (const queue of queues) {
    const reads = seen.filter(line => line.includes(`"zcount" "${prefix}:{${queue}}:workers"`)).length
    t.ok(reads >= 1 && reads <= spans, `${queue} was read ${reads} times`)
  }
  t.same(seen.filter(line => /"eval/i.test(line)), [])
})
