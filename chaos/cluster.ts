/**
 * npm run chaos:cluster -- [--quick] [--keep]: moves slots and kills masters under load, in a cluster of three masters
 * with one replica each. No task may be lost that was acknowledged and on the replicas, settled twice, or stuck.
 */
import { command } from './failover/command.ts'
import { clusterServers } from './failover/servers.ts'

const full = { tasks: 45_000, producers: 2, workers: 3, ms: 60_000, settleWithin: 30_000 }
const quick = { tasks: 1_500, producers: 1, workers: 2, ms: 8_000, settleWithin: 30_000 }

await command('chaos:cluster', {
  full: { open: () => clusterServers(3), rounds: 1, size: full },
  quick: { open: () => clusterServers(1), rounds: 1, size: quick }
})
