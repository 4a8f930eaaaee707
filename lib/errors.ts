/**
 * Every public error, with a code that does not change. A message says what was wrong, what was expected, what came,
 * and how to correct it. docs/reference/errors.md is generated from here, with the comments as titles.
 */
import { describeValue } from './describe.ts'
import type { RateLimitedOptions, SnoozeOptions } from './types.ts'
import { createError } from './error-class.ts'
import { isPointInTime, isWait } from './waits.ts'

// register
export const PluginOptionInvalid = createError('FST_TASKS_PLUGIN_OPTION_INVALID',
  'Option "%s" must be %s, got %s. %s', 500)
export const OptionUnknown = createError('FST_TASKS_OPTION_UNKNOWN',
  'There is no option "%s" in %s. Did you mean "%s"? Known here: %s', 500)
export const OptionClash = createError('FST_TASKS_OPTION_CLASH',
  'Options "%s" and "%s" do not fit together. %s', 500)
export const OptionMissing = createError('FST_TASKS_OPTION_MISSING',
  'One of the options "%s" and "%s" is needed, and only one. %s', 500)
export const NameTaken = createError('FST_TASKS_NAME_TAKEN', 'The name "%s" is taken on this instance. ' +
  'Register the plugin a second time under another name: register(tasks, { name: "other" })', 500)
export const QueueShared = createError('FST_TASKS_QUEUE_SHARED',
  'The instances "%s" and "%s" of one app both run tasks of queue "%s" of Redis at %s under the prefix "%s": each ' +
  'would take tasks that only the other has a handler for. Register the plugin once, above both scopes, or give one ' +
  'of them another prefix: register(tasks, { prefix: "%s2" })', 500)
export const RouteTaken = createError('FST_TASKS_ROUTE_TAKEN',
  'The app has a route %s %s of its own, which is the path of the status routes. ' +
  'Give ours another path: register(tasks, { routes: { prefix: "/jobs" } }), or mount none: { routes: false }', 500)
export const RedisRefused = createError('FST_TASKS_REDIS_REFUSED', 'Redis at %s refused the connection (%s). ' +
  'Check user, password and database in the "redis" option or REDIS_URL', 500)

// define
export const TaskAlreadyDefined = createError('FST_TASKS_ALREADY_DEFINED', 'Task "%s" is already defined. ' +
  'A name stands for one task: choose another name, or define the task once in a shared plugin', 500)
export const TaskNameInvalid = createError('FST_TASKS_NAME_INVALID',
  'A task\'s name must be 1 to 100 characters of A-Z, a-z, 0-9, "_", ".", ":", "-", ' +
  'the first a letter, a digit or "_"; got %s', 500)
export const HandlerInvalid = createError('FST_TASKS_HANDLER_INVALID', 'The handler of task "%s" must be a function, ' +
  'got %s. Call define(name, options, async function (data, task) {})', 500)
export const SchemaInvalid = createError('FST_TASKS_SCHEMA_INVALID',
  'Task "%s": the schema of its %s cannot be used: %s', 500)
export const ThreadNotFound = createError('FST_TASKS_THREAD_NOT_FOUND',
  'The thread file of task "%s" does not exist: %s. A relative path starts at the working directory. ' +
  'For a file beside the file that defines the task, write: thread: new URL("./resize.js", import.meta.url)', 500)
export const ThreadBundled = createError('FST_TASKS_THREAD_BUNDLED',
  'Task "%s" has a thread, but this code was moved by a bundler, and what a thread loads is not beside it. ' +
  'Leave fastify-tasks out of the bundle and install it where the app runs: esbuild --external:fastify-tasks; ' +
  'rollup and tsup: { external: ["fastify-tasks"] }, and no "noExternal" of tsup that matches it', 500)

// enqueue
export const TaskNotDefined = createError('FST_TASKS_NOT_DEFINED',
  'Task "%s" is not defined here. Define it: tasks.define(name, …), and pass its name, a string. Defined here: %s', 500)
