/**
 * The numbers of all queues are read once for all viewers, with commands that cost Redis little.
 */
import t from 'tap'
import { randomPrefix } from '../support/helpers.ts'
import { commandsOf } from '../support/monitor.ts'
import { Sampler, type Sample } from '../../lib/dashboard/sampler.ts'
import { appWithPage, get } from './support.ts'
import type { PluginInstance } from '../../lib/boot/app-registry.ts'

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

t.test('a read that began before a change is not shown after it', async t => {
  let count = 0
  const reads: Array<() => void> = []
  const measure = async (): Promise<object[]> => {
    const seen = ++count
    await new Promise<void>(resolve => { reads.push(resolve) })
    return [{ queue: 'a', counts: { waiting: seen }, oldestSeconds: 0 }]
  }
  const sampler = new Sampler(() => ({ measure, tasks: { workers: async () => [] } }) as unknown as PluginInstance)
  t.teardown(() => sampler.close())
  const waiting = async (sample: Promise<Sample>): Promise<number> => (await sample).queues[0]!.counts.waiting
  const before = sampler.sample()
  sampler.forget()
  const after = sampler.sample()
  for (const resolve of reads.toReversed()) resolve()
  t.equal(await waiting(before), 1)
  t.equal(await waiting(after), 2)
  t.equal(await waiting(sampler.sample()), 2, 'the late answer of the first read replaces nothing')
})
