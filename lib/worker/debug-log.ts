/**
 * Lines at level debug that say why a task waits: claims, waits, prefetching, settling, renewal, recovery.
 */
import type { FastifyBaseLogger } from 'fastify'

/** The fields of a debug line. Null, and not built, if the log does not write it: this code runs for every batch. */
export function debugFields (log: FastifyBaseLogger, fields: () => object): object | null {
  const { isLevelEnabled } = log as { isLevelEnabled?: (level: string) => boolean }
  return isLevelEnabled?.call(log, 'debug') ? fields() : null
}
