/**
 * Spans of OpenTelemetry: `send {task}` around each enqueue, `process {task}` around each attempt. There are none for
 * claims, leases and outcomes: they belong to no task.
 *
 * An error of a tracer or a propagator must not become one of the app: then there is no span.
 */
import {
  context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span, type SpanContext
} from '@opentelemetry/api'
import {
  errorAttributes, madeAttributes, outcomeAttributes, processAttributes, sendAttributes
} from './attributes.ts'
import { checkOtel } from '../options.ts'
import { version } from '../version.ts'
import type {
  AttemptInfo, AttemptOutcome, EnqueueInfo, TaskTelemetry, TaskTrace, WatchedAttempt
} from '../types.ts'

/** Options of `otel`. */
export interface OtelOptions {
  /**
   * How the span of an attempt stands to the span that enqueued its task. `child`: in its trace. `link`: a trace of its
   * own, with a link. `auto`: a child if the task was due at once, was enqueued alone, and is tried the first time;
   * else a link. A child has a link too. Default `auto`.
   */
  relation?: 'auto' | 'child' | 'link'
}

const UNWATCHED: WatchedAttempt = { run: call => call(), end () {} }

export class OtelTelemetry implements TaskTelemetry {
  readonly #relation: NonNullable<OtelOptions['relation']>

  /** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
  constructor (options: OtelOptions) {
    checkOtel(options)
    this.#relation = options.relation ?? 'auto'
  }

  async enqueue<T> (info: EnqueueInfo, send: (trace: TaskTrace | null) => Promise<T>): Promise<T> {
    const span = tryTo(() => startSend(info))
    if (!span) return await send(null)
    const active = trace.setSpan(context.active(), span)
    try {
      return await context.with(active, () => send(traceOf(active)))
    } catch (error) {
      fail(span, error)
      throw error
    } finally {
      tryTo(() => {
        span.setAttributes(madeAttributes(info))
        span.end()
      })
    }
  }

  attempt (info: AttemptInfo): WatchedAttempt {
    return tryTo(() => this.#start(info)) ?? UNWATCHED
  }

  /** From the root context: whoever started the worker has nothing to do with its tasks. */
  #start (info: AttemptInfo): WatchedAttempt {
    const created = createdBy(info)
    const isChild = this.#relation === 'auto' ? info.isImmediate && info.attempt === 1 : this.#relation === 'child'
    const parent = created && isChild ? created.context : ROOT_CONTEXT
    const span = tracer().startSpan(`process ${info.name}`, {
      kind: SpanKind.CONSUMER,
      attributes: processAttributes(info),
      links: created ? [{ context: created.span }] : []
    }, parent)
    const active = trace.setSpan(parent, span)
    return {
      run: call => context.with(active, call),
      end: (outcome, error) => void tryTo(() => endProcess(span, outcome, error))
    }
  }
}

const tracer = (): ReturnType<typeof trace.getTracer> => trace.getTracer('fastify-tasks', version)

function startSend (info: EnqueueInfo): Span {
  const isMany = info.count !== 1
  return tracer().startSpan(`send ${info.name}`, { kind: SpanKind.PRODUCER, attributes: sendAttributes(info, isMany) })
}

/** Null without an SDK: then the context of the request is passed on, as without telemetry. */
function traceOf (active: Context): TaskTrace | null {
  const carrier: TaskTrace = {}
  tryTo(() => propagation.inject(active, carrier))
  return typeof carrier.traceparent === 'string' ? carrier : null
}

function createdBy ({ traceparent, tracestate }: AttemptInfo): { context: Context, span: SpanContext } | null {
  if (traceparent === undefined) return null
  const extracted = propagation.extract(ROOT_CONTEXT, { traceparent, ...tracestate && { tracestate } })
  const span = trace.getSpanContext(extracted)
  return span && trace.isSpanContextValid(span) ? { context: extracted, span } : null
}

function endProcess (span: Span, outcome: AttemptOutcome, error: unknown): void {
  span.setAttributes(outcomeAttributes(outcome))
  if (error !== undefined) fail(span, error)
  span.end()
}

function fail (span: Span, error: unknown): void {
  tryTo(() => {
    span.setAttributes(errorAttributes(error))
    span.setStatus({ code: SpanStatusCode.ERROR, message: String((error as Error | null)?.message ?? error) })
  })
}

function tryTo<T> (work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
