import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { startRedis } from '../scripts/redis.ts'
import { until } from './helpers.ts'

t.test('examples/hello: under 20 lines, and it works', async t => {
  const redis = await startRedis() // the example has no prefix of its own
  t.teardown(() => redis.stop())
  const child = spawn(process.execPath, ['--import=tsx', 'examples/hello/app.ts'], { env: { ...process.env, REDIS_URL: redis.url, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => { child.kill(); await once(child, 'exit') })
  const [address] = await once(child.stdout, 'data')
  const origin = String(address).trim()
  const reply = await fetch(`${origin}/hello/world`, { method: 'POST' })
  t.equal(reply.status, 202)
  const ended: any = await until('it has ended', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, origin))).json()
    return record.state === 'succeeded' && record
  })
  t.equal(ended.result, 'Hello, world!')
})

t.test('examples/testing: as in the README, and it passes without Redis', async t => {
  const readme = readFileSync('README.md', 'utf8')
  for (const file of ['app.ts', 'app.test.ts']) t.ok(readme.includes(`\`\`\`ts\n${readFileSync(`examples/testing/${file}`, 'utf8')}\`\`\``), file)
  const env = { ...process.env, REDIS_URL: 'redis://127.0.0.1:1', NODE_TEST_CONTEXT: undefined }
  const child = spawn(process.execPath, ['--import=tsx', '--test', 'examples/testing/app.test.ts'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  const [code] = await once(child, 'close')
  t.equal(code, 0, out)
  t.match(out, /^# pass 1$/m)
})
