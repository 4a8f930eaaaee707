/**
 * What comes and goes leaves nothing behind.
 */
import t from 'tap'
import { OpenList } from '../lib/open-list.ts'
import { ShortLived } from '../lib/short-lived.ts'

t.test('OpenList: entries are closed once, in any order, and point at nothing then', async t => {
  const list = new OpenList<string>()
  t.ok(list.isEmpty)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(value => list.add(value))
  t.same(list.values(), ['d', 'c', 'b', 'a'])
  t.equal(list.close(b!), true)
  t.equal(list.close(b!), false)
  t.same(list.values(), ['d', 'c', 'a'])
  t.equal(list.close(d!), true)
  t.equal(list.close(a!), true)
  t.same(list.values(), ['c'])
  t.same([a, b, d], Array(3).fill({ value: null, before: null, after: null }))
  t.notOk(list.isEmpty)
  list.close(c!)
  t.ok(list.isEmpty)
  list.add('e')
  t.same(list.values(), ['e'])
})

t.test('ShortLived: as a Map, whose values are those of now', async t => {
  const map = new ShortLived<string, object>()
  const [one, two] = [{ n: 1 }, { n: 2 }]
  map.set('a', one)
  map.set('b', two)
  t.equal(map.get('a'), one)
  t.same(map.values(), [one, two])
  map.set('a', two)
  t.equal(map.size, 2)
  t.same(map.values(), [two, two])
  map.delete('a')
  map.delete('a')
  t.equal(map.get('a'), undefined)
  t.equal(map.size, 1)
})
