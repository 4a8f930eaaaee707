/**
 * `fastify-tasks inspect` lists the keys whose tasks wait.
 */
import t from 'tap'
import { commandsWith } from '../support/command.ts'
import { build, randomPrefix } from '../support/helpers.ts'

t.test('keys whose tasks wait are listed, the most waiting first, with what holds them up', async t => {
  const prefix = randomPrefix()
  const key = (data: any): string => data.of
  const app = await build(t, { prefix }, app => {
    app.tasks.define('import', { limit: { ordered: true, key } })
    app.tasks.define('many', { limit: { max: 500, key } })
  })
  const inspect = commandsWith(t, '.', ['--prefix', prefix])
  t.notMatch((await inspect('inspect')).out, /HELD BY/)
  const of = (of: string, count: number): any[] => Array.from({ length: count }, () => ({ data: { of } }))
  const [first] = await app.tasks.enqueueMany('import', of('a', 4))
  await app.tasks.enqueueMany('import', of('b', 2))
  const many = await app.tasks.enqueueMany('many', of('c', 30))
  const { out } = await inspect('inspect')
  t.match(out, /^TASK +KEY +QUEUE +WAITING +STARTED +WHY +HELD BY\nmany +c +default +10 +20 +fair share of key "c", 20/m)
  t.match(out, new RegExp(`^import +a +default +3 +1 +limit of key "a", 1 of 1 +${first!.id}\nimport +b `, 'm'))
  t.match(await many[29]!.status(), { blockedBy: { kind: 'limit', text: 'fair share of key "c", 20' } })
  const { keys } = JSON.parse((await inspect('inspect', '--json')).out)
  const why = 'limit of key "a", 1 of 1'
  t.match(keys[1], { queue: 'default', task: 'import', key: 'a', waiting: 3, started: 1, why, heldBy: first!.id })
  t.equal(keys.length, 3)
})
