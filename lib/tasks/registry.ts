/**
 * Which tasks are defined in this app, and which queues are known to it.
 */
import { describeName, tryOr } from '../describe.ts'
import * as errors from '../errors.ts'
import type { Definition } from './definition.ts'
import type { Queue } from '../store/contract.ts'

export class TaskRegistry {
  readonly definitions = new Map<string, Definition>()
  readonly queues = new Map<string, Queue>()
  readonly #openQueue: (name: string) => Queue

  /**
   * @param queues known from the start. The queue of a defined task is added to them
   * @param openQueue opens a queue of the store
   */
  constructor (queues: readonly string[], openQueue: (name: string) => Queue) {
    this.#openQueue = openQueue
    for (const queue of queues) this.#know(queue)
  }

  #know (queue: string): void {
    if (!this.queues.has(queue)) this.queues.set(queue, this.#openQueue(queue))
  }

  /** @throws FST_TASKS_QUEUE_UNKNOWN */
  queue (name: string): Queue {
    const queue = this.queues.get(name)
    if (queue) return queue
    const shown = describeName(name)
    throw new errors.QueueUnknown(shown, [...this.queues.keys()].join(', '), shown)
  }

  /** The queue of an enqueue that was refused. @param options may be anything, and name another queue than the task */
  queueNamed (name: string, options: { queue?: string } | undefined): string | undefined {
    const chosen = tryOr(() => this.queues.get(options!.queue!)?.name, undefined)
    return chosen ?? this.definitions.get(name)?.queue
  }

  /** @throws FST_TASKS_NOT_DEFINED */
  definition (name: string): Definition {
    const definition = this.definitions.get(name)
    if (definition) return definition
    throw notDefined(name, this.definitions)
  }

  /**
   * Adds the task that `make` returns.
   * @throws FST_TASKS_ALREADY_DEFINED, and what `make` throws
   */
  add (name: string, make: () => Definition): Definition {
    if (this.definitions.has(name)) throw new errors.TaskAlreadyDefined(name)
    const definition = make()
    this.definitions.set(name, definition)
    this.#know(definition.queue)
    return definition
  }
}

/** @param name may be anything, such as the task itself */
export const notDefined = (name: unknown, definitions: ReadonlyMap<string, unknown>): Error =>
  new errors.TaskNotDefined(describeName(name), [...definitions.keys()].join(', ') || 'none')
