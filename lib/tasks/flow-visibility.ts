/**
 * Who may see a flow over HTTP: whoever may see all of its members, or those of the task that it was enqueued with as
 * the one to ask.
 */
import type { FastifyRequest } from 'fastify'
import * as errors from '../errors.ts'
import type { Definition } from './definition.ts'
import type { FlowView } from './flow-view.ts'
import type { FoundTask } from './found-task.ts'
import type { TaskVisibility } from './visibility.ts'

export interface FlowVisibilityOptions {
  definitions: ReadonlyMap<string, Definition>
  visibility: TaskVisibility
  flows: FlowView
}

/** Throws FST_TASKS_NOT_FOUND. */
export async function checkFlow (
  { definitions, visibility, flows }: FlowVisibilityOptions, request: FastifyRequest, id: string, found: FoundTask
): Promise<FoundTask> {
  if (isOpen({ definitions, visibility }, found)) return found
  let isAsked = false
  for await (const member of flows.membersToAsk(found)) {
    isAsked = true
    const stored = { ...found.stored, data: { name: member.name, data: member.data } }
    const definition = definitions.get(member.name)
    await visibility.check(request, id, { ...found, record: member, stored, definition })
  }
  if (!isAsked) throw new errors.TaskNotFound(id) // what its members were is gone
  return found
}

/** Whether nobody has to be asked. The tasks of members that were added to it are not known without a read. */
function isOpen (
  { definitions, visibility }: Omit<FlowVisibilityOptions, 'flows'>, { stored, record }: FoundTask
): boolean {
  const { tasks, authorize, size = 0 } = stored.options.graph!
  if (authorize === undefined && (record.flow?.total ?? 0) > size) return false
  const names = authorize === undefined ? tasks : [authorize]
  return names.every(name => visibility.isOpen(definitions.get(name)))
}
