/**
 * The producers of examples/producers, run as their headers say. docs/internals/wire-format.md describes what they
 * write.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { startRedis } from '../../scripts/redis.ts'
import { build, connect, randomPrefix, reaches } from '../support/helpers.ts'

const run = promisify(execFile)
const page = readFileSync('docs/internals/wire-format.md', 'utf8')

interface Language { command: string, file: string, version: string[] }
const languages: Language[] = [
  { command: 'python3', file: 'examples/producers/enqueue.py', version: ['--version'] },
  { command: 'php', file: 'examples/producers/enqueue.php', version: ['--version'] }
]

const isThere = ({ command, version }: Language): Promise<boolean> =>
  run(command, version).then(() => true, () => false)

for (const language of languages) {
  const skip = await isThere(language) ? false : `there is no ${language.command} on the PATH`
  t.test(`${language.file}: a task at once, a task later, and the letters of all languages`, { skip }, async t => {
    const redis = await startRedis() // they use the default prefix
    t.teardown(() => redis.stop())
    const app = await build(t, { redis: redis.url, prefix: 'bq', worker: true }, app => {
      app.tasks.define('resize', async ({ width, title }: any) => ({ width, title }))
    })
    const enqueue = async (...args: string[]): Promise<string> => {
      const { stdout } = await run(language.command, [language.file, 'resize', ...args], {
        env: { ...process.env, REDIS_URL: redis.url }, timeout: 60_000
      })
      return stdout.trim()
    }
    const data = { width: 100, title: 'Größe – 大きさ' }
    const now = await enqueue(JSON.stringify(data))
    t.match(await reaches(app, now, 'succeeded'), { result: data, attempts: 1 })
    const later = await enqueue(JSON.stringify(data), '300')
    t.match(await reaches(app, later, 'succeeded'), { result: data })
    const far = await enqueue(JSON.stringify(data), '60000000')
    t.match(await app.tasks.status(far), { state: 'delayed', dueAt: String })
    t.equal(await app.tasks.cancel(far), 'cancelled')
    await t.rejects(run(language.command, [language.file, 'resize', 'null'], {
      env: { ...process.env, REDIS_URL: 'redis://127.0.0.1:1' }, timeout: 60_000
    }))
  })
}

t.test('the script of the page is that of the producers, and makes one task of an id', async t => {
  const [, script] = /^```lua\n([^]*?)\n```$/m.exec(page)!
  for (const { file } of languages) t.ok(readFileSync(file, 'utf8').includes(script!), file)
  const prefix = randomPrefix()
  const app = await build(t, { prefix, worker: true }, app => { app.tasks.define('sum', ([a, b]: any) => a + b) })
  const redis = connect(t)
  const keys = ['jobs', 'waiting', 'delayed', 'earlierDelayed'].map(key => `${prefix}:{default}:${key}`)
  const [, example] = /^```json\n([^]*?)\n```$/m.exec(page)!
  const record = JSON.stringify(JSON.parse(example!))
  t.equal(await redis.eval(script!, 4, ...keys, 'own-1', record, ''), 1)
  t.equal(await redis.eval(script!, 4, ...keys, 'own-1', record, ''), 0)
  t.match(await reaches(app, 'own-1', 'succeeded'), { name: 'sum', result: 3, attempts: 4 })
})