export const TaskOptionInvalid = createError('FST_TASKS_TASK_OPTION_INVALID',
  'Task "%s": option "%s" must be %s, got %s. %s', 500)
export const TaskIdInvalid = createError('FST_TASKS_ID_INVALID',
  'A task\'s id must be 1 to 100 characters of A-Z, a-z, 0-9, "_", ".", ":", "-", ' +
  'the first a letter, a digit or "_"; got %s. Leave it out for a random UUID', 400)
export const TaskIdTaken = createError('FST_TASKS_ID_TAKEN',
  'The id "%s" belongs to another task. Choose another id for task "%s"', 409)
export const LimitQueue = createError('FST_TASKS_LIMIT_QUEUE',
  'Task "%s" has a limit or a rate, which holds in its own queue "%s": it cannot be enqueued to queue "%s". ' +
  'Leave out queue', 400)
export const LimitKeyInvalid = createError('FST_TASKS_LIMIT_KEY_INVALID',
  'The key of the limit or rate of task "%s" must be a string of at most 100 characters, got %s. ' +
  'For example limit: { max: 2, key: data => String(data.tenant) }', 400)
export const LimitUnknown = createError('FST_TASKS_LIMIT_UNKNOWN',
  'Task "%s" is defined without a limit or a rate here. Define it with one: limit: { max: 2 }', 500)
export const LimitKeysDiffer = createError('FST_TASKS_LIMIT_KEYS_DIFFER',
  'The keys of the limit and the rates of task "%s" must be the same, got %s and %s. Give them the same function', 400)
export const LimitScope = createError('FST_TASKS_LIMIT_SCOPE',
  'Task "%s" has rates of each key and rates of all its tasks: a rate of setLimit has to say which it is. ' +
  "Give it scope: 'key' or scope: 'task'", 400)
export const UniqueQueue = createError('FST_TASKS_UNIQUE_QUEUE',
  'Task "%s" is enqueued once for a key, in its own queue "%s": it cannot be enqueued to queue "%s". Leave out queue',
  400)
export const UniqueKeyInvalid = createError('FST_TASKS_UNIQUE_KEY_INVALID',
  'The key of unique or debounce of task "%s" must be a string of at most 100 characters, got %s. ' +
  'For example unique: { key: data => String(data.id) }', 400)
export const UniqueRefused = createError('FST_TASKS_UNIQUE_REFUSED',
  'Task "%s" has the option %s: a %s cannot enqueue it, as %s. Define another task without it', 500)
export const UniqueLimitKey = createError('FST_TASKS_UNIQUE_LIMIT_KEY',
  'Task "%s" of id "%s" waits under another key of its limit, so it cannot be replaced. ' +
  'Make the key of the limit from data that two tasks of one unique key share', 409)
export const TaskIdAmbiguous = createError('FST_TASKS_ID_AMBIGUOUS',
  'The id "%s" belongs to a task in each of several queues: %s. Say which: { queue: "%s" }, over HTTP ?queue=%s', 409)
export const QueueUnknown = createError('FST_TASKS_QUEUE_UNKNOWN', 'Queue "%s" is not known here. Known queues: %s. ' +
  'Name it at register, in every process that uses it: { queues: ["%s"] }', 500)
export const DataInvalid = createError('FST_TASKS_DATA_INVALID', 'The data of task "%s" cannot be stored as JSON: %s.' +
  ' Pass plain objects, arrays, strings, finite numbers, booleans and null', 400)
export const DataTooLarge = createError('FST_TASKS_DATA_TOO_LARGE',
  'The data of task "%s" is %d bytes of JSON, more than maxDataSize (%d). ' +
  'Store it elsewhere and pass its address, or raise maxDataSize', 413)
export const CursorInvalid = createError('FST_TASKS_CURSOR_INVALID',
  'The cursor is none, or that of another call. Pass the cursor of the call before, with the same filter (state, ' +
  'queue, name and so on), or leave it out to begin', 400)
