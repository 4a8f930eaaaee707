/**
 * Loads the app plugin that a person names on the command line, as fastify-cli does.
 */
import { existsSync, statSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyPluginAsync, FastifyServerOptions } from 'fastify'
import * as errors from '../errors.ts'
import { exportedFunction } from './exported-function.ts'
import { prepareTypeScript } from './typescript.ts'

export interface LoadedApp {
  plugin: FastifyPluginAsync<any>
  /** The module's `options` export: options of the Fastify server, as fastify-cli takes them with --options. */
  options: FastifyServerOptions
  file: string
}

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts']

/** @throws FST_TASKS_APP_NOT_FOUND, FST_TASKS_APP_INVALID, FST_TASKS_APP_TYPESCRIPT, and whatever the module throws */
export async function loadApp (path: string, folder = process.cwd()): Promise<LoadedApp> {
  const file = resolve(folder, path)
  if (!existsSync(file) || !statSync(file).isFile()) throw new errors.AppNotFound(path, folder)
  if (!EXTENSIONS.includes(extname(file))) {
    throw new errors.AppInvalid(file, `its name ends in "${extname(file)}", not in one of ${EXTENSIONS.join(', ')}`)
  }
  if (file.endsWith('ts')) await prepareTypeScript(file)
  const module = await import(pathToFileURL(file).href)
  return { plugin: pluginOf(module, file), options: module.options ?? module.default?.options ?? {}, file }
}

const pluginOf = (module: any, file: string): FastifyPluginAsync<any> => exportedFunction(module, names =>
  new errors.AppInvalid(file, `it exports ${names}, and no plugin. ` +
    'Write: export default async function app (fastify, options) {}'))
