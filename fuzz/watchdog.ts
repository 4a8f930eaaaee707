/**
 * Ends this process where it holds its own event loop for too long, or takes longer than it may: nothing in it could.
 */
import { Worker } from 'node:worker_threads'

const source = `
const { parentPort, workerData: { pid, silence, all } } = require('node:worker_threads')
const end = why => {
  require('node:fs').writeSync(2, 'fuzz: ' + why + ': killed\\n0 passed, 1 failed\\n')
  process.kill(pid, 'SIGKILL')
}
let timer
let doing = 'start'
const again = () => { clearTimeout(timer); timer = setTimeout(() => end('the event loop stands still (' + doing + ')'), silence) }
parentPort.on('message', what => { doing = what ?? doing; again() })
setTimeout(() => end('it takes longer than ' + all + ' ms (' + doing + ')'), all)
again()
`

export interface Watchdog {
  /** Says what is being done. */
  tell (what: string): void
  stop (): Promise<unknown>
}

/** @param all how long all may take, in ms */
export function watch (all: number): Watchdog {
  const worker = new Worker(source, { eval: true, workerData: { pid: process.pid, silence: 60_000, all } })
  worker.unref()
  const beat = setInterval(() => worker.postMessage(null), 1_000)
  beat.unref()
  return {
    tell: what => worker.postMessage(what),
    stop: () => {
      clearInterval(beat)
      return worker.terminate()
    }
  }
}