export const AuthorizeInvalid = createError('FST_TASKS_AUTHORIZE_INVALID',
  'The authorize of task "%s" must return true or false, or a promise of it, got %s: the request is refused. ' +
  'Compare: authorize: (request, record) => request.user.id === record.data.userId', 500)
export const HandleInvalid = createError('FST_TASKS_HANDLE_INVALID', 'reply.accepted() needs the handle that ' +
  'enqueue() returned, got %s. Call reply.accepted(await task.enqueue(data))', 500)
export const TaskIdNotText = createError('FST_TASKS_ID_NOT_TEXT',
  'The id of a task must be a text, got %s. Pass the id of its handle: const { id } = await task.enqueue(data)', 500)

// schedules
export const ScheduleIdInvalid = createError('FST_TASKS_SCHEDULE_ID_INVALID',
  'A schedule\'s id must be 1 to 64 characters of A-Z, a-z, 0-9, "_", ".", ":", "-", ' +
  'the first a letter, a digit or "_"; got %s', 500)
export const ScheduleAlreadyDefined = createError('FST_TASKS_SCHEDULE_ALREADY_DEFINED',
  'Schedule "%s" is already defined. An id stands for one schedule: choose another id', 500)
export const ScheduleOptionInvalid = createError('FST_TASKS_SCHEDULE_OPTION_INVALID',
  'Schedule "%s": option "%s" must be %s, got %s. %s', 500)
export const ScheduleCronInvalid = createError('FST_TASKS_SCHEDULE_CRON_INVALID',
  'Schedule "%s": cron "%s" cannot be used: %s. Five fields are minute, hour, day of the month, month, day of the ' +
  'week, as in "0 3 * * *"; six fields, the first for seconds, need seconds: true', 500)
export const ScheduleDataInvalid = createError('FST_TASKS_SCHEDULE_DATA_INVALID',
  'Schedule "%s": task "%s" refuses its data: %s. Change the data, or the schema of the task', 500)
export const ScheduleDeclared = createError('FST_TASKS_SCHEDULE_DECLARED',
  'Schedule "%s" is declared in code, and cannot be %s at run time. Change the code, or pause it', 409)
export const ScheduleNotFound = createError('FST_TASKS_SCHEDULE_NOT_FOUND',
  'There is no schedule with the id "%s"', 404)
export const ScheduleBusy = createError('FST_TASKS_SCHEDULE_BUSY',
  'Schedule "%s" fired or was changed by others at each try, and was not changed here. Call it again', 503)
export const ScheduleUnreadable = createError('FST_TASKS_SCHEDULE_UNREADABLE',
  'The definition of schedule "%s" in Redis cannot be read: %s. Define it or set it again, or remove it', 500)

// flows
export const FlowInvalid = createError('FST_TASKS_FLOW_INVALID',
  '%s cannot be used: %s. A flow is made of signatures: chain(a.signature(), b.signature()), group(…), ' +
  'chord([…], c.signature()), or flow({ tasks: { a: a.signature() }, dependsOn: { b: ["a"] } })', 500)
export const FlowTooLarge = createError('FST_TASKS_FLOW_TOO_LARGE',
  'The flow %s more than %d %s. Split it into several flows, or give each member more to do', 500)
export const FlowOptionInvalid = createError('FST_TASKS_FLOW_OPTION_INVALID',
  'Option "%s" of enqueueFlow must be %s, got %s. %s', 500)
export const FlowFailed = createError('FST_TASKS_FLOW_FAILED', 'Member "%s" (%s) of the flow %s', 500)
export const FlowTimeout = createError('FST_TASKS_FLOW_TIMEOUT',
  'The flow had not ended after its lifetime of %d ms', 500)
export const FlowIncomplete = createError('FST_TASKS_FLOW_INCOMPLETE',
  'The flow was not written to its end: the process that enqueued it died, or lost Redis. Enqueue it again', 500)
export const FlowClosed = createError('FST_TASKS_FLOW_CLOSED',
  'Nothing can be added to flow "%s": it has ended, or the member that adds to it has', 409)
