/**
 * One of the processes that fire ticks. A "ticker" looks for due ticks all the time. A "worker" is an app with a
 * worker, which runs the tasks too. A line "clock <ms>" on stdin sets the clock of the process off by so much.
 */
import { machineTime, stepClock } from './clock.ts'
import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import pino from 'pino'
import { PREFIX, QUEUE } from './plan.ts'
import tasks from '../../lib/plugin.ts'
import { Ticker } from '../../lib/schedules/ticker.ts'
import { connect } from '../../lib/store/redis/connection.ts'
import { RedisQueue } from '../../lib/store/redis/queue.ts'
import type { TickEvent } from '../../lib/telemetry.ts'
import type { RedisChoice } from '../tasks.ts'

export interface ProcessArguments {
  kind: 'ticker' | 'worker'
  redis: RedisChoice
  dir: string
  name: string
  /** How far its clock is ahead at the start, in ms. */
  clock: number
}

const { kind, redis, dir, name, clock }: ProcessArguments = JSON.parse(process.argv[2]!)
stepClock(clock)
createInterface({ input: process.stdin }).on('line', line => stepClock(Number(line.split(' ')[1])))

/** In the kernel before anything else happens: a SIGKILL does not lose it. */
const ledger = join(dir, `${name}.fired`)
subscribe('fastify-tasks.tick', message => {
  const { outcome, schedule, plannedAt, taskId } = message as TickEvent
  if (outcome !== 'fired') return
  appendFileSync(ledger, `${schedule} ${Date.parse(plannedAt!)} ${machineTime()} ${taskId}\n`)
})

async function tick (): Promise<never> {
  const { client } = connect(redis as any, undefined)
  client.on('error', () => {})
  const { schedules } = new RedisQueue(client, QUEUE, PREFIX)
  const log = pino({ level: 'silent' }) as any
  const ticker = new Ticker({ queue: QUEUE, schedules, log, instance: '', worker: name })
  console.log('ready')
  for (;;) {
    await ticker.fireDue().catch(() => {})
    await sleep(20)
  }
}

async function work (): Promise<void> {
  const app = Fastify()
  await app.register(tasks, { redis: redis as any, prefix: PREFIX, routes: false, worker: { concurrency: 50 } })
  app.tasks.define('quick', { queue: QUEUE }, async () => {})
  app.tasks.define('slow', { queue: QUEUE }, async (_data, { signal }) => {
    await sleep(700, undefined, { signal }).catch(() => {})
  })
  await app.ready()
  console.log('ready')
}

await (kind === 'ticker' ? tick() : work())
