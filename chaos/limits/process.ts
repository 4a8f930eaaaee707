/** A worker of a run. It may be killed at a step that has a name, right before it is sent, or right after its reply. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeApp } from './app.ts'
import { dieAt, type Death } from './steps.ts'
import type { Work } from './plan.ts'
import type { TaskContext } from '../../lib/types.ts'

export interface ProcessArguments { redis: string, dir: string, name: string, death: Death | null }

const { redis, dir, name, death }: ProcessArguments = JSON.parse(process.argv[2]!)

if (death) {
  dieAt(death, () => {
    appendFileSync(join(dir, `${name}.died`), `${death.when} ${death.step}`)
    process.kill(process.pid, 'SIGKILL')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
}

const app = await makeApp(redis, async ({ key, ms, fails }: Work, task: TaskContext) => {
  appendFileSync(join(dir, `${name}.starts`), `${task.name} ${key} ${Date.now()}\n`)
  await sleep(ms, undefined, { signal: task.signal })
  if (fails && task.attempt === 1) throw new Error('as it should')
})
await app.tasks.startWorker({ concurrency: 25 })
console.log('ready')
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))
process.stdin.once('close', () => process.exit(1)).resume()
