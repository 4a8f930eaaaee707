/**
 * The codec of stage and progress, as a running task stores them: any program may have written the text.
 */
import t from 'tap'
import { decodeProgress } from '../../lib/records/progress.ts'

t.test('stage and progress', async t => {
  t.strictSame(decodeProgress('{"stage":"HALF","progress":{"done":1}}'), { stage: 'HALF', progress: { done: 1 } })
  for (const progress of [0, '', false]) {
    t.strictSame(decodeProgress(JSON.stringify({ progress })), { stage: null, progress })
  }
  for (const stage of ['5', '{}', '[]', 'null', 'true']) {
    t.strictSame(decodeProgress(`{"stage":${stage},"progress":1}`), { stage: null, progress: 1 }, stage)
  }
  t.strictSame(decodeProgress('{}'), { stage: null, progress: null })
})

t.test('garbage is no progress', async t => {
  const deep = `{"stage":"A","progress":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  const garbage = ['', ' ', 'x', '{', 'null', '\0', deep]
  for (const text of garbage) t.equal(decodeProgress(text), undefined, text.slice(0, 20))
})

t.test('progress of 1,000 levels is read, as it was reported', async t => {
  const deepest = `${'['.repeat(1_000)}${']'.repeat(1_000)}`
  t.strictSame(decodeProgress(`{"stage":null,"progress":${deepest}}`), { stage: null, progress: JSON.parse(deepest) })
})

t.test('no progress reaches a prototype', async t => {
  const attacks = [
    '"__proto__":{"polluted":1}',
    '"\\u005f_proto__":{"polluted":1}',
    '"constructor":{"prototype":{"polluted":1}}'
  ]
  for (const attack of attacks) {
    const decoded = decodeProgress(`{"stage":"A","progress":{${attack},"ok":[{${attack}}]},${attack}}`)
    t.strictSame(decoded, { stage: 'A', progress: { ok: [{}] } }, attack)
    const copy = Object.assign({}, decoded!.progress) as any
    t.equal(copy.polluted, undefined, attack)
    t.equal(Object.getPrototypeOf(copy), Object.prototype, attack)
  }
})