export const FlowKeyInvalid = createError('FST_TASKS_FLOW_KEY_INVALID',
  'The key of a member that is added must be 1 to 40 characters of A-Z, a-z, 0-9, "_", "-"; got %s', 500)
export const FlowResultGone = createError('FST_TASKS_FLOW_RESULT_GONE',
  'The result of member "%s" is not stored any more: its record was removed, or its resultTtl has passed', 500)
export const NotInFlow = createError('FST_TASKS_NOT_IN_FLOW',
  'Task "%s" is no member of a flow: there is nothing before it', 500)

// Redis
/** Clients of HTTP get this message. What was called, and what Redis replied, is in the `cause`, for the log. */
export const RedisUnavailable = createError('FST_TASKS_REDIS_UNAVAILABLE',
  'Redis did not answer in time, or refused the call. Try again later', 503)
export const Closed = createError('FST_TASKS_CLOSED', 'The app is closed, and %s was given up. %s', 503)
export const TooManyWaits = createError('FST_TASKS_TOO_MANY_WAITS',
  'Too many requests wait for tasks: routes.%s is %d. Try again later, or ask for the status without a wait', 503)
export const StallIntervalClash = createError('FST_TASKS_STALL_INTERVAL_CLASH',
  'Queue "%s" is served by workers with a stallInterval of %s, but this worker has %d. ' +
  'With two values tasks run twice: set the same value everywhere, or stop the other workers and wait %d ms', 500)
export const RedisTooOld = createError('FST_TASKS_REDIS_TOO_OLD',
  'Redis at %s is version %s, but fastify-tasks needs 6.2 or later (for BLMOVE, and LPOP with a count). ' +
  'Upgrade Redis or Valkey', 500)

// workers
export const NoHandlers = createError('FST_TASKS_NO_HANDLERS', 'There is nothing to work on: %s. ' +
  'Give define() a handler: fastify.tasks.define(name, options, async function (data, task) {})', 500)

// memory mode
export const NotMemoryMode = createError('FST_TASKS_NOT_MEMORY_MODE',
  'fastify.%s.%s() moves the clock of mode "memory", but this app keeps its tasks in Redis. ' +
  'In tests: register(tasks, { mode: "memory" })', 500)
export const NotDrained = createError('FST_TASKS_NOT_DRAINED',
  'fastify.%s.%s() gave up: %s. Tasks that have not ended: %s. ' +
  'A handler that waits for something after this call never ends. If it only takes long, raise the timeout: ' +
  '{ timeout: 60000 }', 500)

// standalone workers
export const AppNotFound = createError('FST_TASKS_APP_NOT_FOUND',
  'There is no file "%s" in %s. Give the path of the app plugin: -A app.ts', 500)
export const AppInvalid = createError('FST_TASKS_APP_INVALID', '%s is not an app plugin: %s', 500)
export const AppTypeScript = createError('FST_TASKS_APP_TYPESCRIPT', '%s is TypeScript, which Node %s cannot run. ' +
  'Use Node 22.18 or later, or install tsx beside the app: npm install -D tsx', 500)
export const AppMemoryMode = createError('FST_TASKS_APP_MEMORY_MODE',
  '%s registers fastify-tasks with mode "memory": its tasks are kept in the process that enqueues them, ' +
  'and no other process can run them. Leave out mode in an app that has workers: "memory" is for tests', 500)
export const AppWithoutPlugin = createError('FST_TASKS_APP_WITHOUT_PLUGIN',
  '%s does not register fastify-tasks, so it has no tasks. Add: await fastify.register(tasks)', 500)

export const MonitorPortTaken = createError('FST_TASKS_MONITOR_PORT_TAKEN',
  'The monitor of the worker cannot listen on port %d of %s: %s. Choose another: --monitor-port %d', 500)
export const MonitorHostInvalid = createError('FST_TASKS_MONITOR_HOST_INVALID',
  'The monitor of the worker cannot listen at "%s": %s. Name an address of this machine: --monitor-host 127.0.0.1', 500)

