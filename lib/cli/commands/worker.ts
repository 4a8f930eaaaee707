/**
 * Layer 4: `fastify-tasks worker`: what it says, and how it ends.
 */
import { constants } from 'node:os'
import { fail } from '../exit.ts'
import { printErr, workWithoutReader } from '../output.ts'
import { Supervisor } from '../supervisor.ts'
import { workerDefaults } from '../../options.ts'
import { runWorker, type WorkerBoot } from '../../standalone.ts'

export interface WorkerFlags {
  app: string
  queues?: string[]
  concurrency: number
  logLevel: string
  closeTimeout?: number
  watch?: boolean
  watchPath?: string[]
  /** Ends with the process that started it. */
  exitWithParent?: boolean
}

/** Beyond closeTimeout, in ms. */
const DRAIN_MARGIN = 5_000
/** After this long it is said that the app still boots, in ms. */
const BOOT_NOTICE = 3_000

export async function worker ({ app, queues, concurrency, logLevel, closeTimeout, exitWithParent }: WorkerFlags): Promise<void> {
  const notice = noticeBoot()
  let close = async (): Promise<void> => {} // until the app has booted there is nothing to drain
  onEnd(() => close(), exitWithParent)
  const onBoot = (boot: WorkerBoot): void => {
    clearTimeout(notice)
    close = boot.close
    banner(boot)
  }
  await runWorker({ app, queues, concurrency, closeTimeout, logLevel, onBoot }).finally(() => clearTimeout(notice))
}

/** The same in a process of its own, that is started anew when files change. */
export function watchWorker ({ app, queues, concurrency, logLevel, closeTimeout, watchPath }: WorkerFlags): Promise<number> {
  workWithoutReader()
  const args = ['worker', '--app', app, '--concurrency', String(concurrency), '--log-level', logLevel, ...optional('--queues', queues?.join(',')), ...optional('--close-timeout', closeTimeout)]
  return new Supervisor({ what: 'worker', args, app, watch: true, paths: watchPath, patience: patienceFor(closeTimeout ?? workerDefaults.closeTimeout) }).run()
}

export const optional = (flag: string, value: unknown): string[] => value === undefined ? [] : [flag, String(value)]

/** A drain takes closeTimeout, the last words to Redis, and what else the app closes. */
export const patienceFor = (closeTimeout: number): number => closeTimeout + DRAIN_MARGIN

export function noticeBoot (): NodeJS.Timeout {
  return setTimeout(() => printErr('fastify-tasks: the app is still starting: one of its plugins has not finished (does it wait for Redis?)'), BOOT_NOTICE)
}

function banner ({ app, redis, queues, tasks, concurrency }: WorkerBoot): void {
  printErr([
    'fastify-tasks worker',
    `  app          ${app}`,
    `  redis        ${redis.join(', ')}`,
    `  queues       ${queues.join(', ')}`,
    `  tasks        ${tasks.join(', ')}`,
    `  concurrency  ${concurrency} for each queue`,
    `  pid          ${process.pid} (SIGTERM or Ctrl+C: drain and exit; twice: exit at once)`
  ].join('\n'))
}

/** The first signal drains, the second exits at once. An error that nobody caught drains too: the others' tasks go on. */
export function onEnd (drain: () => Promise<void>, exitWithParent = false): void {
  workWithoutReader()
  let draining = false
  const end = (code: number): void => {
    draining = true
    drain().then(() => process.exit(code), fail)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (draining) process.exit(128 + constants.signals[signal])
      printErr(`fastify-tasks: ${signal}: claiming no more, waiting for what runs (once more: exit at once)`)
      end(0)
    })
  }
  if (exitWithParent) process.on('disconnect', () => { if (!draining) end(0) })
  if (exitWithParent && process.connected === false) end(0) // it went while this one was still being loaded
  process.on('uncaughtException', error => {
    printErr(`fastify-tasks: uncaught ${error instanceof Error ? error.stack : String(error)}`)
    if (!draining) end(1)
  })
}
