/**
 * Layer 4: the app's own process under `fastify-tasks dev`: serves HTTP, and works.
 */
import * as errors from '../../errors.ts'
import { bootApp, type BootedApp } from '../../boot/boot-app.ts'
import { work, type WorkerBoot } from '../../standalone.ts'
import { sayError } from '../exit.ts'
import { say } from '../output.ts'
import { pretty } from '../pretty.ts'
import { noticeBoot, onEnd } from './worker.ts'

export interface ServeFlags {
  app: string
  port: number
  host: string
  queues?: string[]
  concurrency: number
  loglevel: string
  closeTimeout: number
  tied?: boolean
}

export async function serve (flags: ServeFlags): Promise<void> {
  const notice = noticeBoot()
  let close = async (): Promise<void> => {}
  onEnd(() => close(), flags.tied)
  const booted = await bootApp({
    app: flags.app,
    // A Redis may have to be fetched first.
    server: (options, file) => ({ ...pretty(options, file, flags.loglevel), pluginTimeout: 0 }),
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

/** Throws TASKS_PORT_TAKEN. */
async function listen ({ instance }: BootedApp, { port, host }: ServeFlags): Promise<string> {
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
async function workOn (booted: BootedApp, flags: ServeFlags): Promise<WorkerBoot | null> {
  const { queues, concurrency, closeTimeout } = flags
  try {
    return await work(booted, { queues, concurrency, closeTimeout })
  } catch (error) {
    if (!(error instanceof errors.NoHandlers) && !(error instanceof errors.AppWithoutPlugin)) throw error
    sayError(error)
    return null
  }
}

function banner ({ file, host }: BootedApp, address: string, boot: WorkerBoot | null): void {
  say([
    'fastify-tasks dev',
    `  app          ${file}`,
    `  http         ${address}`,
    `  redis        ${[...new Set(host.registered.map(one => one.address))].join(', ') || '-'}`,
    `  queues       ${boot?.queues.join(', ') ?? '-'}`,
    `  tasks        ${boot?.tasks.join(', ') ?? '-'}`,
    `  pid          ${process.pid}`
  ].join('\n'))
}
