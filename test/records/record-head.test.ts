/**
 * The head of a large record has all but data and result, whatever is in these.
 */
import fc from 'fast-check'
import t from 'tap'
import { headOf, LARGE } from '../../lib/records/record-head.ts'
import { decode, encode, type StoredTask } from '../../lib/records/task-record.ts'

const hostile = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    ',"options":{"timestamp":9}', '{"result":', '"result":', '\\', '\\"', '"', '\\\\"', '{', ']', 'ä\u2028😀',
    { options: { timestamp: 9 }, status: 'failed' }, [{ a: 1, options: {} }], { result: 1, x: '"result":' }
  )
)
const filler = fc.constantFrom('', 'x'.repeat(LARGE), '\\'.repeat(LARGE / 2), 'ä'.repeat(LARGE), '"'.repeat(LARGE))
const values = fc.record({ before: hostile, filler, after: hostile })

const recordOf = (data: unknown): StoredTask => ({
  data: { name: 'a "name"', data },
  options: { timestamp: 5, retries: 0, attempts: 1, stacktraces: ['options":{', '"result":'] },
  status: 'succeeded',
  progress: { options: { x: 1 } },
  startedAt: 6,
  finishedAt: 7
})

const shown = ({ data: { name }, result, ...rest }: StoredTask): unknown => ({ ...rest, name })

t.test('whatever data and result are, it has everything else, or there is none', async t => {
  let found = 0
  await fc.assert(fc.asyncProperty(values, values, async (data, result) => {
    const text = encode(recordOf(data), JSON.stringify(result))
    const head = headOf(text)
    if (head === null) return
    found++
    t.same(shown(decode(head)), shown(decode(text)))
    t.ok(head.length <= LARGE + 100)
  }), { numRuns: 300 })
  t.ok(found > 200, `${found} of 300`)
})

t.test('large data of many parts are not searched for ever: with a small result that does not matter', async t => {
  const data = Array.from({ length: 60_000 }, (_, i) => ({ i, options: {} }))
  const small = headOf(encode(recordOf(data), '{"options":{}}'))!
  t.match(decode(small), { data: { name: 'a "name"' }, options: { timestamp: 5 }, status: 'succeeded', finishedAt: 7 })
  t.equal(headOf(encode(recordOf(data), JSON.stringify('x'.repeat(LARGE)))), null)
})

t.test('what is no record of ours has none', async t => {
  const large = 'x'.repeat(LARGE)
  for (const text of [
    large, `{"data":{"name":""},"options":{},"x":"${large}"}`, `{"options":{},"data":{"name":"x","data":"${large}"}}`,
    `{"data":{"name":"x","data":"${large}`, `{"data":{"name":"x","data":"${large}"},"status":"created"}`
  ]) t.equal(headOf(text), null)
  t.equal(headOf(encode({ ...recordOf('x'), progress: large }, JSON.stringify(large))), null, 'it is large itself')
})
