/**
 * Finds the file that a task's `thread` option names.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as errors from '../errors.ts'

/**
 * The path of the file. If it does not exist, the file with the other language's ending is taken, as imports do:
 * `./x.ts` was compiled, or `./x.js` runs as TypeScript.
 * @throws FST_TASKS_THREAD_NOT_FOUND
 */
export function findThreadFile (task: string, thread: string | URL): string {
  const path = thread instanceof URL || thread.startsWith('file:') ? fileURLToPath(thread) : resolve(thread)
  const other = path.replace(/\.([cm]?)(ts|js)$/, (_all, kind, language) => `.${kind}${language === 'ts' ? 'js' : 'ts'}`)
  const found = [path, other].find(file => statSync(file, { throwIfNoEntry: false })?.isFile())
  if (found === undefined) throw new errors.ThreadNotFound(task, path)
  return found
}
