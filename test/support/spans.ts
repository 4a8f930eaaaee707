/**
 * The real SDK of OpenTelemetry, with spans kept in memory.
 */
import { InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { until } from './helpers.ts'

const exporter = new InMemorySpanExporter()

/** For the whole process: OpenTelemetry has one tracer provider. */
export const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()

export const spans = (): ReadableSpan[] => exporter.getFinishedSpans()
export const forget = (): void => exporter.reset()

/** Waits until so many spans have this name. */
export function named (name: string, count = 1): Promise<ReadableSpan[]> {
  return until(`${count} spans "${name}"`, () => {
    const found = spans().filter(span => span.name === name)
    return found.length >= count ? found : null
  })
}

export const idOf = (span: ReadableSpan): string => span.spanContext().spanId
export const traceOf = (span: ReadableSpan): string => span.spanContext().traceId
export const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId
export const linksOf = (span: ReadableSpan): string[] => span.links.map(({ context }) => context.spanId)
