/**
 * The downloader of Debian's Redis, for tests, benches and the demo: what it does with and without apt-get. Nothing is
 * downloaded here.
 */
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { endRedis, launchRedis } from '../../lib/dev/redis-server.ts'
import { downloadRedis } from '../../scripts/redis-download.ts'
import { findRedis } from '../../scripts/redis.ts'

const { PATH } = process.env
t.afterEach(() => { process.env.PATH = PATH })

/** From now on PATH has only these programs, each a shell script. */
function setPrograms (t: Test, programs: Record<string, string>): void {
  const scripts = Object.entries(programs).map(([name, text]) => [name, `#!/bin/sh\n${text}\n`])
  const folder = t.testdir(Object.fromEntries(scripts))
  for (const name of Object.keys(programs)) chmodSync(join(folder, name), 0o755)
  for (const tool of ['sh', 'cat', 'rm']) symlinkSync(`/bin/${tool}`, join(folder, tool))
  process.env.PATH = folder
}

const failing = { 'apt-get': 'echo no network >&2; exit 1', 'apt-cache': 'exit 1', 'dpkg-deb': 'exit 1' }

t.test('without apt-get: the error says how to get a server', async t => {
  setPrograms(t, {})
  const message = /no redis-server[^]*brew install redis[^]*apt-get install redis-server[^]*docker run[^]*REDIS_URL/
  await t.rejects(findRedis(), { code: 'FST_TASKS_NO_REDIS_SERVER', message })
})

t.test('a download that fails: the error has the reason, and nothing is left', async t => {
  setPrograms(t, failing)
  const folder = join(t.testdirName, 'cache')
  const message = /fetching it with apt-get failed: no network/
  await t.rejects(downloadRedis(folder), { code: 'FST_TASKS_NO_REDIS_SERVER', message })
  t.same(readdirSync(folder), [])
})

t.test('a server that was downloaded before is used: apt-get is not called', async t => {
  const { path, env } = await findRedis()
  setPrograms(t, failing)
  const folder = join(t.testdirName, 'cache')
  const printed = t.capture(process.stderr, 'write', () => true)
  await t.rejects(downloadRedis(folder))
  const [, target] = /with apt-get into (.+) \(once/.exec(printed().map(({ args }) => String(args[0])).join(''))!
  t.ok(target!.startsWith(`${folder}/`), 'in the folder that was named')
  if (env.LD_LIBRARY_PATH) symlinkSync(join(path, '../../..'), target!) // its libraries are beside it
  else {
    mkdirSync(join(target!, 'usr/bin'), { recursive: true })
    symlinkSync(path, join(target!, 'usr/bin/redis-server'))
  }

  const binary = await downloadRedis(folder)
  t.equal(binary.path, join(target!, 'usr/bin/redis-server'))
  const dir = join(t.testdirName, 'data')
  mkdirSync(dir)
  process.env.PATH = [process.env.PATH, '/bin'].join(delimiter)
  const server = await launchRedis({ binary, dir, temporary: false, args: [] })
  t.ok(server.pid)
  await endRedis(server, 'SIGTERM')
})
