/**
 * npm run chaos:failover -- [--quick] [--keep]: kills a master under load, which Sentinel replaces. No task may be
 * lost that was acknowledged and on the replicas, settled twice, or stuck.
 */
import { command } from './failover/command.ts'
import { sentinelServers } from './failover/servers.ts'

const full = { tasks: 15_000, producers: 2, workers: 3, ms: 15_000, settleWithin: 30_000 }
const quick = { tasks: 1_500, producers: 1, workers: 2, ms: 6_000, settleWithin: 30_000 }

await command('chaos:failover', {
  full: { open: sentinelServers, rounds: 4, size: full },
  quick: { open: sentinelServers, rounds: 1, size: quick }
})
