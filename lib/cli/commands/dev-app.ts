/**
 * Layer 4: the app's own process under `fastify-tasks dev`: serves HTTP, and works.
 */
import * as errors from '../../errors.ts'
import { bootApp, type BootedApp } from '../../boot/boot-app.ts'
import { work, type WorkerBoot } from '../../standalone.ts'
import { printError } from '../exit.ts'
import { printErr } from '../output.ts'
import { pretty } from '../pretty.ts'
import { noticeBoot, onEnd } from './worker.ts'

export interface DevAppFlags {
  app: string
  port: number
  host: string
  queues?: string[]
  concurrency: number
  logLevel: string
  closeTimeout: number
  exitWithParent?: boolean
}

export async function devApp (flags: DevAppFlags): Promise<void> {
  const notice = noticeBoot()
  let close = async (): Promise<void> => {}
  onEnd(() => close(), flags.exitWithParent)
  const booted = await bootApp({
    app: flags.app,
    // A Redis may have to be fetched first.
    server: (options, file) => ({ ...pretty(options, file, flags.logLevel), pluginTimeout: 0 }),
    prepare: host => { host.redis = askForRedis }
  }).finally(() => clearTimeout(notice))
  close = () => booted.instance.close()
  const address = await listen(booted, flags)
  const boot = await workOn(booted, flags)
  banner(booted, address, boot)
}

/** Whoever started this process knows of a Redis, or brings one up. */
async function askForRedis (): Promise<string | undefined> {
  if (!process.send) return undefined
  const answered = new Promise<string | undefined>(resolve => {
    process.on('message', function heard (message: { redis?: string | null }) {
      if (message?.redis === undefined) return
      process.off('message', heard) // the channel would keep the process up
      resolve(message.redis ?? undefined)
    })
  })
  process.send({ ask: 'redis' })
  return await answered
}

/** Throws FST_TASKS_PORT_TAKEN. */
async function listen ({ instance }: BootedApp, { port, host }: DevAppFlags): Promise<string> {
  try {
    return await instance.listen({ port, host })
  } catch (error) {
    await instance.close()
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
    process.send?.({ final: true })
    throw new errors.PortTaken(port, host, port + 1)
  }
}

/** An app that has nothing to work on yet is served all the same. */
async function workOn (booted: BootedApp, flags: DevAppFlags): Promise<WorkerBoot | null> {
  const { queues, concurrency, closeTimeout } = flags
  try {
    return await work(booted, { queues, concurrency, closeTimeout })
  } catch (error) {
    if (!(error instanceof errors.NoHandlers) && !(error instanceof errors.AppWithoutPlugin)) throw error
    printError(error)
    return null
  }
}

function banner ({ file, registry }: BootedApp, address: string, boot: WorkerBoot | null): void {
  printErr([
    'fastify-tasks dev',
    `  app          ${file}`,
    `  http         ${address}`,
    `  redis        ${[...new Set(registry.instances.map(one => one.address))].join(', ') || '-'}`,
    `  queues       ${boot?.queues.join(', ') ?? '-'}`,
    `  tasks        ${boot?.tasks.join(', ') ?? '-'}`,
    `  pid          ${process.pid}`
  ].join('\n'))
}
