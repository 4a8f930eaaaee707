/**
 * Area: garbage records, read by a process without a worker: status, routes, cancel and retry. Each call must return a
 * documented value, or throw an error with one of our codes.
 */
import fc from 'fast-check'
import { STATES } from '../lib/records/states.ts'
import { openApp, type OpenApp } from './app.ts'
import { check, checkErrorCode, outcomeOf } from './checks.ts'
import { claim, progress, record, score, toBuffer, type Bytes } from './garbage.ts'
import { property, type MakeArea } from './area.ts'

/** The parts of a task in Redis. Each part may be garbage. */
interface Entry {
  record: Bytes
  claim?: string
  delayed?: string
  progress?: string
  active?: boolean
  waiting?: boolean
  failed?: boolean
}

const entry: fc.Arbitrary<Entry> = fc.record({
  record: record(['works']),
  claim,
  delayed: score,
  progress,
  active: fc.boolean(),
  waiting: fc.boolean(),
  failed: fc.boolean()
}, { requiredKeys: ['record'] })

const ISO = /^[+-]?\d{4,6}-\d\d-\d\dT/
const id = 'g1'

export const readers: MakeArea = url => {
  let opened: OpenApp
  const start = async (): Promise<void> => {
    opened = await openApp(url, { routes: { cancel: true } } as any, app => {
      app.tasks.define('works', { expose: ['data'] } as any)
    })
  }

  const write = async ({ record, claim, delayed, progress, active, waiting, failed }: Entry): Promise<void> => {
    const { redis, key } = opened
    const pipeline = redis.pipeline().hset(key('jobs'), id, toBuffer(record))
    if (claim !== undefined) pipeline.hset(key('claims'), id, claim)
    if (delayed !== undefined) pipeline.zadd(key('delayed'), delayed, id)
    if (progress !== undefined) pipeline.hset(key('progress'), id, progress)
    if (active) pipeline.lpush(key('active'), id)
    if (waiting) pipeline.lpush(key('waiting'), id)
    if (failed) pipeline.sadd(key('failed'), id)
    for (const [error] of (await pipeline.exec())!) if (error) throw error
  }

  const checkStatus = async (mayBeGone = false): Promise<void> => {
    const outcome = await outcomeOf(() => opened.app.tasks.status(id))
    if ('error' in outcome) return checkErrorCode(outcome.error)
    const record = outcome.value
    if (!record) return check(mayBeGone, 'no record')
    check(STATES.includes(record.state), 'invalid state', record)
    check(typeof record.name === 'string' && record.name !== '' && record.id === id, 'invalid name or id', record)
    check(record.stage === null || typeof record.stage === 'string', 'invalid stage', record)
    check(Number.isInteger(record.attempt) && Number.isInteger(record.attempts), 'invalid attempts', record)
    check(ISO.test(record.enqueuedAt), 'invalid enqueuedAt', record)
    for (const time of [record.startedAt, record.finishedAt]) {
      check(time === null || ISO.test(time), 'invalid time', record)
    }
    if (record.error) checkError(record.error)
  }

  const checkError = (error: { name: unknown, message: unknown, code: unknown }): void => {
    const { name, message, code } = error
    const texts = typeof name === 'string' && typeof message === 'string'
    check(texts && (code === null || typeof code === 'string'), 'invalid error', error)
  }

  const checkRoute = async (method: 'GET' | 'DELETE', path: string, allowed: number[]): Promise<void> => {
    const { statusCode, body, headers } = await opened.app.inject({ method, url: `/tasks/${id}${path}` })
    check(allowed.includes(statusCode), `${method} ${path} answers ${statusCode}`, body)
    const wait = headers['retry-after']
    check(wait === undefined || /^\d+$/.test(String(wait)), 'invalid Retry-After', wait)
    if (method === 'GET' && path === '' && statusCode === 200) check(JSON.parse(body).id === id, 'wrong body', body)
  }

  const checkChange = async (verb: 'cancel' | 'retry', answers: string[]): Promise<void> => {
    const outcome = await outcomeOf<string>(() => opened.app.tasks[verb](id))
    if ('error' in outcome) checkErrorCode(outcome.error)
    else check(answers.includes(outcome.value), `${verb} returned a wrong value`, outcome.value)
  }

  const attempt = async (entry: Entry): Promise<number> => {
    await opened.clear()
    await write(entry)
    await checkStatus()
    await checkRoute('GET', '', [200, 404])
    await checkChange('retry', ['queued', 'refused'])
    await checkChange('cancel', ['cancelled', 'requested', 'finished'])
    await checkStatus(true) // its ttl may be 0
    await checkRoute('DELETE', '', [202, 409, 404])
    await checkRoute('GET', '', [200, 404])
    await checkChange('retry', ['refused', 'unknown', 'queued'])
    return 1
  }

  return {
    name: 'readers',
    open: start,
    close: () => opened.close(),
    properties: [property({ name: 'status, routes, cancel, retry', weight: 8, batch: 1, arbitrary: entry, attempt })]
  }
}
