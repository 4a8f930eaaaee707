/**
 * What a queue in memory needs of its store.
 */

export interface MemoryQueueHost {
  now (): number
  publish (channel: string, message: string): void
  /** Called when tasks were queued. */
  onQueued (queue: { readonly name: string }): void
  isUnfinished (queue: string, id: string): boolean
  /** Called after a change if no task is waiting and none is running. */
  onIdle (): void
  /** A member of a flow ended. Its flow is told next. */
  onMemberEnded (id: string): void
  onTold (id: string): void
}
