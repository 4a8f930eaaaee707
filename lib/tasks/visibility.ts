/**
 * Who may see a task over HTTP:
 *
 * 1. asks the task's `authorize`, or else the default of the routes;
 * 2. without either, a task that is defined here is visible to everyone who knows its id, and any other task to nobody;
 * 3. shows a task only if `authorize` returns true: an answer that is no boolean is a mistake, and no permission;
 * 4. a refusal, and an `authorize` that fails, look the same as an id that does not exist.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { describeKind } from '../describe.ts'
import * as errors from '../errors.ts'
import { toLoggable } from '../records/failure.ts'
import type { Authorize, AuthorizeRecord } from '../types.ts'
import type { Definition } from './definition.ts'
import type { FoundTask } from './found-task.ts'

export class TaskVisibility {
  readonly #app: FastifyInstance
  readonly #default: Authorize | undefined

  /**
   * @param app the `this` of the default
   * @param byDefault for tasks without an `authorize` of their own
   */
  constructor (app: FastifyInstance, byDefault: Authorize | undefined) {
    this.#app = app
    this.#default = byDefault
  }

  /**
   * Returns no promise if nobody has to be asked: the status route is called most.
   * @throws FST_TASKS_NOT_FOUND, also for a task that the caller may not see: nobody learns that it exists
   */
  check (request: FastifyRequest, id: string, found: FoundTask | null): FoundTask | Promise<FoundTask> {
    if (!found) throw new errors.TaskNotFound(id)
    const { definition } = found
    const own = definition?.options.authorize
    if (own) return this.#ask(own, definition.instance, request, found)
    if (this.#default) return this.#ask(this.#default, this.#app, request, found)
    if (!definition) throw new errors.TaskNotFound(id)
    return found
  }

  /** Whether everyone who knows the id of a task may see it. */
  isOpen (definition: Definition | undefined): boolean {
    return definition !== undefined && !definition.options.authorize && !this.#default
  }

  async #ask (
    authorize: Authorize, instance: FastifyInstance, request: FastifyRequest, found: FoundTask
  ): Promise<FoundTask> {
    const { id, name } = found.record
    const record: AuthorizeRecord = { ...found.record, data: found.stored.data.data }
    try {
      const answer: unknown = await authorize.call(instance, request, record)
      if (answer === true) return found
      if (answer !== false) throw new errors.AuthorizeInvalid(name, describeKind(answer))
    } catch (error) {
      const fields = { event: 'task.authorize_failed', taskId: id, task: name, err: toLoggable(error) }
      request.log.error(fields, 'authorize failed: the request is answered as for an unknown id')
    }
    throw new errors.TaskNotFound(id)
  }
}