// commands
export const InstanceUnknown = createError('FST_TASKS_INSTANCE_UNKNOWN',
  'The app registers fastify-tasks under the names %s; got %s. Name one of them: --instance %s', 500)
export const InstanceAmbiguous = createError('FST_TASKS_INSTANCE_AMBIGUOUS',
  'The id "%s" belongs to a task of each of several instances of the plugin: %s. Name one of them: --instance %s', 500)
export const PurgeUnconfirmed = createError('FST_TASKS_PURGE_UNCONFIRMED',
  'This would remove %s, and there is no terminal to confirm it. Give --yes', 500)
export const Unconfirmed = createError('FST_TASKS_UNCONFIRMED',
  'This would %s, and there is no terminal to confirm it. Give --yes', 500)
export const DevInProduction = createError('FST_TASKS_DEV_IN_PRODUCTION',
  'NODE_ENV is production, but "fastify-tasks dev" is for development. ' +
  'Start the app as you do in production, and its worker with: fastify-tasks worker -A %s', 500)
export const PortTaken = createError('FST_TASKS_PORT_TAKEN',
  'Port %d of %s is taken. Choose another port: --port %d, or PORT', 500)
export const NoRedisServer = createError('FST_TASKS_NO_REDIS_SERVER', 'No Redis can be started: %s', 500)

// a task's outcome, as stored in its record
export const DataRefused = createError('FST_TASKS_DATA_REFUSED',
  'The data does not fit the schema that task "%s" has in this worker: %s', 500)
export const TaskTimeout = createError('FST_TASKS_TIMEOUT', 'Attempt %d took longer than its timeout of %d ms', 500)
export const TaskStalled = createError('FST_TASKS_STALLED',
  'Task stalled %d times: its worker died or lost its lease (maxStalls %d)', 500)
export const ClaimLost = createError('FST_TASKS_CLAIM_LOST',
  'The claim on the task was lost: another worker may run it, and the outcome of this attempt does not count', 500)
export const Shutdown = createError('FST_TASKS_SHUTDOWN',
  'The worker is shutting down: the task goes back to its queue unless it ends now', 500)
export const ResultInvalid = createError('FST_TASKS_RESULT_INVALID', 'The result cannot be stored as JSON: %s', 500)
export const ResultTooLarge = createError('FST_TASKS_RESULT_TOO_LARGE',
  'The result is %d bytes of JSON, more than maxResultSize (%d)', 500)
export const ProgressInvalid = createError('FST_TASKS_PROGRESS_INVALID',
  'The progress of task "%s" must be JSON of at most %d bytes (maxProgressSize), ' +
  'and its stage a string of at most 256 characters: %s', 500)
export const RecordInvalid = createError('FST_TASKS_RECORD_INVALID',
  'The record in Redis is not a task: %s. A producer must write data as { name, data }', 500)
export const ThreadInvalid = createError('FST_TASKS_THREAD_INVALID',
  '%s, the thread file of task "%s", must export a handler as default, but exports %s. ' +
  'Write there: export default async function (data, task) {}', 500)
export const ThreadDied = createError('FST_TASKS_THREAD_DIED',
  'The thread died while it ran the task: %s. Catch errors there, do not call process.exit there, ' +
  'and give it enough memory: register(tasks, { threads: { maxHeap: 512 } })', 500)
const UnrecoverableBase = createError('FST_TASKS_UNRECOVERABLE', '%s', 500)

/** A handler throws it to fail its task at once, even if retries are left. */
export class Unrecoverable extends UnrecoverableBase {
  constructor (message = 'Another attempt would not help', options?: { cause?: unknown }) {
    super(...(options && 'cause' in options ? [message, options] : [message]))
  }
}

export const SnoozeInvalid = createError('FST_TASKS_SNOOZE_INVALID',
  'Snooze needs a delay in ms, or delayUntil, a Date or ms since 1970, but got %s. ' +
  'For example new Snooze({ delay: 60000 })', 500)
