/**
 * `fastify-tasks logs <id>`: what the handler of a task has logged, now and with --follow until it ends.
 */
import { EXIT, hasNoReader } from '../exit.ts'
import { print, printErr, printJson } from '../output.ts'
import { oneLine, toJsonLine } from '../text.ts'
import { isTerminal } from '../../records/task-record.ts'
import { sleep } from '../../timers.ts'
import { find, reportUnknown, type TaskFlags } from './status.ts'
import type { WholeTask } from '../../boot/app-registry.ts'
import type { TaskConnection } from '../connect.ts'
import type { TaskLogLine } from '../../types.ts'

export interface LogsFlags extends TaskFlags { follow?: boolean }

const POLL_MS = 500

/** Returns the exit code. */
export async function logs (connection: TaskConnection, id: string, flags: LogsFlags): Promise<number> {
  const found = await find(connection, id, flags.queue)
  if (!found) return await reportUnknown(connection, id, flags.json)
  let task: WholeTask | null = found.task
  for (let after = 0, lines = 0; ;) {
    if (!task || hasNoReader()) return EXIT.done // its record has expired, or nobody reads on
    // The record is read first: a task logs before it ends.
    const page = await task.readLog(after)
    for (const line of page.lines) printLine(line, flags.json)
    after = page.next
    lines += page.lines.length
    if (!flags.follow || isTerminal(task.record.state)) {
      if (lines === 0) printErr('Nothing was kept: lines are, if the task is defined with keepLogs')
      return EXIT.done
    }
    await sleep(POLL_MS)
    task = await found.registered.readTask(id, flags.queue)
  }
}

function printLine (line: TaskLogLine, json: boolean | undefined): void {
  if (json) return printJson(line)
  const { time, level, attempt, msg, fields } = line
  print(`${time} ${oneLine(level)} #${attempt} ${oneLine(msg)}${fields === null ? '' : ` ${toJsonLine(fields)}`}`)
}
