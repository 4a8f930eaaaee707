#!/usr/bin/env node
/**
 * Layer 4: the command line: flags, signals, exit codes. What it does is elsewhere.
 */
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { runWorker, type WorkerBoot } from './standalone.ts'

interface WorkerFlags {
  app: string
  queues?: string[]
  concurrency: number
  loglevel: string
  closeTimeout?: number
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
/** After this long it is said that the app still boots, in ms. */
const BOOT_NOTICE = 3_000

/** People read this; the log, on standard output, is for programs. */
const say = (text: string): void => { process.stderr.write(`${text}\n`) }

function fail (error: unknown): never {
  const { code, message } = error as { code?: string, message?: string }
  const known = typeof code === 'string' && code.startsWith('TASK')
  say(`fastify-tasks: ${known ? `${message} [${code}]` : error instanceof Error ? error.stack : String(error)}`)
  process.exit(1)
}

function list (value: string): string[] {
  const names = value.split(',').map(name => name.trim()).filter(name => name !== '')
  if (names.length === 0) throw new InvalidArgumentError('Give names of queues, with commas between them: default,mail')
  return names
}

function whole (value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Give a whole number.')
  return Number(value)
}

function level (value: string): string {
  if (!LEVELS.includes(value)) throw new InvalidArgumentError(`Give one of ${LEVELS.join(', ')}.`)
  return value
}

function banner ({ app, redis, queues, tasks, concurrency }: WorkerBoot): void {
  say([
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
function onEnd (drain: () => Promise<void>): void {
  let draining = false
  const end = (code: number): void => {
    draining = true
    drain().then(() => process.exit(code), fail)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (draining) process.exit(128 + constants.signals[signal])
      say(`fastify-tasks: ${signal}: claiming no more, waiting for what runs (once more: exit at once)`)
      end(0)
    })
  }
  process.on('uncaughtException', error => {
    say(`fastify-tasks: uncaught ${error instanceof Error ? error.stack : String(error)}`)
    if (!draining) end(1)
  })
}

async function work ({ app, queues, concurrency, loglevel, closeTimeout }: WorkerFlags): Promise<void> {
  const notice = setTimeout(() => say('fastify-tasks: the app is still starting: one of its plugins has not finished (does it wait for Redis?)'), BOOT_NOTICE)
  let close = async (): Promise<void> => {} // until the app has booted there is nothing to drain
  onEnd(() => close())
  const onBoot = (boot: WorkerBoot): void => {
    clearTimeout(notice)
    close = boot.close
    banner(boot)
  }
  await runWorker({ app, queues, concurrency, closeTimeout, logLevel: loglevel, onBoot }).finally(() => clearTimeout(notice))
}

const { version } = createRequire(import.meta.url)('fastify-tasks/package.json')

const program = new Command('fastify-tasks').description('Background jobs for Fastify').version(version)

program.command('worker')
  .description('work on the tasks of an app: the same plugin that serves HTTP, booted without listening')
  .requiredOption('-A, --app <file>', 'the app plugin: .js, .mjs, .cjs or .ts')
  .option('-Q, --queues <names>', 'queues to serve, with commas between them (default: all that have tasks with a handler)', list)
  .option('-c, --concurrency <number>', 'tasks that run at once, for each queue', whole, 10)
  .option('-l, --loglevel <level>', LEVELS.join(', '), level, 'info')
  .option('--close-timeout <ms>', 'how long running tasks may go on after SIGTERM (default: 10000)', whole)
  .action(async (flags: WorkerFlags) => work(flags).catch(fail))

await program.parseAsync()
