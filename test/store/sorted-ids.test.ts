/**
 * SortedIds, compared with a version of it that is slow and simple.
 */
import fc from 'fast-check'
import t from 'tap'
import { SortedIds } from '../../lib/store/memory/sorted-ids.ts'

class SimpleSortedIds {
  entries: Array<{ id: string, time: number }> = []

  put (id: string, time: number): void {
    this.delete(id)
    this.entries.push({ id, time })
    this.entries.sort((a, b) => a.time - b.time) // a stable sort
  }

  delete (id: string): boolean {
    const before = this.entries.length
    this.entries = this.entries.filter(entry => entry.id !== id)
    return this.entries.length < before
  }

  takeUntil (now: number, limit = Infinity): string[] {
    const taken = this.entries.filter(entry => entry.time <= now).slice(0, limit)
    for (const { id } of taken) this.delete(id)
    return taken.map(entry => entry.id)
  }
}

type Step = (ids: SortedIds | SimpleSortedIds) => unknown

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const time = fc.nat(5)
const limit = fc.option(fc.nat(3), { nil: undefined })
const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.tuple(id, time).map(([id, time]): Step => ids => ids.put(id, time)) },
  id.map((id): Step => ids => ids.delete(id)),
  fc.tuple(time, limit).map(([now, limit]): Step => ids => ids.takeUntil(now, limit))
), { maxLength: 30 })

t.test('keeps ids in the order of their times, and those of one time in the order of their coming', async () => {
  fc.assert(fc.property(steps, steps => {
    const [sorted, simple] = [new SortedIds(), new SimpleSortedIds()]
    for (const step of steps) {
      const reply = step(simple)
      const { entries } = simple
      const expected = [reply, entries.map(entry => entry.id), entries[0]?.time ?? null, entries.length]
      const actual = [step(sorted), sorted.ids(), sorted.first, sorted.size]
      if (JSON.stringify(actual) !== JSON.stringify(expected)) {
        throw new Error(`${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
      }
    }
  }), { numRuns: 500 })
})

t.test('knows its ids and their times', async t => {
  const ids = new SortedIds()
  ids.put('a', 5)
  t.same([ids.has('a'), ids.timeOf('a'), ids.has('b'), ids.timeOf('b')], [true, 5, false, undefined])
  t.equal(ids.delete('b'), false)
})
