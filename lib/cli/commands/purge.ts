/**
 * Layer 4: `fastify-tasks purge QUEUE`: removes all that has not started, once somebody has said yes.
 */
import { createInterface } from 'node:readline/promises'
import * as errors from '../../errors.ts'
import { EXIT } from '../exit.ts'
import { printJson, print, printErr } from '../output.ts'
import type { PluginInstance } from '../../standalone.ts'
import type { TaskConnection } from '../connect.ts'

export interface PurgeFlags { yes?: boolean, json?: boolean }

/** Throws FST_TASKS_QUEUE_UNKNOWN, FST_TASKS_PURGE_UNCONFIRMED. */
export async function purge (source: TaskConnection, queue: string, { yes, json }: PurgeFlags): Promise<number> {
  const registered = source.only()
  const counts = (await registered.tasks.counts())[queue]
  if (!counts) throw new errors.QueueUnknown(queue, (await knownQueues(registered)).join(', '), queue)
  const what = `${counts.waiting} waiting and ${counts.delayed} delayed tasks of queue "${queue}" at ${registered.address}`
  if (!yes && !await confirmed(what)) {
    printErr('Nothing was removed')
    return EXIT.refused
  }
  const removed = await registered.tasks.purge(queue)
  if (json) printJson({ queue, removed })
  else print(`${queue}  ${removed} removed`)
  return EXIT.done
}

const knownQueues = async ({ tasks }: PluginInstance): Promise<string[]> => Object.keys(await tasks.counts())

async function confirmed (what: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new errors.PurgeUnconfirmed(what)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`Remove ${what}? [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
