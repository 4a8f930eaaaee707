/**
 * The memory that a worker shares with the guard thread: whatever both do at the same time, each job is either started
 * or given back, and never both.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { ClaimPage, Hold, type PagePool, type TakenClaim } from '../../lib/worker/claim-page.ts'
import type { ClaimedJob } from '../../lib/store/contract.ts'

/** Pages, and the guard's side of each. */
class Pool implements PagePool {
  readonly guards: ClaimPage[] = []
  free: ClaimPage[] = []
  used = 0

  take (ids = ''): ClaimPage {
    this.used++
    const found = this.free.pop()
    if (found?.fits(ids)) return found
    const made = ClaimPage.for(ids)
    this.guards.push(new ClaimPage(made.memory))
    return made
  }

  recycle (page: ClaimPage): void {
    this.used--
    this.free.push(page)
  }

  drop (): void { this.used-- }

  takeAll (): TakenClaim[] { return this.guards.map(page => page.take()).filter(taken => taken !== null) }
}

const jobs = (...ids: string[]): ClaimedJob[] => ids.map(id => ({ id, token: 'w.7', text: '{}' }))

t.test('a job that has started is not given back, and one that was given back does not start', async t => {
  const pool = new Pool()
  const hold = new Hold(pool, 3, 7)
  t.ok(hold.answered(jobs('a', 'b', 'ü', '\u{1F600}"')))
  t.ok(hold.start(0))
  t.ok(hold.start(1))
  t.strictSame(pool.takeAll(), [{ consumer: 3, number: 7, ids: ['ü', '\u{1F600}"'] }])
  t.notOk(hold.start(2))
  t.notOk(hold.start(3))
  t.notOk(hold.takeAll())
  t.ok(hold.checkTaken())
  t.strictSame(pool.takeAll(), [], 'nothing is given back twice')
  t.equal(pool.used, 0)
  t.strictSame(pool.free, [], 'the page is not used again')
})

t.test('a claim that is on its way: what it brings does not start', async t => {
  const pool = new Pool()
  const hold = new Hold(pool, 1, 2 ** 40)
  t.strictSame(pool.takeAll(), [{ consumer: 1, number: 2 ** 40, ids: null }])
  t.notOk(hold.answered(jobs('a')))
  t.notOk(hold.start(0))
  t.equal(pool.used, 0)
})

t.test('nothing is left to give back once all jobs have started, or were forgotten', async t => {
  const pool = new Pool()
  const hold = new Hold(pool, 1, 1)
  hold.answered(jobs('a', 'b', 'c'))
  hold.forget() // c was cancelled
  t.ok(hold.start(0))
  t.ok(hold.start(1))
  t.strictSame(pool.takeAll(), [])
  new Hold(pool, 1, 2).answered([])
  t.strictSame(pool.takeAll(), [], 'nor if a claim got nothing')
  t.equal(pool.used, 0)
  t.equal(pool.guards.length, 1, 'one page was enough')
})

t.test('ids of any length have room', async t => {
  const pool = new Pool()
  const ids = Array.from({ length: 500 }, (_, i) => `${i}${'ü'.repeat(200)}`)
  const hold = new Hold(pool, 1, 1)
  hold.answered(jobs(...ids))
  t.ok(hold.start(0))
  t.strictSame(pool.takeAll(), [{ consumer: 1, number: 1, ids: ids.slice(1) }])
})

/** Takes what it finds until it is told to end, and posts it. */
const THREAD = `
import { parentPort, workerData } from 'node:worker_threads'
const { ClaimPage } = await import(workerData.file)
const end = new Int32Array(workerData.end)
const taken = []
parentPort.postMessage('started')
while (Atomics.load(end, 0) === 0) {
  for (const memory of workerData.memories) {
    const claim = new ClaimPage(memory).take()
    if (claim) taken.push([claim.number, claim.ids])
  }
}
parentPort.postMessage(taken)
`

t.test('two threads: each job starts here or is given back there', async t => {
  const pages = Array.from({ length: 50 }, () => new ClaimPage())
  const pool: PagePool = { take: () => pages.pop()!, recycle: page => { pages.push(page) }, drop () {} }
  const end = new Int32Array(new SharedArrayBuffer(4))
  const file = new URL('../../lib/worker/claim-page.js', import.meta.url).href
  const workerData = { file, end: end.buffer, memories: pages.map(({ memory }) => memory) }
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`), { workerData, execArgv: [] })
  await once(thread, 'message')
  const [started, missing]: [string[], string[]] = [[], []]
  let number = 0
  for (; number < 5_000 && pages.length > 0; number++) {
    const hold = new Hold(pool, 1, number)
    const ids = Array.from({ length: 20 }, (_, i) => `${number}-${i}`)
    if (hold.answered(jobs(...ids))) ids.forEach((id, i) => (hold.start(i) ? started : missing).push(id))
    else missing.push(...ids)
  }
  Atomics.store(end, 0, 1)
  const [taken] = await once(thread, 'message') as [Array<[number, string[] | null]>]
  const given = taken.flatMap(([number, ids]) => ids ?? Array.from({ length: 20 }, (_, i) => `${number}-${i}`))
  t.strictSame(given.sort(), missing.sort(), 'what was given back is what did not start')
  t.equal(new Set([...started, ...given]).size, 20 * number)
  t.comment(`${started.length} started, ${given.length} were given back`)
})
