/**
 * The iterator over the changes of a record, with reads that end when the test says so.
 */
import t from 'tap'
import { recordChanges } from '../../lib/tasks/record-changes.ts'
import { nextOrder, type FoundTask } from '../../lib/tasks/found-task.ts'
import { WatchedTask } from '../../lib/tasks/watched-task.ts'
import { errorOf, latch, until } from '../support/helpers.ts'
import type { TaskState } from '../../lib/types.ts'

function found (state: TaskState): FoundTask {
  return { record: { id: 'a', state }, raw: state, order: nextOrder(), life: 'l' } as unknown as FoundTask
}

/** An app whose task is active until `close`. Its second read lasts until then. */
function closingApp (last: TaskState) {
  const go = latch()
  const app = { reads: 0, state: 'active' as TaskState, go, source: { isClosing: false, isConnected: true } }
  const task = new WatchedTask({
    isFlow: false,
    onLeft () {},
    listen: async () => () => {},
    async read () {
      app.reads++
      const read = found(app.state)
      if (app.reads > 1) await go.promise
      return read
    }
  })
  const source = Object.assign(app.source, {
    watch: async (_found: FoundTask, onChange: () => void) => ({
      end: task.join(onChange),
      hasChangedSince: (found: FoundTask) => task.hasChangedSince(found),
      readAfter: (found: FoundTask) => task.readAfter(found)
    })
  })
  const states: TaskState[] = []
  const all = (async () => {
    for await (const { record } of recordChanges(source, found('waiting'))) states.push(record.state)
  })()
  /** Its worker ends the task and closes while a read is on its way. */
  const close = async (): Promise<void> => {
    await until('its first change is known', () => states.length === 2)
    task.changed()
    await until('it is read again', () => app.reads === 2)
    app.state = last
    app.source.isClosing = true
    task.changed()
    go.open()
  }
  return { close, all, states }
}

t.test('a close, with a read on its way that is older than the outcome: the outcome is read', async t => {
  const { close, all, states } = closingApp('succeeded')
  await close()
  await all
  t.strictSame(states, ['waiting', 'active', 'succeeded'])
})

t.test('a close while the task goes on elsewhere ends the wait', async t => {
  const { close, all, states } = closingApp('active')
  await close()
  t.match(await errorOf(all), { code: 'FST_TASKS_CLOSED' })
  t.strictSame(states, ['waiting', 'active'])
})
