/** `npm run chaos:cluster`, in short. */
import t from 'tap'
import { clusterStage } from '../../chaos/storm/stages.ts'
import { storm } from '../../chaos/storm/run.ts'

t.setTimeout(120_000) // servers that must find each other, on a machine that is busy

t.test('slots move and a master is killed under load: nothing is lost that was acknowledged and on the replica, nothing settled twice, nothing stuck', async t => {
  const stage = await clusterStage(1)
  t.teardown(() => stage.stop())
  const { must, acknowledged } = await storm(stage, { tasks: 1_200, producers: 1, workers: 2, ms: 6_000, settleWithin: 30_000 }, t.testdir(), text => t.comment(text))
  t.equal(acknowledged, 1_200)
  for (const [what, found] of Object.entries(must)) t.same(found, [], what)
})
