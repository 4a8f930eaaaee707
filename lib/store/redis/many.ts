/**
 * Calls for many tasks of one queue in Redis: see many-contract.ts.
 */
import { hash } from 'node:crypto'
import { afterCommonStart } from './common-start.ts'
import { withExtras } from './extras.ts'
import { writeHeads } from './heads.ts'
import { runScript, type ScriptArgument } from './run-script.ts'
import type { RedisClient } from './connection.ts'
import type { QueueKeys, QueueScript } from './keys.ts'
import type { CancelReply, Queue, RemoveReply } from '../contract.ts'
import type { QueueMany, RetryManyReply, TaskToCancel, TaskToRemove, TaskToRetry } from '../many-contract.ts'

/** A longer record is sent itself. */
const MOST_DIGESTED = 16_384

/** A record as it was read, for as-read.lua. */
function asRead (record: string | Buffer): string | Buffer {
  if (record.length <= MOST_DIGESTED) return `#${hash('sha1', record, 'hex')}`
  return typeof record === 'string' ? `=${record}` : Buffer.concat([Buffer.from('='), record])
}

export class RedisMany implements QueueMany {
  readonly #client: RedisClient
  readonly #keys: QueueKeys
  readonly #queue: Pick<Queue, 'cancel'>

  constructor (client: RedisClient, keys: QueueKeys, queue: Pick<Queue, 'cancel'>) {
    this.#client = client
    this.#keys = keys
    this.#queue = queue
  }

  async retry (tasks: TaskToRetry[]): Promise<RetryManyReply[]> {
    if (tasks.length === 0) return []
    const args: ScriptArgument[] = [this.#keys.prefix]
    for (const { id, until, after } of tasks) args.push(id, until, after)
    return await this.#run('retry-many', args)
  }

  async cancel (tasks: TaskToCancel[]): Promise<CancelReply[]> {
    if (tasks.length === 0) return []
    const args: ScriptArgument[] = [this.#keys.prefix]
    for (const { id, before, after, ttl } of tasks) {
      args.push(id, asRead(before), ...afterCommonStart(before, after), ttl)
    }
    const running: Promise<Array<CancelReply | 'alone'>> =
      this.#run('cancel-many', args, tasks.filter(({ ttl, hasExtras }) => ttl <= 0 && hasExtras))
    const kept = tasks.filter(({ ttl }) => ttl > 0)
    writeHeads(this.#client, this.#keys, kept.map(({ id, after }) => ({ id, text: after })))
    const replies = await running
    return await Promise.all(replies.map((reply, i) => reply === 'alone' ? this.#cancelAlone(tasks[i]!) : reply))
  }

  #cancelAlone ({ id, before, after, ttl, hasExtras }: TaskToCancel): Promise<CancelReply> {
    return this.#queue.cancel(id, before, after, ttl, undefined, hasExtras)
  }

  async remove (tasks: TaskToRemove[]): Promise<RemoveReply[]> {
    if (tasks.length === 0) return []
    const args = tasks.flatMap(({ id, before }) => [id, asRead(before)])
    return await this.#run('remove-many', [this.#keys.prefix, ...args], tasks.filter(({ hasExtras }) => hasExtras))
  }

  /** @param gone those that may be gone afterwards, with what is stored beside their records */
  #run (name: QueueScript, args: ScriptArgument[], gone: Array<{ id: string }> = []): Promise<any> {
    const entries = gone.flatMap(({ id }) => [id, ''])
    return runScript(this.#client, ...withExtras(this.#keys, name, this.#keys.of(name), args, entries))
  }
}
