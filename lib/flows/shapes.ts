/**
 * The shapes in which flows are written. Each is a plain object, which `compile` turns into one graph.
 */
import { checkGraph } from '../options.ts'
import type {
  Chain, Chained, Fits, FlowGraph, FlowShape, Graph, GraphResult, Group, LastOf, PreviousOf, ResultOf, ResultsOf,
  Signature, SignatureOptions
} from '../types.ts'

export function signature<Result, Previous> (
  task: string, data?: unknown, options: SignatureOptions = {}
): Signature<Result, Previous> {
  return { kind: 'signature', task, data, options }
}

type AnyShapes = readonly FlowShape<any, any>[]

/** One after the other. Each can read what the one before returned: `task.previous()`. */
export function chain<const Shapes extends AnyShapes> (
  ...shapes: Shapes & Chained<Shapes>
): Chain<ResultOf<LastOf<Shapes>>, PreviousOf<Shapes[0]>> {
  return { kind: 'chain', shapes }
}

/** Side by side. What comes behind a group in a chain waits for all of it, and reads a list of results. */
export function group<const Shapes extends AnyShapes> (
  ...shapes: Shapes
): Group<ResultsOf<Shapes>, PreviousOf<Shapes[number]>> {
  return { kind: 'group', shapes }
}

/** A group, and a task that runs when all of it has ended. It reads a list of results: `task.results()`. */
export function chord<const Shapes extends AnyShapes, const Callback extends FlowShape<any, any>> (
  shapes: Shapes, callback: Callback & Fits<Group<ResultsOf<Shapes>>, Callback>
): Chain<ResultOf<Callback>, PreviousOf<Shapes[number]>> {
  return { kind: 'chain', shapes: [{ kind: 'group', shapes } as Group, callback] }
}

/**
 * A graph: each task waits for those that it depends on, and reads their results by name: `task.results()`.
 * @throws FST_TASKS_OPTION_UNKNOWN
 */
export function flow<Tasks extends Record<string, FlowShape<any, any>>> (
  graph: FlowGraph<Tasks>
): Graph<GraphResult, any> {
  checkGraph(graph)
  const { tasks, dependsOn = {} } = graph ?? {} // without tasks `compile` refuses it
  return { kind: 'flow', tasks, dependsOn: dependsOn as Graph['dependsOn'] }
}

export type AnyShape = Signature | Chain | Group | Graph
