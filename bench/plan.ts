/** Parses the arguments of `npm run bench` into a plan. */
import { resolve, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../scripts/redis.ts'
import { parts, type PartName } from './parts/index.ts'
import { titles, type PeerName } from './peers/index.ts'
import type { Size } from './context.ts'

export interface Plan {
  size: Size
  json: boolean
  /** Whether to write docs/internals/benchmarks.md and its chart. */
  write: boolean
  parts: PartName[]
  peers: PeerName[]
  /** The folder for CPU profiles of the processes, or null. */
  profiles: string | null
}

/** Thrown by makePlan() if the arguments ask for the usage. */
export class HelpRequested extends Error {}

export const usage = `usage: npm run bench -- [options]

  --quick            some minutes: fewer rounds, fewer tasks
  --tiny             a few seconds: checks that the bench works; its figures mean nothing
  --only <parts>     only these parts, separated by commas: ${Object.keys(parts).join(', ')}
  --peers <peers>    only these peers, separated by commas: ${Object.keys(titles).join(', ')}
  --json             print only one JSON object to stdout (npm run --silent bench -- --json)
  --write            write docs/internals/benchmarks.md and its chart
  --prof <folder>    write CPU profiles of the Node processes to a folder outside the project
`

export function makePlan (args: string[]): Plan {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      tiny: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      peers: { type: 'string', multiple: true },
      prof: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) throw new HelpRequested()
  const { quick, tiny, json, write, only, peers, prof } = values
  if (write && (tiny || only || peers)) {
    throw new Error('--write needs a complete run: leave out --tiny, --only and --peers')
  }
  if (write && prof !== undefined) throw new Error('--write cannot be used with --prof: a profiler slows the run down')
  return {
    size: tiny ? 'tiny' : quick ? 'quick' : 'full',
    json,
    write,
    parts: choose('--only', Object.keys(parts) as PartName[], only),
    peers: choose('--peers', Object.keys(titles) as PeerName[], peers),
    profiles: prof === undefined ? null : outsideProject(prof)
  }
}

/** The chosen names, in the order of `known`. All of `known` if the option is absent. */
function choose<Name extends string> (option: string, known: Name[], lists: string[] | undefined): Name[] {
  if (!lists) return known
  const names = lists.flatMap(list => list.split(','))
  const unknown = names.find(name => !known.includes(name as Name))
  if (unknown !== undefined) throw new Error(`${option} "${unknown}" must be one of ${known.join(', ')}`)
  return known.filter(name => names.includes(name))
}

function outsideProject (folder: string): string {
  const path = resolve(folder)
  if (!`${path}${sep}`.startsWith(projectRoot() + sep)) return path
  throw new Error('--prof must be a folder outside of the project, so that no profile is committed')
}
