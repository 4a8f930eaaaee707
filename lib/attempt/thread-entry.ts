/**
 * What a thread runs: the file of a task, with what it is given for one attempt. Loaded by its path, in threads only.
 */
import { pathToFileURL } from 'node:url'
import * as errors from '../errors.ts'
import { toFailure } from '../records/failure.ts'
import { sizeOver, toJson } from '../records/json.ts'
import { exportedFunction } from '../boot/exported-function.ts'
import { prepareTypeScript } from '../boot/typescript.ts'
import { ThreadTaskContext } from './task-context.ts'
import { ThreadLink } from './thread-link.ts'
import type { TaskMeta, ThreadAnswer, ThreadJob } from './thread-messages.ts'
import type { ThreadHandler } from '../types.ts'

const handlers = new Map<string, ThreadHandler>()

/** Never rejects: what a handler throws may not be clonable, and would end the thread. */
export default async function run ({ file, data, meta, port }: ThreadJob): Promise<ThreadAnswer> {
  port.postMessage({ kind: 'started' })
  const link = new ThreadLink(meta, data, port)
  try {
    const handler = handlers.get(file) ?? await load(file, meta.name)
    return { json: resultJson(await handler(data, new ThreadTaskContext(link)), meta) }
  } catch (thrown) {
    return { failure: toFailure(thrown) }
  } finally {
    link.close()
  }
}

async function load (file: string, task: string): Promise<ThreadHandler> {
  if (file.endsWith('ts')) await prepareTypeScript(file)
  const module = await import(pathToFileURL(file).href)
  const handler = exportedFunction(module, names => new errors.ThreadInvalid(file, task, names))
  handlers.set(file, handler)
  return handler
}

/** The app serialises it again, by the task's schema. A result that is much too large is not sent there. */
function resultJson (value: unknown, { maxResultSize }: TaskMeta): string | undefined {
  if (value === undefined) return undefined
  const json = toJson(value, reason => new errors.ResultInvalid(reason))
  const size = maxResultSize === null ? 0 : sizeOver(maxResultSize, json)
  if (size > 0) throw new errors.ResultTooLarge(size, maxResultSize)
  return json
}
