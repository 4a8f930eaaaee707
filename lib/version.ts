/**
 * The version of this package.
 */
import { createRequire } from 'node:module'

function read (): string {
  try {
    return createRequire(import.meta.url)('fastify-tasks/package.json').version
  } catch {
    return 'unknown' // bundled: an app must not fail to start for it
  }
}

export const version = read()
