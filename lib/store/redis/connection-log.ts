/**
 * Logs why Redis refuses connections that the plugin opens for itself: each reason of each connection at most once a
 * minute. Outages of the network are logged by the app's connection and by the calls that fail.
 */
import type { FastifyBaseLogger } from 'fastify'
import { LogLimit } from '../../log-limit.ts'
import { toLoggable } from '../../records/failure.ts'
import { refusalOf, type Refusal } from './refusals.ts'
import { greetingAfter } from './server-greeting.ts'
import type { RedisClient } from './connection.ts'

export class ConnectionLog {
  readonly #log: FastifyBaseLogger
  readonly #address: string
  readonly #limit = new LogLimit()

  constructor (log: FastifyBaseLogger, address: string) {
    this.#log = log
    this.#address = address
  }

  /** @param connection its name in the server's list of clients */
  report (connection: string, error: Error, client: RedisClient): void {
    const refusal = refusalOf(error)
    if (refusal) this.#write(connection, error, refusal)
    else if (this.#limit.allows(`${connection} greeting`)) void this.#reportGreeting(connection, error, client)
  }

  async #reportGreeting (connection: string, error: Error, client: RedisClient): Promise<void> {
    const greeting = await greetingAfter(error, client)
    const refusal = greeting && refusalOf(greeting)
    if (refusal) this.#write(connection, greeting, refusal)
  }

  #write (connection: string, error: Error, refusal: Refusal): void {
    if (!this.#limit.allows(`${connection} ${refusal.reason}`)) return
    const fields = {
      event: 'redis.connection_refused',
      address: this.#address,
      connection,
      reason: refusal.reason,
      fix: refusal.fix,
      err: toLoggable(error)
    }
    this.#log.warn(fields, 'Redis refuses a connection of the plugin, trying again')
  }
}
