/** What a run of the bench is asked to do. */
import { resolve, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '../scripts/redis.ts'
import { parts, type PartName } from './parts/index.ts'
import { titles, type PeerName } from './peers/index.ts'
import type { Size } from './context.ts'

export interface Plan {
  size: Size
  json: boolean
  /** Writes docs/internals/benchmarks.md and its chart. */
  write: boolean
  parts: PartName[]
  peers: PeerName[]
  /** Where the processes leave their CPU profiles. */
  profiles: string | null
}

/** The person asked for nothing but the usage. */
export class Help extends Error {}

export const usage = `usage: npm run bench -- [options]

  --quick            under a minute: fewer rounds, fewer tasks
  --tiny             a few seconds: shows that it works; its figures mean nothing
  --only <parts>     of ${Object.keys(parts).join(', ')}
  --peers <peers>    of ${Object.keys(titles).join(', ')}
  --json             one object on stdout, and nothing else there (npm run --silent bench -- --json)
  --write            writes docs/internals/benchmarks.md and its chart
  --prof <folder>    CPU profiles of the processes in Node, in a folder outside of the project
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
  if (values.help) throw new Help()
  const { quick, tiny, json, write, only, peers, prof } = values
  if (write && (tiny || only || peers)) throw new Error('--write goes with a run of everything: without --tiny, --only and --peers')
  if (write && prof !== undefined) throw new Error('--write goes without --prof: what a profiler holds up is no figure')
  return {
    size: tiny ? 'tiny' : quick ? 'quick' : 'full',
    json,
    write,
    parts: chosen('--only', Object.keys(parts) as PartName[], only),
    peers: chosen('--peers', Object.keys(titles) as PeerName[], peers),
    profiles: prof === undefined ? null : outside(prof)
  }
}

/** In the order of `known`, whatever the order in which they were named. */
function chosen<Name extends string> (option: string, known: Name[], named: string[] | undefined): Name[] {
  if (!named) return known
  const names = named.flatMap(one => one.split(','))
  const strange = names.find(name => !known.includes(name as Name))
  if (strange !== undefined) throw new Error(`${option} "${strange}" is none of ${known.join(', ')}`)
  return known.filter(name => names.includes(name))
}

function outside (folder: string): string {
  const path = resolve(folder)
  if (!`${path}${sep}`.startsWith(projectRoot() + sep)) return path
  throw new Error('--prof must be a folder outside of the project: profiles are no part of it')
}
