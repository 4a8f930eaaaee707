/**
 * `fastify-tasks dev`: Redis, the app and its worker with one command. The app runs in a process of its own
 * (dev-app.ts), which is restarted when files change. Redis keeps running.
 */
import * as errors from '../../errors.ts'
import { appArgsToPass } from '../app-options.ts'
import { DevRedis } from '../dev-redis.ts'
import { toArgs } from '../flags.ts'
import { ignoreClosedPipe } from '../output.ts'
import { Supervisor } from '../supervisor.ts'

export interface DevFlags {
  app: string
  port: number
  host: string
  redis?: string
  queues?: string[]
  concurrency: number
  logLevel: string
  closeTimeout: number
  watch: boolean
  watchPath?: string[]
}

/** Resolves with the exit code. Throws FST_TASKS_DEV_IN_PRODUCTION, FST_TASKS_PLUGIN_OPTION_INVALID. */
export async function dev (flags: DevFlags): Promise<number> {
  const { app, redis, watch, watchPath, closeTimeout } = flags
  if (process.env.NODE_ENV === 'production') throw new errors.DevInProduction(app)
  if (redis !== undefined) process.env.REDIS_URL = redis
  ignoreClosedPipe()
  const devRedis = new DevRedis()
  const supervisor = new Supervisor({
    what: 'app',
    args: ['dev-app', ...devAppArgs(flags), ...appArgsToPass()],
    app,
    watch,
    paths: watchPath,
    closeTimeout,
    onMessage ({ type }, reply) {
      if (type === 'redis') void devRedis.url().then(url => reply({ redisUrl: url }))
    }
  })
  try {
    return await supervisor.run()
  } finally {
    await devRedis.stop()
  }
}

const devAppArgs = ({ app, port, host, queues, concurrency, logLevel, closeTimeout }: DevFlags): string[] => toArgs({
  '--app': app,
  '--port': port,
  '--host': host,
  '--concurrency': concurrency,
  '--log-level': logLevel,
  '--close-timeout': closeTimeout,
  '--queues': queues?.join(',')
})