const SnoozeBase = createError('FST_TASKS_SNOOZED', 'The task comes back later', 500)

/** A handler throws it to have its task come back later. No attempt is spent. */
export class Snooze extends SnoozeBase {
  /** What is read of it, also in another thread: ms, or a Date. */
  readonly retryAfter: number | Date

  constructor (options: SnoozeOptions = { delay: 1_000 }) {
    super()
    const { delay, delayUntil, ...unknown } = options ?? {}
    const [wait, ...more] = [delay, delayUntil, ...Object.keys(unknown)].filter(value => value !== undefined)
    const isValid = delayUntil === undefined ? isWait(wait) : isPointInTime(delayUntil)
    if (!isValid || more.length > 0) throw new SnoozeInvalid(describeValue(options))
    this.retryAfter = delayUntil === undefined ? wait as number | Date : new Date(delayUntil)
  }
}

export const RateLimitedInvalid = createError('FST_TASKS_RATE_LIMITED_INVALID',
  'RateLimited needs retryAfter, ms or a Date, and takes the scope "key", but got %s. ' +
  'For example new RateLimited({ retryAfter: 30000 })', 500)
const RateLimitedBase = createError('FST_TASKS_RATE_LIMITED', 'The tasks of this key wait', 500)

/** A handler throws it if a service behind refused it: all tasks of its key wait. No attempt is spent. */
export class RateLimited extends RateLimitedBase {
  /** What is read of it, also in another thread: ms, or a Date. */
  readonly retryAfter: number | Date

  constructor (options: RateLimitedOptions = { retryAfter: 1_000 }) {
    super()
    const { retryAfter, scope = 'key', ...more } = options ?? {}
    const unknown = scope !== 'key' || Object.keys(more).length > 0
    if (!isWait(retryAfter) || unknown) throw new RateLimitedInvalid(describeValue(options))
    this.retryAfter = retryAfter
  }
}

// waiting for an outcome
export const TaskNotFound = createError('FST_TASKS_NOT_FOUND',
  'There is no task with the id "%s": it was never enqueued, or its resultTtl has passed', 404)
export const TaskFinished = createError('FST_TASKS_FINISHED', 'Task "%s" has ended: there is nothing to cancel', 409)
export const EventsRefused = createError('FST_TASKS_EVENTS_REFUSED', 'The events of a task are "text/event-stream", ' +
  'which the request does not accept. Send Accept: text/event-stream, or ask for the status without /events', 406)
export const TaskFailed = createError('FST_TASKS_FAILED', 'Task "%s" (%s) failed: %s', 500)
export const TaskCancelled = createError('FST_TASKS_CANCELLED', 'Task "%s" (%s) was cancelled', 409)
export const TaskExpired = createError('FST_TASKS_EXPIRED', 'Task "%s" (%s) expired before a worker started it', 410)
export const ResultTimeout = createError('FST_TASKS_RESULT_TIMEOUT',
  'Task "%s" (%s) had not ended after %d ms%s. It goes on: read its status later', 504)

// dashboard
export const DashboardInstanceUnknown = createError('FST_TASKS_DASHBOARD_INSTANCE_UNKNOWN',
  'The dashboard is to show the tasks of the plugin instance "%s", and this app has: %s. ' +
  'Register fastify-tasks before the dashboard, or name its instance: register(dashboard, { instance: "tasks" })', 500)
export const DevPageRefused = createError('FST_TASKS_DEV_PAGE_REFUSED',
  'The page of fastify-tasks dev is for the machine that runs it: open it there, at http://localhost and its port. ' +
  'For other machines register fastify-tasks/dashboard in the app, with a login', 403)
export const DashboardForeignForm = createError('FST_TASKS_DASHBOARD_FOREIGN_FORM',
  'This form was not sent by a page of the dashboard. ' +
  'If a proxy changes the Host header, name the origin that browsers see: trustedOrigins: ["https://admin.example"]', 403)
