/**
 * `fastify-tasks worker`
 */
import { appArgsToPass, readAppOptions } from '../app-options.ts'
import { drainBeforeExit, reportSlowBoot, unlessClosed } from '../app-process.ts'
import { toArgs } from '../flags.ts'
import { ignoreClosedPipe, printErr } from '../output.ts'
import { jsonStream } from '../pretty.ts'
import { Supervisor } from '../supervisor.ts'
import { workerDefaults } from '../../options.ts'
import type { WorkerBoot } from '../../standalone.ts'

export interface WorkerFlags {
  app: string
  queues?: string[]
  concurrency: number
  logLevel: string
  closeTimeout?: number
  monitorPort?: number
  monitorHost?: string
  watch?: boolean
  watchPath?: string[]
  /** Exits when the process that started it ends. */
  exitWithParent?: boolean
}

/** Resolves when the worker has started, or was closed before. Throws as `runWorker` does. */
export async function worker (flags: WorkerFlags): Promise<void> {
  const { app, queues, concurrency, logLevel, closeTimeout, monitorPort, monitorHost, exitWithParent } = flags
  const bootTimer = reportSlowBoot()
  let close = async (): Promise<void> => {} // before the app has booted there is nothing to drain
  drainBeforeExit(() => close(), exitWithParent)
  const onBoot = (boot: WorkerBoot): void => {
    clearTimeout(bootTimer)
    close = boot.close
    printBanner(boot)
  }
  const logStream = process.stdout.isTTY ? jsonStream : undefined
  const limits = { queues, concurrency, closeTimeout, monitorPort, monitorHost }
  const options = { app, appOptions: readAppOptions(), ...limits, logLevel, logStream, onBoot }
  const { runWorker } = await import('../../standalone.ts')
  await runWorker(options).catch(unlessClosed).finally(() => clearTimeout(bootTimer))
}

/** Runs the worker in a process of its own, which is restarted when files change. Resolves with the exit code. */
export function watchWorker (flags: WorkerFlags): Promise<number> {
  const { app, queues, concurrency, logLevel, closeTimeout, monitorPort, monitorHost, watchPath } = flags
  ignoreClosedPipe()
  const args = ['worker', ...toArgs({
    '--app': app,
    '--concurrency': concurrency,
    '--log-level': logLevel,
    '--queues': queues?.join(','),
    '--close-timeout': closeTimeout,
    '--monitor-port': monitorPort,
    '--monitor-host': monitorHost
  }), ...appArgsToPass()]
  return new Supervisor({
    what: 'worker',
    args,
    app,
    watch: true,
    paths: watchPath,
    closeTimeout: closeTimeout ?? workerDefaults.closeTimeout
  }).run()
}

function printBanner ({ app, redis, queues, tasks, concurrency, monitor }: WorkerBoot): void {
  printErr([
    'fastify-tasks worker',
    `  app          ${app}`,
    `  redis        ${redis.join(', ')}`,
    `  queues       ${queues.join(', ')}`,
    `  tasks        ${tasks.join(', ')}`,
    `  concurrency  ${concurrency} for each queue`,
    ...monitor === null ? [] : [`  monitor      ${monitor}`],
    `  pid          ${process.pid} (SIGTERM or Ctrl+C: drain and exit; twice: exit at once)`
  ].join('\n'))
}
