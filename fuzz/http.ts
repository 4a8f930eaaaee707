/**
 * Area: the HTTP routes, by inject and over a socket. Each answer must be valid, and may show only the requested task.
 * A request may add only a few lines to the log.
 */
import { connect, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import { openApp, type OpenApp } from './app.ts'
import { check } from './checks.ts'
import { bytesOf, request, rawRequest, withIds, type Ids, type Request, type RawRequest } from './http-requests.ts'
import { oneByOne, property, type MakeArea } from './area.ts'

/** Written to places that no answer may show. */
const SECRET = 'not-for-you'
const MAX_LINES = 5
/** Time for an answer. Then the socket is destroyed. */
const SOCKET_TIMEOUT_MS = 100

export const http: MakeArea = url => {
  let opened: OpenApp
  let ids: Ids

  const start = async (): Promise<void> => {
    opened = await openApp(url, { worker: true, routes: { cancel: true }, queues: ['mail'] } as any, app => {
      app.tasks.define('works', () => 'worked')
      app.tasks.define('breaks', () => { throw new Error('broken') })
      app.tasks.define('rests', { queue: 'mail' })
      app.tasks.define('hides', { queue: 'mail', authorize: () => false } as any)
    })
    await opened.app.listen({ port: 0, host: '127.0.0.1' })
    const { tasks } = opened.app
    const done = [await tasks.enqueue('works'), await tasks.enqueue('breaks')]
    await Promise.allSettled(done.map(handle => handle.result({ timeout: 10_000 })))
    ids = {
      succeeded: done[0]!.id,
      failed: done[1]!.id,
      waiting: (await tasks.enqueue('rests')).id,
      delayed: (await tasks.enqueue('rests', null, { delay: 3_600_000 })).id,
      hidden: (await tasks.enqueue('hides', SECRET, { id: SECRET })).id
    }
    await writeSecrets()
  }

  /** Writes secrets to other keys, and to a queue that the app does not know. */
  const writeSecrets = async (): Promise<void> => {
    const record = JSON.stringify({ data: { name: SECRET }, options: {}, status: 'created' })
    for (const id of [...Object.values(ids), '__proto__', 'x']) {
      await opened.redis.hset(opened.key('jobs', 'private'), `${id}x`, record)
    }
    for (const name of ['secret', 'task:x', 'x', ids.waiting]) await opened.redis.set(opened.key(name), SECRET)
    await opened.redis.set('x', SECRET)
  }

  const inject = async (named: Request): Promise<void> => {
    const { method, path, headers, body } = withIds(named, ids)
    // inject() itself refuses these. A socket takes them.
    if (isEndless(path) || !URL.canParse(path, 'http://localhost')) return
    const before = { ...opened.log }
    const options = { method: method as any, url: path, headers: Object.fromEntries(headers), payload: body }
    checkResponse(await opened.app.inject(options), path)
    const requestSize = path.length + JSON.stringify(headers).length
    const lines = opened.log.lines - before.lines
    const bytes = opened.log.bytes - before.bytes
    check(lines <= MAX_LINES, 'too many log lines', lines)
    check(bytes <= 4_000 + 6 * requestSize, 'too many bytes in the log', bytes)
  }

  /** Whether the path is the event stream of a task that does not finish. */
  const isEndless = (path: string): boolean => {
    const plain = path.replace(/%65/gi, 'e')
    return /events/i.test(plain) && (plain.includes(ids.waiting) || plain.includes(ids.delayed))
  }

  const checkResponse = ({ statusCode, body, headers }: LightMyRequestResponse, path: string): void => {
    check(statusCode < 500 || statusCode === 501, `the answer is ${statusCode}`, body)
    const text = body + JSON.stringify(headers)
    check(path.includes(SECRET) || !text.includes(SECRET), 'the answer shows a secret', body)
    if (statusCode === 200 && body.startsWith('{')) {
      const { id } = JSON.parse(body)
      check(Object.values(ids).includes(id) && id !== SECRET, 'the answer shows another task', body)
    }
    const refused = statusCode !== 200 && statusCode !== 202
    if (path.includes(ids.hidden)) check(refused, 'the answer shows a hidden task', body)
  }

  const send = async (raw: RawRequest): Promise<void> => {
    const bytes = bytesOf({ ...raw, request: withIds(raw.request, ids) })
    const socket = connect((opened.app.server.address() as AddressInfo).port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', data => { answer += data }).on('error', () => {})
    socket.end(bytes)
    const timer = setTimeout(() => socket.destroy(), SOCKET_TIMEOUT_MS)
    await once(socket, 'close')
    clearTimeout(timer)
    const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]
    const valid = answer === '' || (status !== undefined && (Number(status) < 500 || status === '505'))
    check(valid, 'invalid answer', answer.slice(0, 500))
    check(!answer.includes('"statusCode":500'), 'an answer has status 500', answer)
    check(bytes.includes(SECRET) || !answer.includes(SECRET), 'the answer shows a secret', answer)
  }

  const checkServes = async (): Promise<void> => {
    const response = await opened.app.inject(`/tasks/${ids.succeeded}`)
    const { statusCode, body } = response
    check(statusCode === 200 && response.json().result === 'worked', 'the app no longer answers', body)
  }

  return {
    name: 'http',
    open: start,
    close: () => opened.close(),
    properties: [
      property({
        name: 'inject',
        weight: 20,
        batch: 10,
        arbitrary: fc.array(request, { minLength: 1, maxLength: 20, size: 'max' }),
        attempt: oneByOne(inject, checkServes)
      }),
      property({
        name: 'a socket',
        weight: 3,
        batch: 10,
        arbitrary: fc.array(rawRequest, { minLength: 1, maxLength: 20, size: 'max' }),
        async attempt (batch: RawRequest[]) {
          await Promise.all(batch.map(send))
          await checkServes()
          return batch.length
        }
      })
    ]
  }
}
