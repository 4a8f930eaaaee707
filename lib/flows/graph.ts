/**
 * Turns a shape into one graph: numbered nodes, and joins. Nodes that wait for the same others share one join, so a
 * chord of any size is one join. A join starts a bounded number of nodes: a wide one is split.
 */
import { describeKind, describeName } from '../describe.ts'
import * as errors from '../errors.ts'
import { ownOf } from '../own.ts'
import type { AnyShape } from './shapes.ts'
import type { FlowInput, FlowJoin } from '../store/flow-node.ts'
import type { Chain, Graph, Group, Signature } from '../types.ts'

export const MAX_MEMBERS = 10_000
const MAX_EDGES = 50_000
const MAX_DEPTH = 100
/** How many nodes one join starts. Bounds one Lua call. */
const MAX_TARGETS = 500

export interface GraphNode {
  /** Its number, as a text. */
  node: string
  key: string
  signature: Signature
  joins: string[]
}

export interface FlowPlan {
  nodes: GraphNode[]
  joins: Array<FlowJoin & { join: string }>
  /** What joins with two and more nodes before them wait for. */
  edges: Array<[join: string, nodes: string[]]>
  /** The joins that wait for nothing. */
  roots: string[]
  /** What the flow as a whole returns. */
  output: FlowInput
}

/** What a node waits for and reads. Nodes of one place in the shape share the object. */
interface PlaceInShape { before: GraphNode[], input: FlowInput | null, targets: GraphNode[] }

interface Part { sinks: GraphNode[], output: FlowInput }

/** @throws FST_TASKS_FLOW_INVALID, FST_TASKS_FLOW_TOO_LARGE */
export function compile (shape: unknown): FlowPlan { return new Compiler().compile(shape) }

class Compiler {
  readonly #nodes: GraphNode[] = []
  readonly #sources: PlaceInShape[] = []

  compile (shape: unknown): FlowPlan {
    const { output } = this.#part(shape, this.#source([], null), [])
    const plan: FlowPlan = { nodes: this.#nodes, joins: [], edges: [], roots: [], output }
    let edges = 0
    for (const source of this.#sources) {
      edges += addJoins(plan, source)
      if (edges > MAX_EDGES) throw new errors.FlowTooLarge('has', MAX_EDGES, 'edges between members')
    }
    return plan
  }

  #source (before: GraphNode[], input: FlowInput | null): PlaceInShape {
    const source: PlaceInShape = { before, input, targets: [] }
    this.#sources.push(source)
    return source
  }

  #part (given: unknown, source: PlaceInShape, path: string[]): Part {
    const shape = given as AnyShape
    if (path.length > MAX_DEPTH) throw new errors.FlowTooLarge('is nested', MAX_DEPTH, 'levels deep')
    switch (shape?.kind) {
      case 'signature': return this.#node(shape, source, path)
      case 'chain': return this.#chain(shape, source, path)
      case 'group': return this.#group(shape, source, path)
      case 'flow': return this.#graph(shape, source, path)
      default: throw invalid(path, `it is ${describeKind(given)}`)
    }
  }

  #node (signature: Signature, source: PlaceInShape, path: string[]): Part {
    if (this.#nodes.length === MAX_MEMBERS) throw new errors.FlowTooLarge('has', MAX_MEMBERS, 'members')
    const node = { node: String(this.#nodes.length), key: path.join('.') || '0', signature, joins: [] }
    this.#nodes.push(node)
    source.targets.push(node)
    return { sinks: [node], output: node.node }
  }

  #chain ({ shapes }: Chain, source: PlaceInShape, path: string[]): Part {
    let part: Part | undefined
    for (const [i, shape] of listOf(shapes, path).entries()) {
      const next = part ? this.#source(part.sinks, part.output) : source
      part = this.#part(shape, next, [...path, String(i)])
    }
    return part!
  }

  #group ({ shapes }: Group, source: PlaceInShape, path: string[]): Part {
    const parts = listOf(shapes, path).map((shape, i) => this.#part(shape, source, [...path, String(i)]))
    return { sinks: parts.flatMap(({ sinks }) => sinks), output: parts.map(({ output }) => output) }
  }

  #graph ({ tasks, dependsOn }: Graph, source: PlaceInShape, path: string[]): Part {
    const parts = new Map<string, Part>()
    for (const name of inOrder(tasks, dependsOn, path)) {
      const before = ownOf(dependsOn, name) ?? []
      const next = before.length === 0 ? source : this.#source(...joined(before, parts))
      parts.set(name, this.#part(tasks[name], next, [...path, name]))
    }
    const waitedFor = new Set(Object.values(dependsOn).flat())
    const [sinks, output] = joined(Object.keys(tasks).filter(name => !waitedFor.has(name)), parts)
    return { sinks, output }
  }
}

