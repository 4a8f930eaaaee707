/**
 * HTTP requests: valid requests, invalid requests, and bytes that are no request. A request names tasks by their state;
 * withIds() replaces the names by ids.
 */
import fc from 'fast-check'
import { text } from './values.ts'

export const taskNames = ['succeeded', 'failed', 'waiting', 'delayed', 'hidden'] as const
export type Ids = Record<typeof taskNames[number], string>

export interface Request {
  method: string
  path: string
  headers: Array<[string, string]>
  body: string
}

/** Marks the name of a task in a path. A character of Unicode's private area. */
const ID = '\ue000'
const known = fc.constantFrom(...taskNames).map(name => ID + name + ID)

const escapes = [
  '%', '%z', '%zz', '%00', '%0a', '%0d%0aX: y', '%2e%2e', '%2e%2e%2f', '%2F', '%5c', '%c0%af', '%ff', '%ed%a0%80',
  '%E2%82', '%25', '%2525', '%7B%7D', '..', '.', '__proto__', 'constructor', '*', ':id', '{id}', '$', '~', '@', ';',
  '[object Object]', 'undefined', 'NaN'
]

const segment = fc.oneof(
  { weight: 4, arbitrary: known },
  {
    weight: 3,
    arbitrary: fc.tuple(known, fc.constantFrom(...escapes))
      .chain(parts => fc.constantFrom(parts.join(''), parts.reverse().join('')))
  },
  { weight: 3, arbitrary: text.map(encode) },
  { weight: 2, arbitrary: fc.array(fc.constantFrom(...escapes), { maxLength: 6 }).map(parts => parts.join('')) },
  { weight: 2, arbitrary: fc.stringMatching(/^[!-~]{0,30}$/).map(raw => raw.replace(/[?#]/g, '')) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('a', '%41', '/', '../', '€'), fc.constantFrom(99, 100, 101, 5_000, 65_536))
      .map(([text, times]) => encodeURI(text).repeat(times))
  }
)

/** Encodes a text as a browser does. A text that cannot be encoded becomes the replacement character. */
function encode (raw: string): string {
  try {
    return encodeURIComponent(raw)
  } catch {
    return '%ef%bf%bd'
  }
}

const suffix = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.constant('/events') },
  fc.constantFrom(
    '/', '//', '/events/', '/events/x', '/x', '.json', ';a=b', '/%65vents', '/..', '%2fevents', '/EVENTS'
  )
)

const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom('id', '__proto__', '__proto__[a]', 'constructor', 'wait', 'queue', 'a[]', 'toString'),
    text.map(encode)
  ),
  text.map(encode)
)

const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  fc.array(parameter, { maxLength: 4 }).map(pairs => `?${pairs.map(pair => pair.join('=')).join('&')}`),
  fc.constantFrom('?', '??', '?=', '?&&', '?%', '?a=%zz', `?${'a=b&'.repeat(2_000)}`)
)

