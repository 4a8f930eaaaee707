/** `npm run chaos:cluster`, in short. */
import t from 'tap'
import { runWithFaults } from '../../chaos/failover/run.ts'
import { clusterServers } from '../../chaos/failover/servers.ts'

t.setTimeout(120_000) // servers that must find each other, on a machine that is busy

t.test('slots move, a master is killed: no task on its replica is lost, none is settled twice or stuck', async t => {
  const servers = await clusterServers(1)
  t.teardown(() => servers.stop())
  const size = { tasks: 1_200, producers: 1, workers: 2, ms: 6_000, settleWithin: 30_000 }
  const { problems, acknowledged } = await runWithFaults(servers, size, t.testdir(), text => t.comment(text))
  t.equal(acknowledged, 1_200)
  for (const [problem, texts] of Object.entries(problems)) t.same(texts, [], problem)
})