function invalid (path: string[], reason: string): Error {
  return new errors.FlowInvalid(path.length === 0 ? 'The flow' : `Part "${path.join('.')}" of the flow`, reason)
}

function listOf (shapes: unknown, path: string[]): readonly unknown[] {
  if (Array.isArray(shapes) && shapes.length > 0) return shapes
  throw invalid(path, Array.isArray(shapes) ? 'it is empty' : `its list is ${describeKind(shapes)}`)
}

function joined (names: readonly string[], parts: Map<string, Part>): [GraphNode[], FlowInput] {
  const before = names.flatMap(name => parts.get(name)!.sinks)
  return [[...new Set(before)], Object.fromEntries(names.map(name => [name, parts.get(name)!.output]))]
}

/** The names of a graph, each behind those that it depends on. */
function inOrder (tasks: Graph['tasks'], dependsOn: Graph['dependsOn'], path: string[]): string[] {
  checkNames(tasks, dependsOn, path)
  const left = new Map(Object.keys(tasks).map(name => [name, new Set(ownOf(dependsOn, name))]))
  const dependents = new Map<string, string[]>()
  for (const [name, before] of left) {
    for (const other of before) dependents.set(other, [...dependents.get(other) ?? [], name])
  }
  const order = [...left].filter(([, before]) => before.size === 0).map(([name]) => name)
  for (const name of order) {
    for (const next of dependents.get(name) ?? []) {
      left.get(next)!.delete(name)
      if (left.get(next)!.size === 0) order.push(next)
    }
  }
  if (order.length === left.size) return order
  const circle = [...left.keys()].filter(name => !order.includes(name))
  throw invalid(path, `these wait for each other: ${circle.slice(0, 10).join(', ')}`)
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_:-]{0,63}$/

function checkNames (tasks: unknown, dependsOn: unknown, path: string[]): void {
  const isObject = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(tasks) || Object.keys(tasks).length === 0) throw invalid(path, `its tasks are ${describeKind(tasks)}`)
  if (!isObject(dependsOn)) throw invalid(path, `its dependsOn is ${describeKind(dependsOn)}`)
  for (const name of Object.keys(tasks)) {
    if (NAME.test(name)) continue
    throw invalid(path, `"${describeName(name)}" is no name: A-Z, a-z, 0-9, "_", ":", "-", at most 64`)
  }
  for (const [name, before] of Object.entries(dependsOn)) {
    if (before === undefined) continue
    if (!Array.isArray(before)) throw invalid(path, `dependsOn.${describeName(name)} is ${describeKind(before)}`)
    for (const other of [name, ...before]) {
      if (Object.hasOwn(tasks, other)) continue
      throw invalid(path, `dependsOn names "${describeName(other)}", which is no task of it`)
    }
  }
}

/** Returns how many edges it added. */
function addJoins (plan: FlowPlan, { before, input, targets }: PlaceInShape): number {
  const waitsFor = before.map(({ node }) => node)
  for (let start = 0; start < targets.length; start += MAX_TARGETS) {
    const join = String(plan.joins.length)
    plan.joins.push({ join, input, targets: targets.slice(start, start + MAX_TARGETS).map(({ node }) => node) })
    for (const node of before) node.joins.push(join)
    if (before.length === 0) plan.roots.push(join)
    if (before.length > 1) plan.edges.push([join, waitsFor])
  }
  return before.length > 1 ? before.length * Math.ceil(targets.length / MAX_TARGETS) : 0
}
