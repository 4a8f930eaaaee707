// npm run demo: starts Redis, a web process and a worker of examples/demo as processes, and a mail server in this
// process. None of them outlives this process.
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { startMailServer } from '../examples/demo/mail-server.ts'
import { projectRoot, startRedis } from './redis.ts'
import { startDependent, type DependentProcess } from './dependent-process.ts'

const root = projectRoot()
const cli = join(root, 'dist', 'cli', 'main.js')
const host = process.env.HOST || 'localhost'
const port = Number(process.env.PORT || 3000)
const address = `http://${host === '0.0.0.0' ? 'localhost' : host}:${port}`
const workerArgs = ['worker', '-A', 'examples/demo/app.ts', '-l', 'info', '--close-timeout', '1000']
const WEB_TIMEOUT_MS = 20_000

type Env = Record<'REDIS_URL' | 'SMTP_URL', string>

/** Close functions of all that was started. They run in reverse order. */
const closers: Array<() => Promise<void>> = []
let ending: Promise<void> | undefined

const print = (text: string): void => console.log(text)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0))
// npm sends SIGTERM only to the shell between it and this process, and that shell does not pass it on.
const parent = process.ppid
setInterval(() => { if (process.ppid !== parent) end(0) }, 500).unref()

await main().catch(fail)

async function main (): Promise<void> {
  if (!existsSync(cli)) throw new Error('dist/cli/main.js is missing: run "npm run build" first')
  await checkPort()
  const redis = await privateRedis()
  const mail = await startMailServer()
  closers.push(() => mail.close())
  const env = { REDIS_URL: redis.url, SMTP_URL: mail.smtpUrl }
  const web = await startWeb({ ...env, INBOX_URL: mail.inboxUrl })
  print(introduction(env, web.pid, redis.pid))
  const worker = makeWorker(env)
  closers.push(() => worker.stop())
  await worker.start()
  createInterface({ input: process.stdin }).on('line', line => { if (line.trim() === 'w') void worker.toggle() })
}

function printError (error: Error): void {
  console.error(`demo: ${error.message}`)
}

function fail (error: Error): void {
  if (!ending) printError(error)
  end(1)
}

function end (code: number): void {
  ending ??= closeAll().then(() => process.exit(code))
}

async function closeAll (): Promise<void> {
  if (closers.length > 0) print('\nstopping …')
  for (const close of closers.reverse()) await close().catch(printError)
}

async function checkPort (): Promise<void> {
  if (!Number.isInteger(port)) {
    throw new Error(`PORT=${process.env.PORT} is not a port. For example: PORT=3001 npm run demo`)
  }
  const probe = createServer().listen(port, host)
  await once(probe, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} is in use. Choose another port: PORT=${port + 1} npm run demo`)
  })
  probe.close()
  await once(probe, 'close')
}

async function privateRedis (): Promise<{ url: string, pid?: number }> {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL }
  const redis = await startRedis()
  closers.push(() => redis.stop())
  return redis
}

/** tsconfig.build.json maps no name to lib/, so that the examples load the built package, as an app does. */
function environment (variables: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, ...variables, TSX_TSCONFIG_PATH: join(root, 'tsconfig.build.json') }
}

async function startWeb (variables: Record<string, string>): Promise<DependentProcess> {
  const env = environment({ LOG_LEVEL: 'warn', PORT: String(port), HOST: host, ...variables })
  const args = ['--import=tsx', 'examples/demo/server.ts']
  const onLine = (line: string): void => print(`web    │ ${line}`)
  const web = await startDependent(process.execPath, args, { env, cwd: root, onLine })
  closers.push(() => web.stop())
  const ended = web.ended.then(how => { throw new Error(`the web process has ended (${how})`) })
  ended.catch(fail)
  await Promise.race([waitForAnswer(), ended])
  return web
}

async function waitForAnswer (): Promise<void> {
  const deadline = Date.now() + WEB_TIMEOUT_MS
  while (Date.now() < deadline) {
    const response = await fetch(address).catch(() => null)
    if (response?.ok) return
    await sleep(50)
  }
  throw new Error(`${address} does not answer`)
}

/** The worker, which the keyboard stops and starts. */
function makeWorker (variables: Env) {
  let running: DependentProcess | undefined
  let busy = false

  async function start (): Promise<void> {
    const env = environment(variables)
    const onLine = (line: string): void => print(`worker │ ${line}`)
    const worker = await startDependent(process.execPath, [cli, ...workerArgs], { env, cwd: root, onLine })
    running = worker
    print(`The worker is running, pid ${worker.pid}. w + Enter stops it, even during a task.`)
    void worker.ended.then(how => {
      running = undefined
      if (!ending) print(`The worker, pid ${worker.pid}, has exited (${how}). Tasks wait. w + Enter starts it again.`)
    })
  }

  async function stop (): Promise<void> {
    await running?.stop()
  }

  async function toggle (): Promise<void> {
    if (busy) return
    busy = true
    await (running ? stop() : start()).catch(printError)
    busy = false
  }

  return { start, stop, toggle }
}

function introduction ({ REDIS_URL, SMTP_URL }: Env, webPid: number, redisPid?: number): string {
  const redis = REDIS_URL.replace(/\/\/.*@/, '//…@')
  return `
  Open ${address}

  dashboard  ${address}/admin/tasks (user demo, password ${process.env.DEMO_PASSWORD ?? 'demo'})

  redis      ${redis}${redisPid ? ` (private, pid ${redisPid})` : ''}
  mail       ${SMTP_URL}
  web        pid ${webPid}: only enqueues
  worker     started below; for another worker, run in another terminal:
             REDIS_URL=${redis} SMTP_URL=${SMTP_URL} npx fastify-tasks worker -A examples/demo/app.ts

  w + Enter  stops the worker, and starts it again
  Ctrl+C     stops everything
`
}
