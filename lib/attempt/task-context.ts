/**
 * What a handler is given as `task`: what the interface TaskContext names, and nothing else. The engine's own object,
 * which can start and abort an attempt, stays out of a handler's reach.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { ScheduledTick, TaskContext, TaskFlow, ThreadTask } from '../types.ts'

/** In a thread there is no Fastify instance. */
export class ThreadTaskContext implements ThreadTask {
  readonly #source: ThreadTask

  constructor (source: ThreadTask) {
    this.#source = source
  }

  get id (): string { return this.#source.id }
  get name (): string { return this.#source.name }
  get queue (): string { return this.#source.queue }
  get data (): any { return this.#source.data }
  get attempt (): number { return this.#source.attempt }
  get attempts (): number { return this.#source.attempts }
  get requestId (): string | null { return this.#source.requestId }
  get traceparent (): string | null { return this.#source.traceparent }
  get tracestate (): string | null { return this.#source.tracestate }
  get schedule (): ScheduledTick | null { return this.#source.schedule }
  previous (): Promise<any> { return this.#source.previous() }
  results (): Promise<any> { return this.#source.results() }
  get signal (): AbortSignal { return this.#source.signal }
  get log (): FastifyBaseLogger { return this.#source.log }
  updateState (stage: string, progress?: unknown): Promise<void> { return this.#source.updateState(stage, progress) }
  reportProgress (progress: unknown): Promise<void> { return this.#source.reportProgress(progress) }
}

/** Not derived: each task makes one, and a derived class with private fields costs several times as much. */
export class HandlerTaskContext implements TaskContext {
  readonly #source: TaskContext

  constructor (source: TaskContext) {
    this.#source = source
  }

  get id (): string { return this.#source.id }
  get name (): string { return this.#source.name }
  get queue (): string { return this.#source.queue }
  get data (): any { return this.#source.data }
  get attempt (): number { return this.#source.attempt }
  get attempts (): number { return this.#source.attempts }
  get requestId (): string | null { return this.#source.requestId }
  get traceparent (): string | null { return this.#source.traceparent }
  get tracestate (): string | null { return this.#source.tracestate }
  get schedule (): ScheduledTick | null { return this.#source.schedule }
  get flow (): TaskFlow | null { return this.#source.flow }
  previous (): Promise<any> { return this.#source.previous() }
  results (): Promise<any> { return this.#source.results() }
  get app (): FastifyInstance { return this.#source.app }
  get signal (): AbortSignal { return this.#source.signal }
  get log (): FastifyBaseLogger { return this.#source.log }
  updateState (stage: string, progress?: unknown): Promise<void> { return this.#source.updateState(stage, progress) }
  reportProgress (progress: unknown): Promise<void> { return this.#source.reportProgress(progress) }
}

// Through `constructor` a handler could make contexts of its own.
for (const { prototype } of [ThreadTaskContext, HandlerTaskContext]) Reflect.deleteProperty(prototype, 'constructor')

const { prototype } = HandlerTaskContext
const { signal, updateState, reportProgress, ...shared } = Object.getOwnPropertyDescriptors(prototype)
const stalledPrototype = Object.create(Object.prototype, shared)

export const handlerContext = (source: TaskContext): TaskContext => new HandlerTaskContext(source)

/** For the hooks of a task that stalled: no attempt of it runs here, so there is nothing to abort or report. */
export const stalledContext = (source: TaskContext): TaskContext =>
  Object.setPrototypeOf(new HandlerTaskContext(source), stalledPrototype)
