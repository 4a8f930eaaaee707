/**
 * Area: the HTTP surface, by inject and over a socket. Every answer is one that a client may get; none tells of anything
 * but the task that was asked for; the log grows by a few lines a request.
 */
import { connect, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import { openApp, type OpenApp } from './app.ts'
import { must } from './checks.ts'
import { bytesOf, request, wire, withIds, type Ids, type Request, type Wire } from './http-requests.ts'
import { property, type MakeArea } from './area.ts'

/** Stands in every place that no answer may tell of. */
const SECRET = 'not-for-you'
const LINES_EACH = 5
/** A socket that says no more is left after this long, in ms. */
const PATIENCE = 100

export const http: MakeArea = url => {
  let open: OpenApp
  let ids: Ids

  const start = async (): Promise<void> => {
    open = await openApp(url, { worker: true, routes: { cancel: true }, queues: ['mail'] } as any, app => {
      app.tasks.define('works', () => 'worked')
      app.tasks.define('breaks', () => { throw new Error('broken') })
      app.tasks.define('rests', { queue: 'mail' })
      app.tasks.define('hides', { queue: 'mail', authorize: () => false } as any)
    })
    await open.app.listen({ port: 0, host: '127.0.0.1' })
    const { tasks } = open.app
    const done = [await tasks.enqueue('works'), await tasks.enqueue('breaks')]
    await Promise.allSettled(done.map(handle => handle.result({ timeout: 10_000 })))
    ids = {
      succeeded: done[0]!.id,
      failed: done[1]!.id,
      waiting: (await tasks.enqueue('rests')).id,
      delayed: (await tasks.enqueue('rests', null, { delay: 3_600_000 })).id,
      hidden: (await tasks.enqueue('hides', SECRET, { id: SECRET })).id
    }
    await hide()
  }

  /** In other keys, and under the same ids in a queue that this app does not know. */
  const hide = async (): Promise<void> => {
    const record = JSON.stringify({ data: { name: SECRET }, options: {}, status: 'created' })
    for (const id of [...Object.values(ids), '__proto__', 'x']) await open.redis.hset(open.key('jobs', 'private'), `${id}x`, record)
    for (const name of ['secret', 'task:x', 'x', ids.waiting]) await open.redis.set(open.key(name), SECRET)
    await open.redis.set('x', SECRET)
  }

  const inject = async (given: Request): Promise<void> => {
    const { method, path, headers, body } = withIds(given, ids)
    if (isEndless(path)) return
    const before = { ...open.log }
    const response = await open.app.inject({ method: method as any, url: path, headers: Object.fromEntries(headers), payload: body })
    judge(response, path)
    const bytes = path.length + JSON.stringify(headers).length
    must(open.log.lines - before.lines <= LINES_EACH, 'lines of the log', open.log.lines - before.lines)
    must(open.log.bytes - before.bytes <= 4_000 + 6 * bytes, 'bytes of the log', open.log.bytes - before.bytes)
  }

  /** A stream of a task that does not end. */
  const isEndless = (path: string): boolean => {
    const plain = path.replace(/%65/gi, 'e')
    return /events/i.test(plain) && (plain.includes(ids.waiting) || plain.includes(ids.delayed))
  }

  const judge = ({ statusCode, body, headers }: LightMyRequestResponse, path: string): void => {
    must(statusCode < 500 || statusCode === 501, `the answer is ${statusCode}`, body)
    const told = body + JSON.stringify(headers)
    must(path.includes(SECRET) || !told.includes(SECRET), 'it tells a secret', body)
    if (statusCode === 200 && body.startsWith('{')) must(Object.values(ids).includes(JSON.parse(body).id) && JSON.parse(body).id !== SECRET, 'it tells of another task', body)
    if (path.includes(ids.hidden)) must(statusCode !== 200 && statusCode !== 202, 'it tells of a hidden task', body)
  }

  const send = async (one: Wire): Promise<void> => {
    const bytes = bytesOf({ ...one, request: withIds(one.request, ids) })
    const socket = connect((open.app.server.address() as AddressInfo).port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', data => { answer += data }).on('error', () => {})
    socket.end(bytes)
    const bored = setTimeout(() => socket.destroy(), PATIENCE)
    await once(socket, 'close')
    clearTimeout(bored)
    const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]
    must(answer === '' || (status !== undefined && (Number(status) < 500 || status === '505')), 'the answer', answer.slice(0, 500))
    must(!answer.includes('"statusCode":500'), 'one of the answers', answer)
    must(bytes.includes(SECRET) || !answer.includes(SECRET), 'it tells a secret', answer)
  }

  const stillServes = async (): Promise<void> => {
    const response = await open.app.inject(`/tasks/${ids.succeeded}`)
    must(response.statusCode === 200 && response.json().result === 'worked', 'it no longer serves', response.body)
  }

  return {
    name: 'http',
    open: start,
    close: () => open.close(),
    properties: [
      property({
        name: 'inject',
        weight: 20,
        batch: 10,
        arbitrary: fc.array(request, { minLength: 1, maxLength: 20, size: 'max' }),
        async attempt (batch: Request[]) {
          for (const one of batch) await inject(one)
          await stillServes()
          return batch.length
        }
      }),
      property({
        name: 'a socket',
        weight: 3,
        batch: 10,
        arbitrary: fc.array(wire, { minLength: 1, maxLength: 20, size: 'max' }),
        async attempt (batch: Wire[]) {
          await Promise.all(batch.map(send))
          await stillServes()
          return batch.length
        }
      })
    ]
  }
}
