/**
 * Changes the limit or the rates of a task at run time.
 */
import * as errors from '../errors.ts'
import { checkSetLimit } from '../options.ts'
import { toLaneMax, toLaneRates } from '../tasks/lane.ts'
import type { Queue } from '../store/contract.ts'
import type { BoundedCalls } from '../store/store-contract.ts'
import type { Definition } from '../tasks/definition.ts'
import type { LimitChange } from '../types.ts'

/** What it needs of the tasks of an app. */
export interface LimitSource {
  readonly calls: BoundedCalls
  /** @throws FST_TASKS_NOT_DEFINED */
  definition (name: string): Definition
  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue
}

/** See `FastifyTasks.setLimit`. */
export async function setLimit (source: LimitSource, name: string, change: LimitChange | null): Promise<void> {
  checkSetLimit(change)
  const definition = source.definition(name)
  const { queue, options } = definition
  if (options.limit === undefined && options.rate === undefined) throw new errors.LimitUnknown(name)
  if (options.limit?.ordered && change?.limit && change.limit.max !== 1) {
    throw new errors.OptionClash('setLimit.limit.max', 'limit.ordered', 'Tasks in order run one at a time')
  }
  const { lanes } = source.queue(queue)
  const max = change?.limit ? toLaneMax(change.limit.max, definition) : undefined
  const rates = change?.rate && toLaneRates([change.rate].flat(), definition)
  await source.calls.call(`a change of the limit of task "${name}"`, 'Call it again: it may be changed already.',
    () => lanes.set(name, change === null ? null : max, rates))
}
