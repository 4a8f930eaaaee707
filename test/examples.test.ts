import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Jimp } from 'jimp'
import t, { type Test } from 'tap'
import { startRedis } from '../scripts/redis.ts'
import { until } from './helpers.ts'

/** Runs an example on a Redis of its own (they have no prefix); gives its address. */
async function start (t: Test, file: string): Promise<string> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const child = spawn(process.execPath, ['--import=tsx', file], { env: { ...process.env, REDIS_URL: redis.url, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => { child.kill(); await once(child, 'exit') })
  const [address] = await once(child.stdout, 'data')
  return String(address).trim()
}

/** The record once it has succeeded. */
function ended (origin: string, reply: Response): Promise<any> {
  return until('it has succeeded', async () => {
    const record: any = await (await fetch(new URL(reply.headers.get('location')!, origin))).json()
    if (record.state === 'failed') throw new Error(record.error.message)
    return record.state === 'succeeded' ? record : null
  }, 20_000)
}

t.test('examples/hello: under 20 lines, and it works', async t => {
  const origin = await start(t, 'examples/hello/app.ts')
  const reply = await fetch(`${origin}/hello/world`, { method: 'POST' })
  t.equal(reply.status, 202)
  t.equal((await ended(origin, reply)).result, 'Hello, world!')
})

t.test('examples/thumbnails: a picture is resized in a thread', async t => {
  const origin = await start(t, 'examples/thumbnails/app.ts')
  const body = await new Jimp({ width: 640, height: 480, color: 0x3366ffff }).getBuffer('image/png')
  const reply = await fetch(`${origin}/thumbnails?width=64`, { method: 'POST', headers: { 'content-type': 'image/png' }, body })
  t.equal(reply.status, 202)
  const { id, result, stage, progress } = await ended(origin, reply)
  t.same({ result, stage, progress }, { result: { width: 64, height: 48 }, stage: 'RESIZING', progress: { from: 640, to: 64 } })
  const thumbnail = await fetch(`${origin}/thumbnails/${id}`)
  t.equal(thumbnail.headers.get('content-type'), 'image/png')
  t.match(await Jimp.read(Buffer.from(await thumbnail.arrayBuffer())), { width: 64, height: 48 })
  const broken = await fetch(`${origin}/thumbnails`, { method: 'POST', headers: { 'content-type': 'image/png' }, body: 'no picture' })
  await t.rejects(ended(origin, broken), /MIME|buffer/)
})
