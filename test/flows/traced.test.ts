/**
 * One trace and one request through all members of a flow, and the flow's id in each line of their logs.
 */
import t from 'tap'
import { chain, group } from '../../lib/plugin.ts'
import { build, logger } from '../support/helpers.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const member = (task: string, options: object = {}): any => ({ kind: 'signature', task, data: null, options })

t.test('one trace through all, and the flow in each line of a log', async t => {
  const log = logger()
  const seen: Array<{ traceparent: string, tracestate: string, requestId: string }> = []
  const app = await build(t, {}, app => {
    const see = async (_data: unknown, task: any): Promise<void> => {
      task.log.info({ event: 'seen' }, 'seen')
      seen.push({ traceparent: task.traceparent, tracestate: task.tracestate, requestId: task.requestId })
    }
    app.tasks.define('x', see)
    app.tasks.define('far', { queue: 'far' }, see)
    app.tasks.define('adds', async (data, task: any) => {
      await task.flow.add('more', member('x'))
      await see(data, task)
    })
    app.post('/', async (_request, reply) => reply.accepted(await app.tasks.enqueueFlow(
      chain(member('adds'), group(member('x'), member('far')), member('x')), { finally: member('far') }
    )))
  }, { logger: { stream: log.stream } })
  await app.tasks.startWorker()
  const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'vendor=1' }
  const { id } = (await app.inject({ method: 'POST', url: '/', headers })).json()
  await (await app.tasks.handle(id))!.result({ timeout: 60_000 })
  t.equal(seen.length, 6)
  t.same(new Set(seen.map(({ traceparent }) => traceparent.split('-')[1])), new Set([TRACE]))
  t.same(new Set(seen.map(({ tracestate }) => tracestate)), new Set(['vendor=1']))
  t.equal(new Set(seen.map(({ requestId }) => requestId)).size, 1, 'the request that enqueued it')
  const lines = log.lines.filter(({ event }) => event === 'seen')
  t.same(lines.map(({ flowId }) => flowId), Array(6).fill(id))
  const lineOfOther = log.lines.find(({ event, flowId }) => event !== 'seen' && flowId !== undefined && flowId !== id)
  t.equal(lineOfOther, undefined)
})
