/**
 * A worker in a process of its own: test/fixtures/worker.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

export interface WorkerProcessOptions {
  prefix: string
  /** Its `stallInterval`, in ms. */
  stall: number
  /** The option `redis` of its plugin. */
  redis?: object
}

/** It is killed at the end of the test. */
export function spawnWorker (t: Test, { prefix, stall, redis }: WorkerProcessOptions): ChildProcess {
  const file = new URL('../fixtures/worker.js', import.meta.url).pathname
  const env = { ...process.env, PREFIX: prefix, STALL: String(stall), ...redis && { REDIS: JSON.stringify(redis) } }
  const worker = spawn(process.execPath, [file], { env, stdio: ['pipe', 'inherit', 'inherit'] })
  t.teardown(async () => {
    if (worker.exitCode !== null || worker.signalCode !== null) return
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  })
  return worker
}
