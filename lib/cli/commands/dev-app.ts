/**
 * The process of the app under `fastify-tasks dev`: serves HTTP, and works on the app's tasks.
 */
import * as errors from '../../errors.ts'
import { bootApp, type BootedApp } from '../../boot/boot-app.ts'
import { work, type WorkerBoot } from '../../standalone.ts'
import { readAppOptions } from '../app-options.ts'
import { mountDevPages } from '../dev-page.ts'
import { drainBeforeExit, reportSlowBoot } from '../app-process.ts'
import { printError } from '../exit.ts'
import { printErr } from '../output.ts'
import { pretty } from '../pretty.ts'
import type { ChildMessage } from '../supervisor.ts'

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

/** Resolves when the app listens and works. Throws FST_TASKS_PORT_TAKEN, and whatever the app throws. */
export async function devApp (flags: DevAppFlags): Promise<void> {
  const bootTimer = reportSlowBoot()
  let close = async (): Promise<void> => {}
  drainBeforeExit(() => close(), flags.exitWithParent)
  let pages: string[] = []
  const booted = await bootApp({
    app: flags.app,
    appOptions: readAppOptions(),
    // No timeout: the app may wait until a Redis has started.
    server: (options, file) => ({ ...pretty(options, file, flags.logLevel), pluginTimeout: 0 }),
    prepare: registry => { registry.redis = requestRedis },
    extend: async (instance, registry) => { pages = await mountDevPages(instance, registry) }
  }).finally(() => clearTimeout(bootTimer))
  close = () => booted.instance.close()
  const address = await listen(booted, flags)
  const boot = await workOn(booted, flags)
  printBanner(booted, address, pages, boot)
}

const sendToParent = (message: ChildMessage): void => { process.send?.(message) }

/** Asks `dev`, which started this process, for the URL of a Redis. */
async function requestRedis (): Promise<string | undefined> {
  if (!process.send) return undefined
  const reply = new Promise<string | undefined>(resolve => {
    process.on('message', function onMessage (message: { redisUrl?: string | null } | null) {
      if (message?.redisUrl === undefined) return
      process.off('message', onMessage) // a listener would keep the process running
      resolve(message.redisUrl ?? undefined)
    })
  })
  sendToParent({ type: 'redis' })
  return await reply
}

/** Throws FST_TASKS_PORT_TAKEN. */
async function listen ({ instance }: BootedApp, { port, host }: DevAppFlags): Promise<string> {
  try {
    return await instance.listen({ port, host })
  } catch (error) {
    await instance.close()
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
    sendToParent({ type: 'give-up' })
    throw new errors.PortTaken(port, host, port + 1)
  }
}

/** Null if there is nothing to work on yet: the app is served all the same. */
async function workOn (booted: BootedApp, flags: DevAppFlags): Promise<WorkerBoot | null> {
  const { queues, concurrency, closeTimeout } = flags
  try {
    return await work(booted, { queues, concurrency, closeTimeout })
  } catch (error) {
    if (error instanceof errors.Closed) return null
    if (!(error instanceof errors.NoHandlers) && !(error instanceof errors.AppWithoutPlugin)) throw error
    printError(error)
    return null
  }
}

/** The page answers to this name, whatever the app listens on. */
const localOf = (address: string): string => `http://localhost:${new URL(address).port}`

function printBanner ({ file, registry }: BootedApp, address: string, pages: string[], boot: WorkerBoot | null): void {
  const redis = [...new Set(registry.instances.map(instance => instance.address))]
  printErr([
    'fastify-tasks dev',
    `  app          ${file}`,
    `  http         ${address}`,
    ...pages.map(path => `  dashboard    ${localOf(address)}${path}/ (this machine only)`),
    `  redis        ${redis.join(', ') || '-'}`,
    `  queues       ${boot?.queues.join(', ') ?? '-'}`,
    `  tasks        ${boot?.tasks.join(', ') ?? '-'}`,
    `  pid          ${process.pid}`
  ].join('\n'))
}
