/**
 * npm run chaos:cluster -- [--quick] [--keep]: in a cluster of three masters with a replica each, slots move and masters are
 * killed under load. Nothing is lost that was acknowledged and on the replicas, nothing is settled twice, nothing is stuck.
 */
import { command } from './storm/command.ts'
import { clusterStage } from './storm/stages.ts'

await command('chaos:cluster', {
  full: { open: () => clusterStage(3), rounds: 1, size: { tasks: 45_000, producers: 2, workers: 3, ms: 60_000, settleWithin: 30_000 } },
  quick: { open: () => clusterStage(1), rounds: 1, size: { tasks: 1_500, producers: 1, workers: 2, ms: 8_000, settleWithin: 30_000 } }
})
