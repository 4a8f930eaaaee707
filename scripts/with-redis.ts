// with-redis <command> [args…]: runs a command with REDIS_URL. If REDIS_URL is not set, starts a private server for it.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { availableParallelism, constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { projectRoot, startRedis } from './redis.ts'

const PLAIN_TESTS = pathToFileURL(join(projectRoot(), 'scripts', 'plain-tests.mjs')).href
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const [command, ...args] = process.argv.slice(2)
process.exitCode = command ? await withRedis(command, args).catch(fail) : usage()

function usage (): number {
  process.stderr.write('usage: with-redis <command> [args…]\n')
  return 2
}

function fail (error: Error): number {
  process.stderr.write(`with-redis: ${error.message}\n`)
  return 1
}

async function withRedis (command: string, args: string[]): Promise<number> {
  const url = process.env.REDIS_URL
  if (url) {
    process.stderr.write(`with-redis: using REDIS_URL, ${withoutPassword(url)}\n`)
    return await run(command, args, url)
  }
  const redis = await startRedis()
  try {
    return await run(command, args, redis.url)
  } finally {
    await redis.stop()
  }
}

function withoutPassword (url: string): string {
  return url.replace(/\/\/.*@/, '//…@')
}

function run (command: string, args: string[], url: string): Promise<number> {
  const bin = join(projectRoot(), 'node_modules', '.bin')
  // By itself tap uses half of the cores. Tests wait more than they compute, so more than one for each core is quicker.
  const jobs = process.env.TAP_JOBS ?? String(Math.ceil(1.5 * availableParallelism()))
  const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${PLAIN_TESTS}`.trim()
  const PATH = `${bin}${delimiter}${process.env.PATH ?? ''}`
  const env = { ...process.env, TAP_JOBS: jobs, REDIS_URL: url, PATH, NODE_OPTIONS }
  const child = spawn(command, args, { stdio: 'inherit', env })
  passSignals(child)
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(notStarted(command, error)))
    child.once('exit', (code, signal) => resolve(signal ? 128 + constants.signals[signal] : code ?? 1))
  })
}

/** Passes signals to the command, except Ctrl+C in a terminal, which sends it to the command already. */
function passSignals (child: ChildProcess): void {
  for (const signal of signals) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
}

/** The exit status that a shell uses: 127 if the command is not found, 126 if it cannot run. */
function notStarted (command: string, error: NodeJS.ErrnoException): number {
  process.stderr.write(`with-redis: cannot run ${command}: ${error.message}\n`)
  return error.code === 'ENOENT' ? 127 : 126
}
