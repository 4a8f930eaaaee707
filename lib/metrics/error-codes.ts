/**
 * The code of an error as a label: one of ours, or `error`. The code and the message of anybody else's error would make
 * any number of series.
 */
import { tryOr } from '../describe.ts'
import * as errors from '../errors.ts'

let known: Set<string> | undefined

/** Fastify's own code for data that does not fit a schema: `enqueue` throws it. */
const VALIDATION = 'FST_ERR_VALIDATION'

const readCodes = (): Set<string> =>
  new Set([VALIDATION, ...Object.values(errors).map(ErrorClass => String(new (ErrorClass as any)().code))])

export function codeOf (error: unknown): string {
  known ??= readCodes()
  const code: unknown = tryOr(() => (error as { code?: unknown }).code, undefined) // its getter may throw
  return typeof code === 'string' && known.has(code) ? code : 'error'
}