const start = fc.constantFrom(
  '/tasks/', '/tasks/', '/tasks/', '/tasks/', '/tasks//', '/tasks/./', '/tasks/../tasks/', '/TASKS/', '/tasks', '/'
)
const path = fc.tuple(start, segment, suffix, query).map(parts => parts.join(''))

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant('GET') },
  { weight: 2, arbitrary: fc.constantFrom('HEAD', 'DELETE') },
  { weight: 1, arbitrary: fc.constantFrom('POST', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH') }
)

const character = fc.integer({ min: 32, max: 255 })
  .filter(code => code !== 127)
  .map(code => String.fromCharCode(code))
const latin1 = fc.string({ unit: character, maxLength: 40 })

/** Without a wait: a wait for a task that does not finish would block the fuzz. */
const preference = fc.oneof(
  latin1.map(value => value.replace(/\d/g, '')),
  fc.constantFrom(
    'wait=0', 'wait="0"', 'wait=-1', 'respond-async, wait=0', 'wait', 'wait=', `wait${' '.repeat(8_000)}`
  )
)
const mediaRanges = [
  'text/event-stream', '*/*', 'application/json', 'text/html;q=0.9', 'text/event-stream;q=0', ',,,',
  `${'a/b,'.repeat(1_500)}`
]
const etags = ['*', '"', '""', 'W/"x"', '"a", "b"', '__proto__', '0', '-1']
const contentTypes = ['application/json', 'text/plain', 'application/json; charset=x', 'multipart/form-data']
const otherHeaders = [
  'accept-encoding', 'if-match', 'if-modified-since', 'range', 'cookie', 'authorization', 'origin', 'referer',
  'x-forwarded-for', 'x-http-method-override', 'request-id', 'traceparent', 'accept-version', '__proto__', 'constructor'
]

/** Headers that the routes read, and other headers. */
const header = fc.oneof(
  fc.tuple(fc.constant('prefer'), preference),
  fc.tuple(fc.constant('accept'), fc.oneof(latin1, fc.constantFrom(...mediaRanges))),
  fc.tuple(fc.constantFrom('if-none-match', 'last-event-id'), fc.oneof(latin1, fc.constantFrom(...etags))),
  fc.tuple(fc.constantFrom(...otherHeaders), latin1),
  fc.tuple(fc.constant('content-type'), fc.oneof(latin1, fc.constantFrom(...contentTypes)))
)

const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.json(), latin1, fc.constantFrom('{"__proto__":{"a":1}}', '{', '['.repeat(10_000)))
  }
)

const headers = fc.array(header, { maxLength: 4 })

export const request: fc.Arbitrary<Request> = fc.record({ method, path, headers, body })

/** Replaces the names of tasks in the path by their ids. */
export function withIds ({ path, ...rest }: Request, ids: Ids): Request {
  return { ...rest, path: path.replace(/\ue000(\w+)\ue000/g, (_all, name: keyof Ids) => ids[name]) }
}

/** A request with damaged bytes. */
export interface RawRequest {
  request: Request
  version: string
  newline: string
  /** Raw header lines. */
  more: string
  /** The part of its length that is sent. 1 sends all of it. */
  cut: number
  /** Bytes after the request. */
  noise: Uint8Array
  /** How often the request is repeated. */
  times: number
}

const framing = [
  '', '', '', 'Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Content-Length: 1\r\nContent-Length: 2\r\n',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', 'Expect: 100-continue\r\n',
  'Expect: x\r\n', 'Upgrade: websocket\r\nConnection: upgrade\r\n', `X: ${'y'.repeat(20_000)}\r\n`,
  'X: 1\r\n'.repeat(3_000), ' folded\r\n', 'no colon\r\n', ': \r\n', 'Prefer: wait=60\r\n', 'Host: a\r\nHost: b\r\n',
  'Connection: keep-alive, close\r\n'
]

export const rawRequest: fc.Arbitrary<RawRequest> = fc.record({
  request,
  version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9', '', 'x'),
  newline: fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r', '\n\r'),
  more: fc.constantFrom(...framing),
  cut: fc.oneof(
    { weight: 3, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) }
  ),
  noise: fc.oneof(
    { weight: 4, arbitrary: fc.constant(new Uint8Array()) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) }
  ),
  times: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 5 }) })
})

export function bytesOf ({ request, version, newline, more, cut, noise, times }: RawRequest): Buffer {
  const { method, path, headers, body } = request
  const lines = [`${method} ${path} ${version}`, 'Host: localhost', ...headers.map(header => header.join(': '))]
  const bytes = Buffer.from(`${lines.join(newline)}${newline}${more}${newline}${body}`, 'latin1')
  const all = Buffer.concat(new Array<Buffer>(times).fill(bytes))
  return Buffer.concat([all.subarray(0, Math.round(all.length * cut)), noise])
}
