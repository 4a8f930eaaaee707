/**
 * Flows: graphs of tasks, and the shapes in which they are written.
 */
import type { EnqueueOptions } from './options.ts'
import type { TaskErrorRecord } from './record.ts'

/** Options of one member of a flow. A delay, and the time to `expires`, begin when the member could start. */
export interface SignatureOptions extends Omit<EnqueueOptions, 'id'> {
  /**
   * What waits for this task runs also if it does not succeed, and the flow does not fail with it. `previous()` and
   * `results()` have `{ status: 'fulfilled', value }` or `{ status: 'rejected', reason }` for it. Default false.
   */
  allowFailure?: boolean
}

/** Options of a member that may fail: others read a settled result of it. */
export interface AllowedToFail extends SignatureOptions { allowFailure: true }

/** The arguments of `task.signature`. `data` is optional if it may be undefined. */
export type SignatureArguments<Data = unknown> =
  [data: Data, options?: SignatureOptions] | (undefined extends Data ? [] : never)

/** Whatever a flow can be made of. Not for use: its two types are what `chain` compares. */
export interface FlowShape<Result = unknown, Previous = any> {
  readonly kind: 'signature' | 'chain' | 'group' | 'flow'
  /** What `previous()` of a task behind it resolves with. */
  readonly '~result'?: Result
  /** What it expects of a task before it. A method: a task fits a parameter of type `Task`, whatever it expects. */
  '~previous'? (previous: Previous): void
}

/** A task with its data, as a member of a flow. */
export interface Signature<Result = unknown, Previous = any> extends FlowShape<Result, Previous> {
  readonly kind: 'signature'
  readonly task: string
  readonly data: unknown
  readonly options: SignatureOptions
}

/** What `chain` and `chord` return. */
export interface Chain<Result = unknown, Previous = any> extends FlowShape<Result, Previous> {
  readonly kind: 'chain'
  readonly shapes: readonly FlowShape[]
}

/** What `group` returns. */
export interface Group<Result = unknown, Previous = any> extends FlowShape<Result, Previous> {
  readonly kind: 'group'
  readonly shapes: readonly FlowShape[]
}

/** What `flow` returns. */
export interface Graph<Result = unknown, Previous = any> extends FlowShape<Result, Previous> {
  readonly kind: 'flow'
  readonly tasks: Readonly<Record<string, FlowShape>>
  readonly dependsOn: Readonly<Record<string, readonly string[] | undefined>>
}

export type ResultOf<Shape> = Shape extends FlowShape<infer Result, any> ? Result : never
/** What a shape expects before it. If there are several side by side, it must fit them all. */
export type PreviousOf<Shape> = TakersOf<Shape> extends (previous: infer Previous) => void ? Previous : never
type TakersOf<Shape> = Shape extends FlowShape<any, infer Previous> ? (previous: Previous) => void : never

/** The results of a group: a list. */
export type ResultsOf<Shapes extends readonly FlowShape<any, any>[]> =
  { -readonly [Index in keyof Shapes]: ResultOf<Shapes[Index]> }

/** A shape that does not fit behind the one before it. The names of its properties are the text of the error. */
interface Misfit<Before, Expected> { 'the task before it returns': Before, 'its schema.previous is': Expected }

/** `After`, if it fits behind `Before`. */
export type Fits<Before, After> = unknown extends PreviousOf<After> ? After
  : unknown extends ResultOf<Before> ? After
    : [ResultOf<Before>] extends [PreviousOf<After>] ? After
        : Misfit<ResultOf<Before>, PreviousOf<After>>

/** The shapes of a chain, each of which takes what the one before it returns. */
export type Chained<Shapes extends readonly unknown[]> = {
  [Index in keyof Shapes]: Index extends `${infer Position extends number}`
    ? Position extends 0 ? Shapes[Index] : Fits<Shapes[Before<Position>], Shapes[Index]>
    : Shapes[Index]
}
/** The number before, up to 20. */
type Before<N extends number> = Numbers[N] extends infer Found extends number ? Found : never
type Numbers = [never, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]

/** The last shape. Of a list whose length is not known it may be any. */
export type LastOf<Shapes extends readonly unknown[]> =
  Shapes extends readonly [...unknown[], infer Last] ? Last : Shapes[number]

/** A graph of tasks: what each is, and which others it waits for. */
export interface FlowGraph<Tasks = Record<string, FlowShape<any, any>>> {
  tasks: Tasks
  /** For each task the names of those that it waits for. Default: none. */
  dependsOn?: { [Name in keyof Tasks]?: readonly NoInfer<keyof Tasks>[] }
}

/** The results of the tasks of a graph that no other waits for. */
export type GraphResult = Record<string, unknown>

/** Options of `enqueueFlow`. */
export interface FlowOptions {
  /**
   * An id of your own, 1 to 80 characters of `A-Za-z0-9_.:-`. Two calls with one id make one flow.
   * Default: a random UUID.
   */
  id?: string
  /**
   * A member that failed for good, was cancelled, expired or was removed cancels all that has not ended. With false
   * only what waits for it never starts. Default true.
   */
  failFast?: boolean
  /** A task that runs once when all others have ended, however they did. Its outcome does not count. Default: none. */
  finally?: Signature<any, any>
  /** Start the flow after this many ms. Default: at once. */
  delay?: number
  /** Members that have not started by this time never start: a Date, or ms from now. Default: never. */
  expires?: Date | number
  /** How long the record is kept after the flow has ended, in ms. Default: the plugin's `resultTtl`. */
  resultTtl?: number
  /**
   * The longest life of the flow, in ms. It begins behind the `delay`. After it what has not ended is cancelled, and
   * the task `finally` runs, which may take as long again. Default 604,800,000 (7 days).
   */
  lifetime?: number
  /**
   * The name of a task of the flow, whose `authorize` says who may see the flow, with the data of the first such
   * member. Default: those of all members must agree.
   */
  authorize?: string
}

/** The result of a member that may fail. */
export type SettledResult<Result = unknown> =
  | { status: 'fulfilled', value: Result }
  | { status: 'rejected', reason: TaskErrorRecord }

/** `task.flow`: the flow that this task is a member of. */
export interface TaskFlow {
  readonly id: string
  /** The name of this member. */
  readonly key: string
  /**
   * Adds a task to the flow, at once. What waits for this member waits for that task too. The same key again adds
   * nothing, so a handler may run again. False if it was there.
   * @throws FST_TASKS_FLOW_CLOSED if the flow, or this member, has ended; FST_TASKS_FLOW_TOO_LARGE if the flow has
   *   10,000 members; and as `enqueue`
   */
  add (key: string, signature: Signature<any, any>): Promise<boolean>
}
