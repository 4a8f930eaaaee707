import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { findServerOnPath, installCommand, requireServerOnPath } from '../../lib/dev/redis-binary.ts'
import { startRedis } from '../../scripts/redis.ts'
import type { RedisOptions, RunningRedis } from '../../scripts/redis.ts'

const redisModule = new URL('../../scripts/redis.js', import.meta.url).href
const withRedis = new URL('../../scripts/with-redis.js', import.meta.url).pathname

async function until (check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`)
    await delay(10)
  }
}

function isRefused (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
  }).finally(() => socket.destroy())
}

async function started (t: Test, options?: RedisOptions): Promise<RunningRedis> {
  const redis = await startRedis(options)
  t.teardown(() => redis.stop())
  return redis
}

function client (t: Test, target: string, options = {}): Redis {
  const redis = new Redis(target, { retryStrategy: () => 20, ...options })
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  return redis
}

function node (args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const { REDIS_URL: _, ...own } = process.env
  return spawn(process.execPath, args, { env: { ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function finished (child: ChildProcess): Promise<{ code: number | null, out: string, err: string }> {
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
  return { code, out, err }
}

async function firstLine (child: ChildProcess): Promise<string> {
  const [line] = await once(child.stdout!.setEncoding('utf8'), 'data')
  return line.trim()
}

/** A process that starts a server, prints its port and folder, and does what `after` says. */
function starter (after: string): ChildProcess {
  return node(['--input-type=module', '--eval', `
    import { startRedis } from '${redisModule}'
    const { port, dir } = await startRedis()
    console.log(JSON.stringify({ port, dir }))
    ${after}`])
}

t.test('starts a server that answers, and leaves nothing behind when it stops it', async (t) => {
  const redis = await started(t)
  const info = await client(t, redis.url).info('server')
  t.match(info, `process_id:${redis.pid}\r\n`)
  t.match(info, `tcp_port:${redis.port}\r\n`)
  t.equal(redis.url, `redis://127.0.0.1:${redis.port}`)
  t.ok(existsSync(redis.dir))

  await redis.stop()
  t.ok(await isRefused(redis.port))
  t.notOk(existsSync(redis.dir))
  await t.resolves(redis.stop(), 'a second stop does no harm')
})

t.test('two servers at once have their own ports and data', async (t) => {
  const [one, other] = await Promise.all([started(t), started(t)])
  t.not(one.port, other.port)
  await client(t, one.url).set('key', 'one')
  t.equal(await client(t, other.url).get('key'), null)

  await one.stop()
  t.equal(await client(t, other.url).ping(), 'PONG')
})

t.test('with an append-only file, a key outlives a kill', async (t) => {
  const redis = await started(t, { aof: true })
  const connection = client(t, redis.url)
  await connection.set('key', 'kept')
  const { pid, port } = redis

  await redis.kill()
  t.ok(await isRefused(port))
  t.ok(existsSync(redis.dir))
  await redis.restart()
  t.equal(redis.port, port)
  t.not(redis.pid, pid)
  t.equal(await connection.get('key'), 'kept')
})

t.test('without an append-only file, a restart loses all keys', async (t) => {
  const redis = await started(t)
  const connection = client(t, redis.url)
  await connection.set('key', 'lost')
  await redis.restart()
  t.equal(await connection.get('key'), null)
})

t.test('a folder that was given is kept', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'given-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const first = await started(t, { dir, aof: true })
  await client(t, first.url).set('key', 'kept')
  await first.stop()

  const second = await started(t, { dir, aof: true })
  t.equal(await client(t, second.url).get('key'), 'kept')
})

t.test('a password and a Unix socket', async (t) => {
  const password = 'two words@#'
  const redis = await started(t, { password, unixSocket: true })
  t.equal(await client(t, redis.url).ping(), 'PONG')
  t.equal(await client(t, redis.socket!, { password }).ping(), 'PONG')
  await t.rejects(client(t, `redis://127.0.0.1:${redis.port}`).ping(), { message: /NOAUTH/ })
})

t.test('a paused server does not answer until it is resumed, and can be stopped', async (t) => {
  const redis = await started(t)
  const connection = client(t, redis.url)
  await connection.ping()
  redis.pause()
  await t.rejects(client(t, redis.url, { commandTimeout: 100 }).ping(), { message: /timed out/ })
  redis.resume()
  t.equal(await connection.ping(), 'PONG')
  redis.pause()
  await redis.stop()
  t.ok(await isRefused(redis.port))
})

t.test('a server that does not start: the error has the end of its log', async (t) => {
  await t.rejects(startRedis({ config: ['--no-such-setting', '1'] }), { message: /exited[^]*no-such-setting/ })
})

