/**
 * The places where Redis is, before they are used: an address is shown to people, and a mistyped one may have a
 * password where its host, port or path should be.
 */

/** An unencoded / ? # in a password would make the rest of the password a port, a database or a path. */
export function isRedisUrl (value: unknown): boolean {
  const parts = /^rediss?:\/\/[^/?#]*(.*)$/s.exec(value as string)
  if (!parts || parts[1]!.includes('@') || !URL.canParse(value as string)) return false
  const { username, password } = new URL(value as string)
  return isDecodable(username) && isDecodable(password)
}

function isDecodable (text: string): boolean {
  try {
    return decodeURIComponent(text) !== null
  } catch {
    return false
  }
}

/** A path of a Unix socket: `//` begins a URL without its scheme. */
export const isSocketPath = (value: unknown): boolean => typeof value === 'string' && /^\/(?!\/)/.test(value)

/** Of ioredis, or of a copy of it. */
const isClient = (value: any): boolean => typeof value?.evalsha === 'function' && typeof value.duplicate === 'function'

/**
 * Whether it is a client of ioredis, or options. As options a client of another library, or the namespaces of
 * @fastify/redis, would lead to localhost.
 */
export const isRedisObject = (value: Record<string, unknown>): boolean =>
  isClient(value) || (typeof value.on !== 'function' && !Object.values(value).some(isClient))

/** Not a URL, and no part of one. */
export const isHost = (value: unknown): boolean => typeof value === 'string' && /^[^/@\s]*$/.test(value)

/** A place that was refused, without what could be a password. */
export function describePlace (value: unknown, describe: (value: unknown) => string): string {
  if (typeof value !== 'string') return describe(value)
  if (/^\s*["'`]/.test(value)) return 'a string that begins with a quote'
  const [scheme] = /^[a-z]{1,10}:\/\//i.exec(value) ?? []
  return scheme ? `a string that begins with "${scheme}"` : 'another string'
}

/** What is wrong with an address, in the words of an error. */
export interface AddressProblem { expected: string, fix: string }

/** What ioredis would fail at later. Null if there is nothing. */
export function problemOfUrl (url: string): AddressProblem | null {
  const isSocket = url.startsWith('/')
  try {
    const { username, password, pathname, searchParams } =
      new URL(isSocket ? `redis://socket?${url.split('?')[1]}` : url)
    decodeURIComponent(username + password)
    return problemOfDb(pathname.slice(1) || undefined) ?? problemOfDb(searchParams.get('db') ?? undefined)
  } catch (error) {
    if (!(error instanceof URIError)) {
      return { expected: 'a valid URL', fix: 'For example redis://user:password@localhost:6379/0.' }
    }
    const fix = 'Write % as %25: what encodeURIComponent(password) returns.'
    return { expected: 'a URL whose user and password are percent-encoded', fix }
  }
}

export function problemOfDb (db: unknown): AddressProblem | null {
  if (db === undefined || db === null || /^\d{1,9}$/.test(String(db))) return null
  const fix = 'The number is the last part of the URL, or the option db: redis://localhost:6379/0.'
  return { expected: 'an address whose database is a number', fix }
}
