import fc from 'fast-check'
import t from 'tap'
import { SortedIds } from '../../lib/store/memory/sorted-ids.ts'

/** The same, as slow as it is plain. */
class Plain {
  entries: Array<{ id: string, time: number }> = []

  put (id: string, time: number): void {
    this.delete(id)
    this.entries.push({ id, time })
    this.entries.sort((a, b) => a.time - b.time) // stable
  }

  delete (id: string): boolean {
    const before = this.entries.length
    this.entries = this.entries.filter(one => one.id !== id)
    return this.entries.length < before
  }

  takeUntil (now: number, limit = Infinity): string[] {
    const taken = this.entries.filter(one => one.time <= now).slice(0, limit)
    for (const { id } of taken) this.delete(id)
    return taken.map(one => one.id)
  }
}

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const time = fc.nat(5)
type Step = (table: SortedIds | Plain) => unknown
const steps: fc.Arbitrary<Step[]> = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.tuple(id, time).map(([id, time]): Step => table => table.put(id, time)) },
  id.map((id): Step => table => table.delete(id)),
  fc.tuple(time, fc.option(fc.nat(3), { nil: undefined })).map(([now, limit]): Step => table => table.takeUntil(now, limit))
), { maxLength: 30 })

t.test('keeps its ids in the order of their times, and of their coming', async () => {
  fc.assert(fc.property(steps, all => {
    const [table, plain] = [new SortedIds(), new Plain()]
    for (const step of all) {
      const expected = [step(plain), plain.entries.map(one => one.id), plain.entries[0]?.time ?? null, plain.entries.length]
      const got = [step(table), table.ids(), table.first, table.size]
      if (JSON.stringify(got) !== JSON.stringify(expected)) throw new Error(`${JSON.stringify(got)}, not ${JSON.stringify(expected)}`)
    }
  }), { numRuns: 500 })
})

t.test('knows what it has', async t => {
  const table = new SortedIds()
  table.put('a', 5)
  t.same([table.has('a'), table.timeOf('a'), table.has('b'), table.timeOf('b')], [true, 5, false, undefined])
  t.equal(table.delete('b'), false)
})
