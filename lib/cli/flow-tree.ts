/**
 * The members of a flow as a tree: `1.0.2` is the third part of the first part of the second part. A page begins with
 * the names of the parts around its first member.
 */
import { paint, printErr, printTable } from './output.ts'
import { ago, oneLine, shorten, toJsonLine } from './text.ts'
import type { BriefPage, BriefRecord } from '../boot/app-registry.ts'

const TITLES = ['MEMBER', 'NAME', 'QUEUE', 'STATE', 'ATTEMPT', 'STARTED', 'FINISHED', 'ERROR']
const ERROR_WIDTH = 60

export function printTree ({ tasks, cursor }: Pick<BriefPage, 'tasks' | 'cursor'>): void {
  let parents: string[] = []
  const rows = tasks.flatMap(member => {
    const path = member.flow!.key!.split('.')
    const known = path.findIndex((name, depth) => name !== parents[depth])
    const added = path.slice(known, -1).map((name, i) => [indented(name, known + i), ...TITLES.slice(1).fill('')])
    parents = path.slice(0, -1)
    return [...added, row(member, indented(path.at(-1)!, path.length - 1))]
  })
  printTable(TITLES, rows)
  if (cursor !== null) printErr(`There are more members: --cursor ${toJsonLine(cursor)}`)
}

const indented = (name: string, depth: number): string => '  '.repeat(depth) + oneLine(name)

const row = (member: BriefRecord, name: string): Array<string | ReturnType<typeof paint>> => [
  name, oneLine(member.name), member.queue, paint(member.state), `${member.attempt}/${member.attempts}`,
  ago(member.startedAt), ago(member.finishedAt), member.error ? shorten(member.error.message, ERROR_WIDTH) : ''
]
