/**
 * Calls back when files of an app change.
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

/** In the app's folder only code counts: an app writes other files too. */
const CODE_FILES = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json']
/** An editor or a checkout changes several files at once: how long no file may change before the callback. */
const DEBOUNCE_MS = 200

/**
 * Watches code files in the app's folder, or all files in the named paths. Never node_modules, and no name that starts
 * with a dot.
 * @param onChange called with the last file that changed
 * @throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_APP_NOT_FOUND
 */
export async function startFileWatcher (
  app: string, named: string[] | undefined, onChange: (file: string) => void
): Promise<FileWatcher> {
  if (!named && !existsSync(dirname(app))) throw new errors.AppNotFound(app, process.cwd())
  for (const path of named ?? []) requireExisting(path)
  const paths = (named ?? [dirname(app)]).map(path => resolve(path))
  const watcher = watch(paths, { ignoreInitial: true, ignored: file => isIgnored(file, paths) })
  let timer: NodeJS.Timeout | undefined
  watcher.on('error', error => printErr(`fastify-tasks: watching failed: ${(error as Error).message}`))
  watcher.on('all', (event, file) => {
    if (event.endsWith('Dir') || (!named && !CODE_FILES.includes(extname(file)))) return
    clearTimeout(timer)
    timer = setTimeout(() => onChange(file), DEBOUNCE_MS)
  })
  await once(watcher as EventEmitter, 'ready')
  const close = async (): Promise<void> => {
    clearTimeout(timer)
    await watcher.close()
  }
  return { paths, close }
}

/** chokidar would wait for a path that does not exist, without a word. */
function requireExisting (path: string): void {
  if (existsSync(path)) return
  const value = describeValue(path)
  throw new errors.PluginOptionInvalid('--watch-path', 'a file or a folder', value, 'It does not exist')
}

/** Only names below the watched folder count. The folder itself may be in one that starts with a dot. */
function isIgnored (file: string, paths: string[]): boolean {
  const root = paths.find(path => file === path || file.startsWith(path + sep))
  const parts = root === undefined ? [basename(file)] : relative(root, file).split(sep)
  return parts.some(part => part === 'node_modules' || (part.startsWith('.') && part.length > 1))
}
