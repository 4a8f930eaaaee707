/**
 * npm run chaos:failover -- [--quick] [--keep]: a master that a Sentinel replaces is killed under load. Nothing is lost that
 * was acknowledged and on the replicas, nothing is settled twice, nothing is stuck.
 */
import { command } from './storm/command.ts'
import { sentinelStage } from './storm/stages.ts'

await command('chaos:failover', {
  full: { open: sentinelStage, rounds: 4, size: { tasks: 15_000, producers: 2, workers: 3, ms: 15_000, settleWithin: 30_000 } },
  quick: { open: sentinelStage, rounds: 1, size: { tasks: 1_500, producers: 1, workers: 2, ms: 6_000, settleWithin: 30_000 } }
})
