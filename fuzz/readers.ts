/**
 * Area: garbage records, as a process without a worker reads them: status, the routes, cancel and retry. Each gives what
 * it promises to give, or an error with a code of ours.
 */
import fc from 'fast-check'
import { openApp, type OpenApp } from './app.ts'
import { must, mustBeCoded, outcomeOf } from './checks.ts'
import { claim, progress, record, score, toBuffer, type Bytes } from './garbage.ts'
import { property, type MakeArea } from './area.ts'

/** What is known of one task, each part as anyone may have written it. */
interface Entry {
  record: Bytes
  claim?: string
  delayed?: string
  progress?: string
  active?: boolean
  waiting?: boolean
  failed?: boolean
}

const entry: fc.Arbitrary<Entry> = fc.record(
  { record: record(['works']), claim, delayed: score, progress, active: fc.boolean(), waiting: fc.boolean(), failed: fc.boolean() },
  { requiredKeys: ['record'] }
)

const STATES = ['waiting', 'delayed', 'active', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired']
const ISO = /^[+-]?\d{4,6}-\d\d-\d\dT/
const id = 'g1'

export const readers: MakeArea = url => {
  let open: OpenApp
  const start = async (): Promise<void> => {
    open = await openApp(url, { routes: { cancel: true } } as any, app => { app.tasks.define('works', { expose: ['data'] } as any) })
  }

  const write = async (one: Entry): Promise<void> => {
    const { redis, key } = open
    const pipeline = redis.pipeline().hset(key('jobs'), id, toBuffer(one.record))
    if (one.claim !== undefined) pipeline.hset(key('claims'), id, one.claim)
    if (one.delayed !== undefined) pipeline.zadd(key('delayed'), one.delayed, id)
    if (one.progress !== undefined) pipeline.hset(key('progress'), id, one.progress)
    if (one.active) pipeline.lpush(key('active'), id)
    if (one.waiting) pipeline.lpush(key('waiting'), id)
    if (one.failed) pipeline.sadd(key('failed'), id)
    for (const [error] of (await pipeline.exec())!) if (error) throw error
  }

  const status = async (gone = false): Promise<void> => {
    const outcome = await outcomeOf(() => open.app.tasks.status(id))
    if ('error' in outcome) return mustBeCoded(outcome.error)
    const record = outcome.value
    if (!record) return must(gone, 'there is no record')
    must(STATES.includes(record.state), 'the state', record)
    must(typeof record.name === 'string' && record.name !== '' && record.id === id, 'the name', record)
    must(record.stage === null || typeof record.stage === 'string', 'the stage', record)
    must(Number.isInteger(record.attempt) && Number.isInteger(record.attempts), 'the attempts', record)
    must(ISO.test(record.enqueuedAt), 'the time of the enqueue', record)
    for (const time of [record.startedAt, record.finishedAt]) must(time === null || ISO.test(time), 'a time', record)
    const { error } = record
    if (error) must(typeof error.name === 'string' && typeof error.message === 'string' && (error.code === null || typeof error.code === 'string'), 'the error', error)
  }

  const route = async (method: 'GET' | 'DELETE', path: string, allowed: number[]): Promise<void> => {
    const { statusCode, body, headers } = await open.app.inject({ method, url: `/tasks/${id}${path}` })
    must(allowed.includes(statusCode), `${method} ${path} answers ${statusCode}`, body)
    const wait = headers['retry-after']
    must(wait === undefined || /^\d+$/.test(String(wait)), 'Retry-After', wait)
    if (method === 'GET' && path === '' && statusCode === 200) must(JSON.parse(body).id === id, 'the body', body)
  }

  const change = async (verb: 'cancel' | 'retry', answers: string[]): Promise<void> => {
    const outcome = await outcomeOf<string>(() => open.app.tasks[verb](id))
    if ('error' in outcome) mustBeCoded(outcome.error)
    else must(answers.includes(outcome.value), `${verb} gives`, outcome.value)
  }

  const attempt = async (one: Entry): Promise<number> => {
    await open.clear()
    await write(one)
    await status()
    await route('GET', '', [200])
    await change('retry', ['queued', 'refused'])
    await change('cancel', ['cancelled', 'requested', 'finished'])
    await status(true) // it may be one that stays for no time
    await route('DELETE', '', [202, 409, 404])
    await route('GET', '', [200, 404])
    await change('retry', ['refused', 'unknown', 'queued'])
    return 1
  }

  return {
    name: 'readers',
    open: start,
    close: () => open.close(),
    properties: [property({ name: 'status, routes, cancel, retry', weight: 8, batch: 1, arbitrary: entry, attempt })]
  }
}
