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

/** Not a URL, and no part of one. */
export const isHost = (value: unknown): boolean => typeof value === 'string' && /^[^/@\s]*$/.test(value)

/** A place that was refused, without what could be a password. */
export function describePlace (value: unknown, describe: (value: unknown) => string): string {
  if (typeof value !== 'string') return describe(value)
  const [scheme] = /^[a-z]{1,10}:\/\//i.exec(value) ?? []
  return scheme ? `a string that begins with "${scheme}"` : 'another string'
}
