/** A worker process: the app of tasks.ts, run by runWorker() or startWorker(), until SIGTERM or its parent's exit. */
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { LedgerWriter } from './ledger.ts'
import { registerTasks, type RedisChoice } from './tasks.ts'
import { runWorker } from '../lib/standalone.ts'

export interface WorkerArguments {
  redis: RedisChoice
  dir: string
  name: string
  standalone: boolean
  /** Queues in addition to those of the tasks. */
  queues?: string[]
}

const options: WorkerArguments = JSON.parse(process.argv[2]!)
const limits = { concurrency: 10, closeTimeout: 1_000 }
const loggerInstance = pino({ level: 'info' }, pino.destination({ sync: true }))
// Before the worker has started, SIGTERM exits at once.
let close = async (): Promise<void> => process.exit(0)

process.once('SIGTERM', () => {
  loggerInstance.info('SIGTERM')
  void close().then(() => loggerInstance.info('closed'))
})
handleStdin(process.stdin as Socket)
await (options.standalone ? startStandalone() : startInApp())

/** A message is the ms for which to block the event loop. Stdin closes when the parent exits, even if it is killed. */
function handleStdin (stdin: Socket): void {
  const block = (ms: number): string => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  stdin.setEncoding('utf8').on('data', text => block(Number(text)))
  stdin.once('close', () => process.exit(1))
  // A closed worker must exit without process.exit().
  stdin.unref()
}

/** SIGTERM may come while the worker starts. */
function unlessClosed (error: { code?: string }): void {
  if (error.code !== 'FST_TASKS_CLOSED') throw error
}

async function startStandalone (): Promise<void> {
  const app = async (fastify: FastifyInstance): Promise<void> => await register(fastify)
  const onBoot = (boot: { close: () => Promise<void> }): void => { close = boot.close }
  await runWorker({ app, serverOptions: { loggerInstance }, ...limits, onBoot }).then(() => {}, unlessClosed)
}

async function startInApp (): Promise<void> {
  const fastify = Fastify({ loggerInstance })
  close = () => fastify.close()
  await register(fastify as unknown as FastifyInstance)
  await fastify.ready()
  await fastify.tasks.startWorker(limits).then(() => {}, unlessClosed)
}

function register (fastify: FastifyInstance): Promise<void> {
  return registerTasks(fastify, options.redis, new LedgerWriter(options.dir, options.name), options.queues)
}
