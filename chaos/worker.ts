/** A worker process: the app of tasks.ts, run by the standalone worker or by startWorker, until SIGTERM or the bench's end. */
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { LedgerWriter } from './ledger.ts'
import { registerTasks, type RedisChoice } from './tasks.ts'
import { runWorker } from '../lib/standalone.ts'

export interface WorkerArguments {
  redis: RedisChoice
  dir: string
  life: string
  standalone: boolean
  /** Beside those of the tasks. */
  queues?: string[]
}

const options: WorkerArguments = JSON.parse(process.argv[2]!)
const limits = { concurrency: 10, closeTimeout: 1_000 }
const loggerInstance = pino({ level: 'info' }, pino.destination({ sync: true }))
// Nothing runs before there is something to close.
let close = async (): Promise<void> => process.exit(0)

process.once('SIGTERM', () => {
  loggerInstance.info('SIGTERM')
  void close().then(() => loggerInstance.info('closed'))
})
listenToBench(process.stdin as Socket)
await (options.standalone ? startStandalone() : startInApp())

/** The pipe ends with the bench, however that died. What comes through it is how long to hold up the event loop, in ms. */
function listenToBench (stdin: Socket): void {
  stdin.setEncoding('utf8').on('data', text => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(text)))
  stdin.once('close', () => process.exit(1))
  // A worker that has closed must end by itself.
  stdin.unref()
}

async function startStandalone (): Promise<void> {
  const app = async (fastify: FastifyInstance): Promise<void> => await register(fastify)
  await runWorker({ app, serverOptions: { loggerInstance }, ...limits, onBoot: boot => { close = boot.close } })
}

async function startInApp (): Promise<void> {
  const fastify = Fastify({ loggerInstance })
  close = () => fastify.close()
  await register(fastify as unknown as FastifyInstance)
  await fastify.ready()
  await fastify.tasks.startWorker(limits)
}

function register (fastify: FastifyInstance): Promise<void> {
  return registerTasks(fastify, options.redis, new LedgerWriter(options.dir, options.life), options.queues)
}
