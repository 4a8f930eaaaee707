/**
 * What a thread runs: the file of a task, with what it is given for one attempt. Loaded by its path, in threads only.
 */
import { pathToFileURL } from 'node:url'
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { toFailure } from '../records/failure.ts'
import { prepareTypeScript } from '../boot/load-app.ts'
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
    return { json: toJson(await handler(data, new ThreadTaskContext(link)), meta) }
  } catch (thrown) {
    return { failure: toFailure(thrown) }
  } finally {
    link.close()
  }
}

async function load (file: string, task: string): Promise<ThreadHandler> {
  if (file.endsWith('ts')) await prepareTypeScript(file)
  const module = await import(pathToFileURL(file).href)
  // A function, or a function that a compiler wrapped into another `default`.
  const exported = [module.default?.default, module.default, module['module.exports']]
  const handler = exported.find(candidate => typeof candidate === 'function')
  if (!handler) throw new errors.ThreadInvalid(file, task, Object.keys(module).join(', ') || 'nothing')
  handlers.set(file, handler)
  return handler
}

/** The app serialises it again, by the task's schema. A result that is much too large does not get so far. */
function toJson (value: unknown, { maxResultSize }: TaskMeta): string | undefined {
  if (value === undefined) return undefined
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (error) {
    throw new errors.ResultInvalid(toFailure(error).error.message)
  }
  if (json === undefined) throw new errors.ResultInvalid(`it is ${describeValue(value)}`)
  const size = Buffer.byteLength(json)
  if (maxResultSize !== null && size > maxResultSize) throw new errors.ResultTooLarge(size, maxResultSize)
  return json
}
