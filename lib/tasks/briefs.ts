/**
 * Brief records, for lists that show no results: a page of large records costs what a page of small ones costs.
 */
import { TRY_AGAIN } from './advice.ts'
import { PAGE_BYTES } from './page-records.ts'
import { decodeOrFail } from '../records/decode-or-fail.ts'
import { toTaskRecord } from '../records/task-record.ts'
import { MAX_CHARACTERS } from '../store/batches.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls, StoreClock } from '../store/store-contract.ts'
import type { RawHead } from '../store/walk-contract.ts'
import type { BriefRecord } from '../boot/app-registry.ts'
import type { TaskRecord } from '../types.ts'
import type { FlowView } from './flow-view.ts'

export interface BriefSource {
  readonly calls: BoundedCalls
  readonly clock: StoreClock
  readonly flows: Pick<FlowView, 'showProgress'>
}

export function toBrief ({ result, data, blockedBy, ...brief }: TaskRecord): BriefRecord { return brief }

/** The records of the first ids, until they have PAGE_BYTES: at least one. Null for a task that is gone. */
export async function briefsOf (
  source: BriefSource, queue: Queue, ids: string[]
): Promise<Array<BriefRecord | null>> {
  const records: Array<BriefRecord | null> = []
  for (let bytes = 0; records.length < ids.length && bytes < PAGE_BYTES;) {
    const rest = ids.slice(records.length)
    const read = await source.calls.call('a list of tasks', TRY_AGAIN, () => queue.walk.readHeads(rest, MAX_CHARACTERS))
    const briefs = read.tasks.map((head, i) => head && briefOf(source, queue, rest[i]!, head))
    records.push(...await Promise.all(briefs))
    bytes += read.bytes
  }
  return records
}

function briefOf (
  { clock, flows }: BriefSource, queue: Queue, id: string, { text, live }: RawHead
): BriefRecord | Promise<BriefRecord> {
  const { stored } = decodeOrFail(text, () => clock.now())
  const record = toTaskRecord(id, queue.name, stored, live, false)
  if (!stored.options.graph) return toBrief(record)
  return flows.showProgress({ id, home: queue.name, stored }, record).then(toBrief)
}
