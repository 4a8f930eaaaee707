/** The flows of a run: their shapes, how their members end, and how they may end themselves. */
import { chain, chord, flow, group } from '../../lib/plugin.ts'
import { Random } from '../random.ts'
import type { FlowOptions, FlowShape, Signature } from '../../lib/types.ts'

export const PREFIX = 'chaos'
/** The first is the home of all flows. */
export const QUEUES = ['home', 'far'] as const
export const STALL_MS = 1_000
/** Members and flows stay so long after the end of their flow, in ms. */
export const KEEP_MS = 3_000

export interface Size {
  flows: number
  workers: number
  /** Faults of Redis and of the connections to it. */
  faults: number
  /** Without faults from then on, in ms. */
  calmAfter: number
  /** In ms from then on. */
  limit: number
}

export interface Work {
  ms: number
  /** In which of its generations the member fails. */
  fails: 'never' | 'first' | 'always'
  /** It reads the results before it. */
  reads?: boolean
  /** It adds so many members. */
  adds?: number
}

export type Kind =
  'plain' | 'failing' | 'mended' | 'settled' | 'lenient' | 'cancelled' | 'removed' | 'expiring' | 'short-lived'

/** How flows of a kind may end: a cancel may come too late, a retry may never be asked for by a producer that died. */
export const ENDS: Record<Kind, string[]> = {
  plain: ['succeeded'],
  failing: ['failed'],
  mended: ['succeeded', 'failed'],
  settled: ['succeeded'],
  lenient: ['failed'],
  cancelled: ['cancelled', 'succeeded'],
  removed: ['failed'],
  expiring: ['expired', 'succeeded'],
  'short-lived': ['failed']
}

export interface PlannedFlow {
  id: string
  kind: Kind
  shape: FlowShape<any, any>
  options: FlowOptions
  /** Its members, with those that others add. */
  members: number
  /** The node that comes last. Null if there may be several. */
  callback: string | null
  cancelAfter: number
}

const KINDS: Kind[] = [
  'plain', 'plain', 'plain', 'plain', 'failing', 'mended', 'mended', 'settled', 'lenient', 'cancelled', 'removed',
  'expiring', 'short-lived'
]

export function planFlow (seed: number, i: number): PlannedFlow {
  const random = new Random(seed * 100_000 + i)
  const kind = KINDS[i % KINDS.length]!
  const adds = kind === 'plain' && random.chance(0.2) ? random.int(1, 3) : 0
  const signatures: Signature[] = []
  const member = (work: Partial<Work> = {}, options: Signature['options'] = {}): Signature => {
    const task = random.chance(0.4) && signatures.length > 0 ? 'far' : 'home'
    const data: Work = { ms: random.chance(0.1) ? random.int(50, 400) : 0, fails: 'never', ...work }
    const signature: Signature = { kind: 'signature', task, data, options }
    signatures.push(signature)
    return signature
  }
  const shape = shapeOf(kind, { random, member, adds })
  return {
    id: `flow-${i}`,
    kind,
    shape,
    members: signatures.length + adds,
    callback: kind === 'plain' ? String(signatures.length - 1) : null,
    cancelAfter: random.int(0, 300),
    options: { ...optionsOf(kind), id: `flow-${i}`, resultTtl: KEEP_MS, ...random.chance(0.3) ? FINALLY : {} }
  }
}

const FINALLY: FlowOptions = {
  finally: { kind: 'signature', task: 'far', data: { ms: 0, fails: 'never' }, options: {} } as Signature
}

function optionsOf (kind: Kind): FlowOptions {
  if (kind === 'lenient') return { failFast: false }
  if (kind === 'expiring') return { expires: 50 }
  // Those whose producer died before it removed a member.
  if (kind === 'removed') return { lifetime: 20_000 }
  return kind === 'short-lived' ? { lifetime: 1_000 } : {}
}

interface Parts {
  random: Random
  member: (work?: Partial<Work>, options?: Signature['options']) => Signature
  adds: number
}

/** The callback is made last, so that its number is the greatest. */
function shapeOf (kind: Kind, { random, member, adds }: Parts): FlowShape<any, any> {
  const many = (count: number): Signature[] => Array.from({ length: count }, () => member())
  const callback = (): Signature => member({ reads: kind === 'plain' })
  switch (kind) {
    case 'plain': return random.chance(0.1) ? wide(member, callback) : anyShape({ random, member, adds }, callback)
    case 'failing': return chain(group(...many(5), member({ fails: 'always' })), callback())
    case 'mended': return chain(member(), group(...many(4), member({ fails: 'first' })), group(...many(3)), callback())
    case 'settled': return chord([...many(3), member({ fails: 'always' }, { allowFailure: true })], callback())
    case 'lenient': return flow<any>({
      tasks: { a: member({ fails: 'always' }), b: member(), c: member(), d: member() },
      dependsOn: { b: ['a'], d: ['c'] }
    })
    case 'cancelled': return chain(group(...many(4), member({ ms: 200 })), group(...many(4)), callback())
    case 'removed': return chain(group(member({}, { delay: 60_000 }), ...many(4)), callback())
    case 'expiring': return chain(member({ ms: 60 }), group(...many(3)), callback())
    case 'short-lived': return chain(member(), member({ ms: 30_000 }), callback())
  }
}

const wide = (member: Parts['member'], callback: () => Signature): FlowShape<any, any> =>
  chain(group(...Array.from({ length: 90 }, () => member())), callback())

function anyShape ({ random, member, adds }: Parts, callback: () => Signature): FlowShape<any, any> {
  const first = member({ adds })
  const inner = (depth: number): FlowShape<any, any> => {
    const parts = (count: number): Array<FlowShape<any, any>> =>
      Array.from({ length: count }, () => depth > 0 && random.chance(0.4) ? inner(depth - 1) : member())
    return random.chance(0.5) ? chain(...parts(random.int(2, 3)) as any) : group(...parts(random.int(2, 5)))
  }
  return chain(first, inner(2), callback()) as FlowShape<any, any>
}
