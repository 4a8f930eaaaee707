/**
 * Layer 4: loads the app plugin that a person names on the command line, as fastify-cli loads one.
 */
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import type { FastifyPluginAsync, FastifyServerOptions } from 'fastify'
import * as errors from '../errors.ts'
import { exportedFunction } from './exported-function.ts'

export interface LoadedApp {
  plugin: FastifyPluginAsync<any>
  /** The module's `options` export: those of the Fastify server, as fastify-cli takes them with --options. */
  options: FastifyServerOptions
  file: string
}

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts']

/** @throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, and whatever the module itself throws. */
export async function loadApp (path: string, folder = process.cwd()): Promise<LoadedApp> {
  const file = resolve(folder, path)
  if (!existsSync(file) || !statSync(file).isFile()) throw new errors.AppNotFound(path, folder)
  if (!EXTENSIONS.includes(extname(file))) throw new errors.AppInvalid(file, `its name ends in "${extname(file)}", not in one of ${EXTENSIONS.join(', ')}`)
  if (file.endsWith('ts')) await prepareTypeScript(file)
  const module = await import(pathToFileURL(file).href)
  return { plugin: pluginOf(module, file), options: module.options ?? module.default?.options ?? {}, file }
}

/** Node runs TypeScript by itself from 22.18 on; before, tsx does, where it is installed beside the app. */
export async function prepareTypeScript (file: string): Promise<void> {
  // @fastify/autoload does not see a tsx that came by --import, as ours does, and would refuse the app's files.
  process.env.FASTIFY_AUTOLOAD_TYPESCRIPT ??= '1'
  if ((process.features as { typescript?: unknown }).typescript || usesTsx()) return
  const require = createRequire(file)
  let manifest: string
  try {
    manifest = require.resolve('tsx/package.json')
  } catch {
    throw new errors.AppTypeScript(file, process.version)
  }
  // Its entry for ESM, which `require.resolve` does not give; both registers, as `node --import=tsx` does.
  const { exports } = require(manifest)
  const esm = await import(new URL(exports['./esm/api'].import.default, pathToFileURL(manifest)).href)
  require('tsx/cjs/api').register()
  esm.register()
}

/** In a thread it runs nothing of ESM, though its flag is there. */
const usesTsx = (): boolean => isMainThread && [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some(arg => arg.includes('tsx'))

const pluginOf = (module: any, file: string): FastifyPluginAsync<any> => exportedFunction(module, names =>
  new errors.AppInvalid(file, `it exports ${names}, and no plugin. ` +
    'Write: export default async function app (fastify, options) {}'))
