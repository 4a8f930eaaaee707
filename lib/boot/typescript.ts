/**
 * Prepares this process for an app in TypeScript. Node itself runs TypeScript from 22.18 on. Before that tsx does, if
 * it is installed beside the app.
 */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import * as errors from '../errors.ts'

/** Throws FST_TASKS_APP_TYPESCRIPT if neither Node nor tsx can run the file. */
export async function prepareTypeScript (file: string): Promise<void> {
  // @fastify/autoload does not detect tsx that was registered like this, and would refuse the app's files.
  process.env.FASTIFY_AUTOLOAD_TYPESCRIPT ??= '1'
  if ((process.features as { typescript?: unknown }).typescript || startedWithTsx()) return
  const require = createRequire(file)
  let manifest: string
  try {
    manifest = require.resolve('tsx/package.json')
  } catch {
    throw new errors.AppTypeScript(file, process.version)
  }
  // `require.resolve` does not find the entry for ESM. Both entries register, as `node --import=tsx` does.
  const { exports } = require(manifest)
  const esm = await import(new URL(exports['./esm/api'].import.default, pathToFileURL(manifest)).href)
  require('tsx/cjs/api').register()
  esm.register()
}

/** In a thread tsx has no effect on ESM, although the thread has inherited the flag. */
const startedWithTsx = (): boolean =>
  isMainThread && [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some(arg => arg.includes('tsx'))
