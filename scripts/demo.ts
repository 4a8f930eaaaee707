// What `npm run demo` runs: Redis, a mail server, the web process and a worker of examples/demo, each a process of its
// own but the mail server. All end with this one, however it ends.
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { startMailServer } from '../examples/demo/mail-server.ts'
import { projectRoot, startRedis } from './redis.ts'
import { startTied, type TiedProcess } from './tied-process.ts'

const root = projectRoot()
const cli = join(root, 'dist', 'cli', 'main.js')
const host = process.env.HOST || 'localhost'
const port = Number(process.env.PORT || 3000)
const address = `http://${host === '0.0.0.0' ? 'localhost' : host}:${port}`
const workerArgs = ['worker', '-A', 'examples/demo/app.ts', '-l', 'info', '--close-timeout', '1000']
const webWithin = 20_000

type Env = Record<'REDIS_URL' | 'SMTP_URL', string>

/** What ends what was started, the last one first. */
const closers: Array<() => Promise<void>> = []
let ending: Promise<void> | undefined

const say = (text: string): void => console.log(text)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0))
// npm passes a SIGTERM to the shell between it and this process, which dies of it alone.
const parent = process.ppid
setInterval(() => { if (process.ppid !== parent) end(0) }, 500).unref()

await main().catch(failed)

async function main (): Promise<void> {
  if (!existsSync(cli)) throw new Error('there is no dist/cli/main.js: run "npm run build" first')
  await insistOnPort()
  const redis = await privateRedis()
  const mail = await startMailServer()
  closers.push(() => mail.close())
  const env = { REDIS_URL: redis.url, SMTP_URL: mail.smtpUrl }
  const web = await startWeb({ ...env, INBOX_URL: mail.inboxUrl })
  say(introduction(env, web.pid, redis.pid))
  const worker = makeWorker(env)
  closers.push(() => worker.stop())
  await worker.start()
  createInterface({ input: process.stdin }).on('line', line => { if (line.trim() === 'w') worker.toggle() })
}

function complain (error: Error): void {
  console.error(`demo: ${error.message}`)
}

function failed (error: Error): void {
  if (!ending) complain(error)
  end(1)
}

function end (code: number): void {
  ending ??= closeAll().then(() => process.exit(code))
}

async function closeAll (): Promise<void> {
  if (closers.length > 0) say('\nending …')
  for (const close of closers.reverse()) await close().catch(complain)
}

async function insistOnPort (): Promise<void> {
  if (!Number.isInteger(port)) throw new Error(`PORT=${process.env.PORT} is not a port. For example: PORT=3001 npm run demo`)
  const probe = createServer().listen(port, host)
  await once(probe, 'listening').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw new Error(`port ${port} is taken. Choose another one: PORT=${port + 1} npm run demo`)
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

/** The examples then load the built package, as in an app of their own: that configuration maps no name to lib/. */
function environment (own: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, ...own, TSX_TSCONFIG_PATH: join(root, 'tsconfig.build.json') }
}

async function startWeb (own: Record<string, string>): Promise<TiedProcess> {
  const env = environment({ LOG_LEVEL: 'warn', PORT: String(port), HOST: host, ...own })
  const args = ['--import=tsx', 'examples/demo/server.ts']
  const web = await startTied(process.execPath, args, { env, cwd: root, onLine: line => say(`web    │ ${line}`) })
  closers.push(() => web.stop())
  const gone = web.ended.then(how => { throw new Error(`the web process has ended (${how})`) })
  gone.catch(failed)
  await Promise.race([answers(), gone])
  return web
}

async function answers (): Promise<void> {
  const deadline = Date.now() + webWithin
  while (Date.now() < deadline) {
    const response = await fetch(address).catch(() => null)
    if (response?.ok) return
    await sleep(50)
  }
  throw new Error(`${address} does not answer`)
}

/** The worker, which a person stops and starts. */
function makeWorker (own: Env) {
  let running: TiedProcess | undefined
  let busy = false

  async function start (): Promise<void> {
    const env = environment(own)
    const worker = await startTied(process.execPath, [cli, ...workerArgs], { env, cwd: root, onLine: line => say(`worker │ ${line}`) })
    running = worker
    say(`The worker runs, pid ${worker.pid}. w + Enter stops it, in the middle of a task too.`)
    worker.ended.then(how => {
      running = undefined
      if (!ending) say(`The worker, pid ${worker.pid}, has ended (${how}). Tasks wait. w + Enter starts it again.`)
    })
  }

  async function stop (): Promise<void> {
    await running?.stop()
  }

  async function toggle (): Promise<void> {
    if (busy) return
    busy = true
    await (running ? stop() : start()).catch(complain)
    busy = false
  }

  return { start, stop, toggle }
}

function introduction ({ REDIS_URL, SMTP_URL }: Env, webPid: number, redisPid?: number): string {
  const redis = REDIS_URL.replace(/\/\/.*@/, '//…@')
  return `
  Open ${address}

  redis    ${redis}${redisPid ? ` (its own, pid ${redisPid})` : ''}
  mail     ${SMTP_URL}
  web      pid ${webPid}: only enqueues
  worker   started below; one more, in another terminal:
           REDIS_URL=${redis} SMTP_URL=${SMTP_URL} npx fastify-tasks worker -A examples/demo/app.ts

  w + Enter  stops the worker, and starts it again
  Ctrl+C     ends all of it
`
}