t.test('another server on the port is not taken for ours', async (t) => {
  const { port } = await started(t)
  await t.rejects(startRedis({ port }), { message: /Address already in use/ })
})

t.test('a server on PATH: redis-server, then valkey-server, and nothing that cannot be executed', async (t) => {
  const path = process.env.PATH
  t.teardown(() => { process.env.PATH = path })
  const folder = t.testdir({
    data: { 'redis-server': '' }, both: { 'redis-server': '', 'valkey-server': '' }, valkey: { 'valkey-server': '' }
  })
  const at = (...names: string[]): string => join(folder, ...names)
  for (const file of [at('both', 'redis-server'), at('both', 'valkey-server'), at('valkey', 'valkey-server')]) {
    chmodSync(file, 0o755)
  }
  const found = async (...folders: string[]): Promise<string | undefined> => {
    process.env.PATH = folders.join(delimiter)
    return (await findServerOnPath())?.path
  }
  t.equal(await found(at('data'), at('both')), at('both', 'redis-server'))
  t.equal(await found(at('valkey')), at('valkey', 'valkey-server'))
  t.equal(await found(at('data'), '', at('nowhere')), undefined)
  const message = /^No Redis can be started: there is no redis-server or valkey-server on PATH\. Get one with ".+".*REDIS_URL/
  await t.rejects(requireServerOnPath(), { code: 'FST_TASKS_NO_REDIS_SERVER', message })
})

t.test('how to get a server, on each platform', async (t) => {
  t.equal(installCommand('darwin', false), 'brew install redis')
  t.equal(installCommand('linux', true), 'apt-get install redis-server')
  t.equal(installCommand('linux', false), 'docker run -p 6379:6379 redis')
  t.equal(installCommand('win32', false), 'docker run -p 6379:6379 redis')
})

t.test('the server dies with a parent that gets SIGKILL', async (t) => {
  const parent = starter('setInterval(() => {}, 1000)')
  const { port, dir } = JSON.parse(await firstLine(parent))
  t.notOk(await isRefused(port))

  parent.kill('SIGKILL')
  await until(() => isRefused(port), 'the server is gone')
  await until(() => !existsSync(dir), 'its folder is gone')
})

t.test('a forgotten server does not keep its parent up, and dies with it', async (t) => {
  const { code, out } = await finished(starter(''))
  t.equal(code, 0)
  const { port, dir } = JSON.parse(out)
  await until(() => isRefused(port), 'the server is gone')
  await until(() => !existsSync(dir), 'its folder is gone')
})

t.test('with-redis', async (t) => {
  const run = (args: string[], env?: NodeJS.ProcessEnv) => node([withRedis, ...args], env)
  const script = (code: string) => [process.execPath, '--eval', code]

  t.test('gives the command a server, passes its exit code on and stops the server', async (t) => {
    const { code, out } = await finished(run(script('console.log(process.env.REDIS_URL); process.exitCode = 7')))
    t.equal(code, 7)
    t.ok(await isRefused(Number(new URL(out.trim()).port)))
  })

  t.test('exits with 128 and the signal that ended the command', async (t) => {
    const { code } = await finished(run(script('process.kill(process.pid, "SIGKILL")')))
    t.equal(code, 137)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    t.test(`passes ${signal} on and lets the command finish with the server still up`, async (t) => {
      const child = run(script(`
        process.on('${signal}', () => {
          const { port } = new URL(process.env.REDIS_URL)
          const socket = require('node:net').connect(port, '127.0.0.1')
          socket.on('connect', () => process.exit(5)).on('error', () => process.exit(6))
        })
        setInterval(() => {}, 1000)
        console.log(process.env.REDIS_URL)`))
      const url = await firstLine(child)
      child.kill(signal)
      t.equal((await once(child, 'exit'))[0], 5)
      t.ok(await isRefused(Number(new URL(url).port)))
    })
  }

  t.test('uses REDIS_URL if it is set, and prints it without the password', async (t) => {
    const url = 'redis://user:secret@127.0.0.1:1/2'
    const { code, out, err } = await finished(run(script('console.log(process.env.REDIS_URL)'), { REDIS_URL: url }))
    t.equal(code, 0)
    t.equal(out.trim(), url)
    t.match(err, /using REDIS_URL.*127\.0\.0\.1:1/)
    t.notMatch(err, 'secret')
  })

  t.test('finds commands of the project itself', async (t) => {
    const { code, out } = await finished(run(['tsc', '--version']))
    t.equal(code, 0)
    t.match(out, 'Version')
  })

  t.test('reports a command that is not there, or none at all', async (t) => {
    t.equal((await finished(run(['no-such-command']))).code, 127)
    const { code, err } = await finished(run([]))
    t.equal(code, 2)
    t.match(err, 'usage')
  })
})
