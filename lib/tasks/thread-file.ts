/**
 * Finds the file that a task's `thread` option names, and ours that a thread loads first.
 */
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as errors from '../errors.ts'

/** With the ending that this file has: compiled, or TypeScript. Null if a bundler has moved this code away from it. */
export const threadEntry = findEntry()

function findEntry (): string | null {
  try {
    const path = fileURLToPath(new URL(`../attempt/thread-entry${import.meta.url.slice(-3)}`, import.meta.url))
    return existsSync(path) ? path : null
  } catch {
    return null // a bundle in CommonJS has no import.meta.url
  }
}

/**
 * The path of the file. If it does not exist, the file with the other language's ending is taken, as imports do:
 * `./x.ts` was compiled, or `./x.js` runs as TypeScript.
 * @throws FST_TASKS_THREAD_BUNDLED, FST_TASKS_THREAD_NOT_FOUND
 */
export function findThreadFile (task: string, thread: string | URL): string {
  if (threadEntry === null) throw new errors.ThreadBundled(task)
  const path = thread instanceof URL || thread.startsWith('file:') ? fileURLToPath(thread) : resolve(thread)
  const other = path.replace(/\.([cm]?)(ts|js)$/, (_all, kind, language) => `.${kind}${language === 'ts' ? 'js' : 'ts'}`)
  const found = [path, other].find(file => statSync(file, { throwIfNoEntry: false })?.isFile())
  if (found === undefined) throw new errors.ThreadNotFound(task, path)
  return found
}
