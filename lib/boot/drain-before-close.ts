/**
 * Closes the workers of an app before any of its `onClose` hooks runs.
 */
import type { FastifyInstance } from 'fastify'
import { appRegistry } from './app-registry.ts'
import { within } from '../within.ts'

/** The share of Fastify's pluginTimeout that a preClose hook may take: past all of it Fastify skips the other hooks. */
const SHARE = 0.8

/**
 * Drains in `preClose`, where Fastify answers new requests with 503 and still sends the replies to earlier ones. All
 * instances of the plugin drain at once: preClose hooks run one after the other.
 *
 * A drain that takes longer than Fastify lets a hook take goes on while Fastify closes its listening socket. The app's
 * `onClose` hooks wait for it all the same.
 * @param drain the drain of one instance, which may not be in the registry yet. A second call returns the same promise
 */
export function drainBeforeClose (fastify: FastifyInstance, drain: () => Promise<void>): void {
  fastify.addHook('preClose', async () => {
    const { instances } = appRegistry(fastify)
    const drained = Promise.all([drain(), ...instances.map(instance => instance.drain())])
    runBeforeOnClose(fastify, () => drained)
    const { pluginTimeout } = fastify.initialConfig
    await (pluginTimeout ? within(pluginTimeout * SHARE, drained) : drained)
  })
}

/** During preClose a handler that is added goes before all handlers that the app has added. `addHook` is refused. */
function runBeforeOnClose (fastify: FastifyInstance, handler: () => Promise<unknown>): void {
  (fastify as unknown as { onClose (handler: () => Promise<unknown>): void }).onClose(handler)
}
