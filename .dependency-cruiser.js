/** Who may import whom in lib/, type-only imports included: `npm run lint`. docs/internals/architecture.md draws it. */

/** From the top of the house to its ground. A room imports from rooms below it, never from a room above it. */
const rooms = [
  'lib/cli/',
  'lib/dashboard.ts',
  'lib/dashboard/',
  'lib/standalone.ts',
  'lib/otel.ts',
  'lib/otel/',
  'lib/plugin.ts',
  'lib/decorators.ts',
  'lib/testing/',
  'lib/routes/',
  'lib/worker.ts',
  'lib/worker/',
  'lib/attempt/',
  'lib/schedules/',
  'lib/flows/',
  'lib/limits/',
  'lib/tasks/',
  'lib/hooks/',
  'lib/metrics/',
  'lib/store/redis/',
  'lib/store/memory/',
  'lib/store/store-contract.ts',
  'lib/store/new-jobs.ts',
  'lib/store/walk-positions.ts',
  'lib/store/sieve.ts',
  'lib/store/contract.ts',
  'lib/store/walk-contract.ts',
  'lib/store/many-contract.ts',
  'lib/store/schedule-state.ts',
  'lib/store/schedule-contract.ts',
  'lib/store/flow-contract.ts',
  'lib/store/history-contract.ts',
  'lib/store/flow-node.ts',
  'lib/store/claim-token.ts',
  'lib/store/pause-flags.ts',
  'lib/store/lane-shares.ts',
  'lib/store/lane-contract.ts',
  'lib/store/unique-contract.ts',
  'lib/store/level.ts',
  'lib/store/upkeep-contract.ts',
  'lib/store/batches.ts',
  'lib/boot/',
  'lib/dev/',
  'lib/telemetry.ts',
  'lib/steady-log.ts',
  'lib/options.ts',
  'lib/options/',
  'lib/records/',
  'lib/errors.ts',
  'lib/error-class.ts',
  'lib/describe.ts',
  'lib/built-in.ts',
  'lib/own.ts',
  'lib/sync-answer.ts',
  'lib/within.ts',
  'lib/log-limit.ts',
  'lib/timers.ts',
  'lib/version.ts',
  'lib/types.ts',
  'lib/types/'
]

const pattern = room => `^${room.replace('.', '\\.')}${room.endsWith('/') ? '' : '$'}`

const upward = rooms.slice(1).map((room, i) => ({
  name: `no-upward-import-from-${room.slice(4)}`,
  comment: `${room} stands below the rooms that it would import from`,
  severity: 'error',
  from: { path: pattern(room) },
  to: { path: rooms.slice(0, i + 1).map(pattern) }
}))

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: { path: '^lib/' }, to: { circular: true } },
    ...upward,
    {
      name: 'only-the-redis-store-imports-ioredis',
      comment: 'types of options may name its types',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/store/redis/' },
      to: { path: 'node_modules/ioredis', dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'only-the-plugin-opens-a-store',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/store/', '^lib/plugin\\.ts$'] },
      to: { path: '^lib/store/redis/' }
    },
    {
      name: 'the-memory-store-is-for-tests',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/store/memory/', '^lib/plugin\\.ts$', '^lib/testing/'] },
      to: { path: '^lib/store/memory/' }
    },
    {
      name: 'each-room-has-its-place',
      comment: 'a new folder of lib/ is entered in the list above',
      severity: 'error',
      from: { path: '^lib/', pathNot: rooms.map(pattern) },
      to: {}
    },
    {
      name: 'no-development-package',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer'] }
    }
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' }
  }
}
