/**
 * Logs for people, in development.
 */
import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'
import { printErr } from './output.ts'
import { cleanJson, cleanText, cleanValue } from './text.ts'

type MakeStream = (options: object) => any

/**
 * Adds pino-pretty to the options of a server, if it is installed beside the app or beside this package. A logger of
 * the app's own stays as it is.
 */
export function pretty (options: FastifyServerOptions, app: string, level: string): FastifyServerOptions {
  const { logger, loggerInstance, ...others } = options
  if (loggerInstance || (typeof logger === 'object' && ('stream' in logger || 'transport' in logger))) return options
  const own = typeof logger === 'object' ? logger as object : {}
  const makeStream = findPretty(app) ?? findPretty(import.meta.filename)
  if (makeStream) return { ...others, logger: { level, ...own, stream: prettyStream(makeStream) } }
  const fix = 'For readable logs: npm install -D pino-pretty'
  printErr(`fastify-tasks: logs are JSON: pino-pretty is not installed. ${fix}`)
  return { ...others, logger: { level, ...own, stream: jsonStream } }
}

/** Where a logger writes its lines to. */
interface LineStream { write: (line: string) => unknown }

/**
 * Filters each line before it is made pretty: that turns the escapes of JSON into characters, and adds colours.
 * Synchronous, and in this process: what is logged right before a crash is printed too.
 */
function prettyStream (makeStream: MakeStream): LineStream {
  const pretty = makeStream({
    sync: true,
    colorize: process.stdout.isTTY && process.stdout.hasColors(),
    singleLine: true,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l'
  })
  return { write: line => pretty.write(cleanLine(line)) }
}

/** Exported for tests. */
export function cleanLine (line: string): string {
  try {
    return `${JSON.stringify(cleanValue(JSON.parse(line)))}\n`
  } catch {
    return cleanText(line)
  }
}

/** For lines that stay JSON. A program that reads them finds the same in them. */
export const jsonStream: LineStream = { write: line => process.stdout.write(cleanJson(line)) }

/** pino-pretty as a module in this file would find it. Null if it is not installed. */
function findPretty (file: string): MakeStream | null {
  try {
    return createRequire(file)('pino-pretty')
  } catch {
    return null
  }
}
