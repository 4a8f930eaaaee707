/**
 * Kills this process if its event loop is blocked, or if it runs longer than its limit. It runs in a worker thread,
 * because no timer fires in a blocked event loop.
 */
import { Worker } from 'node:worker_threads'

const source = `
const { parentPort, workerData: { pid, silence, limit } } = require('node:worker_threads')
const end = why => {
  require('node:fs').writeSync(2, 'fuzz: ' + why + ': killed\\n0 passed, 1 failed\\n')
  process.kill(pid, 'SIGKILL')
}
let timer
let activity = 'start'
const restart = () => {
  clearTimeout(timer)
  timer = setTimeout(() => end('the event loop is blocked (' + activity + ')'), silence)
}
parentPort.on('message', message => { activity = message ?? activity; restart() })
setTimeout(() => end('not finished after ' + limit + ' ms (' + activity + ')'), limit)
restart()
`

export interface Watchdog {
  /** Sets the text that a message shows. */
  setActivity (activity: string): void
  stop (): Promise<unknown>
}

/** @param limit ms after which the process is killed */
export function startWatchdog (limit: number): Watchdog {
  const worker = new Worker(source, { eval: true, workerData: { pid: process.pid, silence: 60_000, limit } })
  worker.unref()
  const heartbeat = setInterval(() => worker.postMessage(null), 1_000)
  heartbeat.unref()
  return {
    setActivity: activity => worker.postMessage(activity),
    stop: () => {
      clearInterval(heartbeat)
      return worker.terminate()
    }
  }
}
