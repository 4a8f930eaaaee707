/**
 * 'fastify-tasks/otel': spans of OpenTelemetry for enqueues and attempts. It needs the app's own @opentelemetry/api.
 *
 *     await fastify.register(tasks, { telemetry: otel() })
 */
import { OtelTelemetry, type OtelOptions } from './otel/telemetry.ts'
import type { TaskTelemetry } from './types.ts'

export type { OtelOptions } from './otel/telemetry.ts'

/** Throws FST_TASKS_PLUGIN_OPTION_INVALID, FST_TASKS_OPTION_UNKNOWN. */
export function otel (options: OtelOptions = {}): TaskTelemetry { return new OtelTelemetry(options) }

export default otel
