/**
 * Layer 4: tells when files of an app have changed.
 */
import { once, type EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { basename, dirname, extname, relative, resolve, sep } from 'node:path'
import { watch } from 'chokidar'
import { describeValue } from '../describe.ts'
import * as errors from '../errors.ts'
import { printErr } from './output.ts'

export interface FileWatcher {
  readonly paths: string[]
  close (): Promise<void>
}

/** An app writes files too: in its own folder only those count that hold code. */
const CODE = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json']
/** An editor, or a checkout, changes several files at once: how long it must be quiet, in ms. */
const QUIET = 200

/**
 * Watches the app's folder, or the paths that are named instead; in those every file counts. Not node_modules, nor what
 * begins with a dot.
 * @throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_APP_NOT_FOUND
 * @param changed called with the path of one of the files, once all is quiet
 */
export async function startFileWatcher (app: string, named: string[] | undefined, changed: (file: string) => void): Promise<FileWatcher> {
  if (!named && !existsSync(dirname(app))) throw new errors.AppNotFound(app, process.cwd())
  for (const path of named ?? []) insistOn(path)
  const paths = (named ?? [dirname(app)]).map(path => resolve(path))
  const counts = (file: string): boolean => named !== undefined || CODE.includes(extname(file))
  const watcher = watch(paths, { ignoreInitial: true, ignored: file => isIgnored(file, paths) })
  let timer: NodeJS.Timeout | undefined
  watcher.on('error', error => printErr(`fastify-tasks: watching failed: ${(error as Error).message}`))
  watcher.on('all', (event, file) => {
    if (event.endsWith('Dir') || !counts(file)) return
    clearTimeout(timer)
    timer = setTimeout(() => changed(file), QUIET)
  })
  await once(watcher as EventEmitter, 'ready')
  return {
    paths,
    async close () {
      clearTimeout(timer)
      await watcher.close()
    }
  }
}

/** One that is not there would be waited for without a word. */
function insistOn (path: string): void {
  if (!existsSync(path)) throw new errors.PluginOptionInvalid('--watch-path', 'a file or a folder', describeValue(path), 'It is not there; give one that is')
}

/** By what stands below the watched folder: that may itself be below one with a dot. */
function isIgnored (file: string, paths: string[]): boolean {
  const root = paths.find(path => file === path || file.startsWith(path + sep))
  const parts = root === undefined ? [basename(file)] : relative(root, file).split(sep)
  return parts.some(part => part === 'node_modules' || (part.startsWith('.') && part.length > 1))
}
