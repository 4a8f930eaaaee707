/**
 * npm run shields: removes each shield, one at a time, in a copy of the compiled project, and checks that its test
 * fails. Each core works through the rows in a copy of its own.
 * `-- <test>` or `-- <file>` runs only some rows. `-- --check` only checks that each shield is found in the code.
 *
 * A shield is a piece of code against a danger, such as a behaviour of Bee-Queue, ioredis or Redis. A test that passes
 * without the shield does not protect it.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { startDependent } from './dependent-process.ts'
import { startRedis } from './redis.ts'

interface Shield {
  /** The danger. */
  against: string
  /** The compiled file, relative to lib/. */
  file: string
  /** The code to remove. */
  shield: string | RegExp
  /** The code in its place. */
  without: string
  /** The test file, relative to test/ and without .test.ts. */
  test: string
  /** Without the shield the event loop is held for ever: not even the test's own time limit ends it. */
  hangs?: true
}

/** The start of the names of the copies, which git ignores. */
const COPY = '.build-shields'
/** A test that waits for ever is ended by tap after the first limit, in s, and by us after the second, in ms. */
const TEST_TIMEOUT = 60
const LIMIT = 90_000

const shields: Shield[] = [
  // Schedules that are set and removed at the same time
  {
    against: 'a schedule that was removed while it was set fires for ever, and no call finds it',
    file: 'schedules/schedule-store.js',
    shield: 'isPlaced || tries >= TRIES',
    without: 'true',
    test: 'schedules/workers'
  },
  {
    against: 'a schedule that was set while it was removed fires for ever, and no call finds it',
    file: 'schedules/schedule-store.js',
    shield: /(forget\(id, epoch\)\);\n\s+)await removeOnce\(\);/,
    without: '$1',
    test: 'schedules/workers'
  },
  {
    against: 'a schedule that cannot be read holds up those that are due after it',
    file: 'schedules/ticker.js',
    shield: 'ticks.length === 0',
    without: 'false',
    test: 'schedules/lost-keys'
  },
  {
    against: 'what somebody deletes of a schedule in Redis is not stored again',
    file: 'store/redis/lua/set-schedule.lua',
    shield: ' or not whole',
    without: '',
    test: 'schedules/lost-keys'
  },
  // Waits
  {
    against: 'a close gives a wait up by a read that is older than the outcome',
    file: 'tasks/record-changes.js',
    shield: 'found.order > closingAt',
    without: 'closingAt < Infinity',
    test: 'tasks/record-changes'
  },
  // Lists
  {
    against: 'tasks between two attempts whose wait is over are on no list',
    file: 'tasks/list-pages.js',
    shield: '[...queues, ...queues.map(queue => queue + SECOND)]',
    without: 'queues',
    test: 'tasks/listing'
  },
  // Paths of the status routes
  {
    against: 'the port of publicBase is taken as a parameter of the path, and no task has an address',
    file: 'routes/routes.js',
    shield: "withoutParams(options.publicBase ?? '')",
    without: "(options.publicBase ?? '')",
    test: 'routes/app-settings'
  },
  {
    against: 'a parameter that is a part of a segment stays in the address of a task',
    file: 'tasks/route-path.js',
    shield: '/::|:([',
    without: String.raw`/::|(?<=\/):([`,
    test: 'routes/app-settings'
  },
  // Arguments of calls
  {
    against: 'a connection that the monitor cannot accept ends the worker',
    file: 'metrics/monitor.js',
    shield: "this.#server.on('error', error => this.#onError(error));",
    without: '',
    test: 'cli/monitor'
  },
  {
    against: 'what a handler logs under a name of ours, such as task or pid, is not in the log of its task',
    file: 'attempt/kept-log.js',
    shield: 'logged.has(name) || ',
    without: '',
    test: 'tasks/logs'
  },
  {
    against: 'progress that is too large, and is not awaited, ends the thread',
    file: 'attempt/thread-link.js',
    shield: 'if (!isProgressFiltered)',
    without: 'if (false)',
    test: 'attempt/thread-link'
  },
  {
    against: 'progress that the schema of the task makes small enough is refused in a thread',
    file: 'attempt/thread-link.js',
    shield: 'if (!isProgressFiltered)',
    without: '',
    test: 'attempt/thread-link'
  },
  {
    against: 'a misspelt dependsOn is ignored: all tasks of the flow start at once',
    file: 'flows/shapes.js',
    shield: 'checkGraph(graph);',
    without: '',
    test: 'flows/refusals'
  },
  {
    against: 'a misspelt option of otel is ignored',
    file: 'otel/telemetry.js',
    shield: 'checkOtel(options);',
    without: '',
    test: 'otel/spans'
  },
  {
    against: 'a handle, or an enqueue that was not awaited, is taken as an id of which there is no task',
    file: 'decorators.js',
    shield: "if (typeof id !== 'string')",
    without: 'if (false)',
    test: 'call-arguments'
  },
  {
    against: 'the same for the id of a schedule',
    file: 'schedules/app-schedules.js',
    shield: "if (typeof id !== 'string')\n        throw new errors.ScheduleIdInvalid",
    without: 'if (false)\n        throw new errors.ScheduleIdInvalid',
    test: 'call-arguments'
  },
  {
    against: 'an option of runWorker that is misspelt is ignored, and a port that is a text is the path of a socket',
    file: 'standalone.js',
    shield: 'checkRunWorker(options);',
    without: '',
    test: 'standalone'
  },
  {
    against: 'a client of another library is taken as options, which lead to localhost',
    file: 'options/redis-url.js',
    shield: "typeof value.on !== 'function' && ",
    without: '',
    test: 'options'
  },
  {
    against: 'the namespaces of @fastify/redis are taken as options, which lead to localhost',
    file: 'options/redis-url.js',
    shield: '!Object.values(value).some(isClient)',
    without: 'true',
    test: 'options'
  },
  {
    against: 'options that were not awaited are taken as none: all failed tasks are retried, a delay is lost',
    file: 'options/rule-kinds.js',
    shield: 'builtInName(value) === undefined',
    without: 'true',
    test: 'call-arguments'
  },
  {
    against: 'a promise or a query of a library is taken as options',
    file: 'built-in.js',
    shield: 'if (isThenable(value))',
    without: 'if (false)',
    test: 'call-arguments'
  },
  {
    against: 'a proxy that throws is refused by an error of its own',
    file: 'options/check-rules.js',
    shield: 'tryOr(() => Object.keys(values), undefined)',
    without: 'Object.keys(values)',
    test: 'call-arguments'
  },
  {
    against: 'a getter that throws is refused by an error of its own',
    file: 'options/check-rules.js',
    shield: 'tryOr(() => values[key], HIDDEN)',
    without: 'values[key]',
    test: 'call-arguments'
  },
  {
    against: 'data that was not awaited, or a Map, is stored as {}',
    file: 'records/json.js',
    shield: 'if (lost !== undefined)',
    without: 'if (false)',
    test: 'call-arguments'
  },
  {
    against: 'options behind the handler are ignored',
    file: 'decorators.js',
    shield: 'if (given === undefined)',
    without: 'if (true)',
    test: 'call-arguments'
  },
  {
    against: 'the options of a member that is like the one before it are not checked',
    file: 'flows/plan.js',
    shield: '[one, other].every(isEmpty)',
    without: 'Object.keys({ ...one, ...other }).length === 0',
    test: 'call-arguments'
  },
  {
    against: 'a call that is sent after the event loop was held is late before Redis can answer it',
    file: 'store/redis/deadline.js',
    shield: 'held < HELD_MS',
    without: 'true',
    test: 'store/deadline'
  },
  // Async contexts of tasks
  {
    against: 'later tasks see what hooks of a task set for its async context',
    file: 'attempt/attempt-hooks.js',
    shield: '() => this.#leave(next)',
    without: 'next',
    test: 'attempt/async-context'
  },
  {
    against: 'later tasks see what retryIf sets',
    file: 'attempt/retry-rules.js',
    shield: 'runApart(() => retryIf(toHookError(thrown, failure.error.message), attempt))',
    without: 'retryIf(toHookError(thrown, failure.error.message), attempt)',
    test: 'attempt/async-context'
  },
  {
    against: 'later tasks see what a backoff of the app sets',
    file: 'worker/backoff.js',
    shield: 'runApart(() => strategy(attempt, options, error))',
    without: 'strategy(attempt, options, error)',
    test: 'attempt/async-context'
  },
  {
    against: 'a hook before the handler never ends: those after it are outside of the context that the others made',
    file: 'attempt/attempt-hooks.js',
    shield: /this\.#keepAsyncContext\(\);\s+const reason/,
    without: 'const reason',
    test: 'hooks/attempt'
  },
  // Values of the app that cannot be looked at
  {
    against: 'a hook returns the promise of a library that throws in its then: the worker ends',
    file: 'hooks/hook-lists.js',
    shield: 'catch (thrown) {\n        fail(thrown);',
    without: 'catch (thrown) {\n        throw thrown;',
    test: 'hooks/attempt'
  },
  {
    against: 'a thrown proxy that refuses instanceof ends the worker',
    file: 'attempt/hook-error.js',
    shield: 'isA(thrown, Error)',
    without: 'thrown instanceof Error',
    test: 'hooks/attempt'
  },
  {
    against: 'a returned proxy that refuses instanceof ends the worker',
    file: 'attempt/attempt-result.js',
    shield: 'isA(value, errors.Snooze)',
    without: 'value instanceof errors.Snooze',
    test: 'hooks/attempt'
  },
  // Requests that no page of ours makes
  {
    against: 'a form without a body is a fault of the app',
    file: 'dashboard.js',
    shield: 'request.body ?? {}',
    without: 'request.body',
    test: 'dashboard/odd-requests'
  },
  {
    against: 'a redact that throws takes the whole page of a task away',
    file: 'dashboard/pages/task.js',
    shield: "const fields = { event: 'dashboard.redact_failed'",
    without: "throw error; const fields = { event: 'dashboard.redact_failed'",
    test: 'dashboard/rights'
  },
  {
    against: 'a filter by a name that no task can have is a fault of the app',
    file: 'dashboard/task-filter.js',
    shield: 'isId(query.name) ? query.name : undefined',
    without: 'query.name || undefined',
    test: 'dashboard/odd-requests'
  },
  {
    against: 'so is a tag that is none',
    file: 'dashboard/pages/tasks.js',
    shield: 'chosenStates(query, filter)',
    without: 'chosenStates(query, query)',
    test: 'dashboard/odd-requests'
  },
  {
    against: 'so is a queue that is not known',
    file: 'dashboard/actions.js',
    shield: "instance.knownQueues().includes(first(fields, 'queue')) ? null : 'queue'",
    without: 'null',
    test: 'dashboard/odd-requests'
  },
  {
    against: 'so is the pause of a task that is not defined here',
    file: 'dashboard/actions.js',
    shield: 'context.instance.definitions.has(name)',
    without: 'true',
    test: 'dashboard/odd-requests'
  },
  // High and low tasks
  {
    against: 'a worker that waits does not hear a high or a low task',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'if list == leveled.waiting then wake(list, leveled.high, leveled.low) end',
    without: '',
    test: 'limits/priority'
  },
  {
    against: 'the same, after a claim has taken the last normal task',
    file: 'store/redis/lua/claim.lua',
    shield: '  wake(KEYS[1], KEYS[20], KEYS[21])',
    without: '',
    test: 'limits/priority'
  },
  {
    against: 'the same, after the last normal task was cancelled',
    file: 'store/redis/lua/cancel.lua',
    shield: "if redis.call('HEXISTS', KEYS[19], '') == 0 then wake(KEYS[2], KEYS[26], KEYS[27]) end",
    without: '',
    test: 'limits/priority'
  },
  {
    against: 'the same, after it was removed',
    file: 'store/redis/lua/remove.lua',
    shield: "if redis.call('HEXISTS', KEYS[18], '') == 0 then wake(KEYS[2], KEYS[25], KEYS[26]) end",
    without: '',
    test: 'limits/priority'
  },
  {
    against: 'the same, after a purge that keeps tasks between two attempts',
    file: 'store/redis/lua/purge.lua',
    shield: "if more == 0 and redis.call('HEXISTS', KEYS[26], '') == 0 then wake(KEYS[2], KEYS[23], KEYS[24]) end",
    without: '',
    test: 'limits/priority'
  },
  {
    against: 'low and normal tasks wait for ever behind high ones',
    file: 'store/redis/lua/claim.lua',
    shield: '% 16 == 0',
    without: '% 16 == 99',
    test: 'limits/priority'
  },
  {
    against: 'a queued task that is replaced stays in the list of its old level',
    file: 'store/redis/lua/add-unique.lua',
    shield: "if before == level or redis.call('ZSCORE', KEYS[17], id) then return end",
    without: 'do return end',
    test: 'limits/priority'
  },
  {
    against: 'the same, and runs twice, or counts twice, in a long queue',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'unqueue(KEYS[33], { id }, { KEYS[2], KEYS[15], KEYS[34], KEYS[28], KEYS[29] })',
    without: '',
    test: 'limits/priority'
  },
  {
    against: 'a key that was used once is remembered for ever in mode memory',
    file: 'store/memory/lanes.js',
    shield: /for \(const name of this\.#resting\.takeUntil\(this\.#host\.now\(\)\)\)\s+this\.#lanes\.delete\(name\);/,
    without: '',
    test: 'store/memory-queue'
  },
  {
    against: 'a key that is used again is forgotten with its tasks in mode memory',
    file: 'store/memory/lanes.js',
    shield: /else\s+this\.#resting\.delete\(name\)/,
    without: '',
    test: 'store/memory-queue'
  },
  {
    against: 'a stalled task loses its level',
    file: 'store/redis/lua/sweep.lua',
    shield: 'use_levels(KEYS[8], KEYS[22], KEYS[25], KEYS[26], KEYS[27])',
    without: '',
    test: 'limits/priority'
  },
  // Tasks that are enqueued once for a key
  {
    against: 'a key counts for another task that has the id of its task by now',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'if options.unique ~= key then return nil end',
    without: '',
    test: 'store/queue-unique'
  },
  {
    against: 'another task of a key runs beside one with half of an emoji, and a purge takes it between attempts',
    file: 'store/redis/lua/add-unique.lua',
    shield: ", (string.gsub(text, '\\\\u[dD][89a-fA-F]%x%x', '\\\\ufffd')))",
    without: ', text)',
    test: 'tasks/odd-json'
  },
  {
    against: 'the same, for one that is nested as deep as it may be',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'lenient.decode_max_depth(1100)',
    without: '',
    test: 'tasks/odd-json'
  },
  {
    against: 'a key counts although its task has ended',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'task.has_ended = not is_unfinished(id, KEYS[1], 8)',
    without: 'task.has_ended = false',
    test: 'store/queue-unique'
  },
  {
    against: 'a replaced task is another one for who has its handle',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'same_life(new.record, task.options))',
    without: 'new.record)',
    test: 'store/queue-unique'
  },
  {
    against: 'older data runs after newer data',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'redis.call(\'HDEL\', KEYS[26], task.id)',
    without: '',
    test: 'store/memory-unique'
  },
  {
    against: 'a task that is tried again after its time to start lets another one of its key run beside it',
    file: 'store/redis/lua/add-unique.lua',
    shield: "task.status == 'created' and expires",
    without: 'expires',
    test: 'store/queue-unique'
  },
  {
    against: 'the task that follows is lost, if its id is that of another task by now',
    file: 'store/redis/lua/settle.lua',
    shield: "while redis.call('HSETNX', keys.jobs, task.id, task.record) == 0 do",
    without: "if redis.call('HSETNX', keys.jobs, task.id, task.record) == 0 then return end while false do",
    test: 'store/queue-unique'
  },
  {
    against: 'the same, if the key is that of a newer task by now',
    file: 'store/redis/lua/sweep-unique.lua',
    shield: 'local goes_on = standing == id and packed',
    without: 'local goes_on = packed',
    test: 'store/queue-unique'
  },
  {
    against: 'the key of a task that has not ended is freed',
    file: 'store/redis/lua/sweep-unique.lua',
    shield: 'if not is_unfinished(id, KEYS[1], 2) then',
    without: 'if true then',
    test: 'store/queue-unique'
  },
  // Fair shares
  {
    against: 'a key with many tasks holds up a newcomer by as many as its limit',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'free = math.min(free, fair_share(read_shares(door, gate), used, is_new))',
    without: '',
    test: 'store/queue-shares'
  },
  {
    against: 'the shares of keys that get their tasks one after the other add up, and a newcomer is behind all of them',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'if is_new and keys > 0 then',
    without: 'if false then',
    test: 'store/queue-shares'
  },
  {
    against: 'in mode memory the shares of keys that get their tasks one after the other add up',
    file: 'store/memory/lanes.js',
    shield: 'isNew && crowded > 0 ?',
    without: 'false ?',
    test: 'testing/both-modes'
  },
  {
    against: 'a task that was cancelled in its lane gets the slot of one that ended',
    file: 'store/redis/lua/settle.lua',
    shield: "if redis.call('ZREM', gated, id) == 1 then",
    without: "if redis.call('ZREM', gated, id) >= 0 then",
    test: 'store/queue-lanes'
  },
  {
    against: 'the clock of a process is set: delayed tasks start early or an hour late',
    file: 'store/redis/clock.js',
    shield: 'Math.round(this.#origin + now)',
    without: 'realTime()',
    test: 'faults/process-clock'
  },
  {
    against: 'Redis\' clock is set back: the starts of a rate count until it has caught up',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'if all[i] > now then is_set_back = true end',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'the same, and a lane is held until then',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'now >= tonumber(since)',
    without: 'true',
    test: 'store/queue-rates'
  },
  {
    against: 'the same, and nobody looks at a lane until then',
    file: 'store/redis/lua/lanes-due.lua',
    shield: "redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, ARGV[1] - #lanes)",
    without: '{}',
    test: 'store/queue-rates'
  },
  {
    against: 'the same, and no newer definition counts until then',
    file: 'store/redis/lua/declare-limit.lua',
    shield: ' and at <= now',
    without: '',
    test: 'store/queue-lanes'
  },
  {
    against: 'the same, and workers that died before are listed until then',
    file: 'store/redis/lua/heartbeat.lua',
    shield: "redis.call('ZRANGEBYSCORE', KEYS[1], later, '+inf', 'LIMIT', 0, 1000)",
    without: '{}',
    test: 'worker/heartbeat'
  },
  {
    against: 'the same, and a key of ms counts until then',
    file: 'store/redis/lua/add-unique.lua',
    shield: ' and task.till <= now + tonumber(rule.scope)',
    without: '',
    test: 'faults/redis-clock'
  },
  {
    against: 'a limit that was raised by far: more tasks than Lua can pass on at once, and no outcome is written',
    file: 'store/redis/lua/settle.lua',
    shield: 'local count, most = 0, math.min(free, 1000)',
    without: 'local count, most = 0, free',
    test: 'store/queue-lanes'
  },
  {
    against: 'a lane that its service holds admits tasks when one of it ends',
    file: 'store/redis/lua/settle.lua',
    shield: 'if has_closed and is_held_lane(gate.closed, lane, name) then free = 0 end',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'workers have nothing to do, although a key has more tasks than its share',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: ', math.ceil(capacity / 2) - queued',
    without: '',
    test: 'store/queue-shares'
  },
  {
    against: 'each key has the share of one that is alone: the first ones have all turns',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'redis.call(\'SADD\', gate.crowded, name)',
    without: '',
    test: 'store/queue-shares'
  },
  // Rates
  {
    against: 'a task that starts is forgotten at once: tasks start as quickly as they can',
    file: 'store/redis/lua/start.lua',
    shield: 'add_starts(starts, math.ceil(rate[1] / TIMES), count)',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'queued tasks have no token: without workers they pile up, and all start in one window',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'redis.call(\'SADD\', lane.tokens, unpack(ids))',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'the start of a task that ended before its worker told of it is not counted',
    file: 'store/redis/lua/settle.lua',
    shield: 'if #rates > 0 and change.ran then spend(lane, rates, change.ran) end',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'a start that is told twice counts twice',
    file: 'store/redis/lua/start.lua',
    shield: 'if not seen[page[i]] then count = count + has_token end',
    without: 'count = count + has_token',
    test: 'store/rates-program'
  },
  {
    against: 'a retry at once starts without a token',
    file: 'store/redis/lua/settle.lua',
    shield: 'or (repeats and not waits and change.has_rate)',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'a task of a dead worker starts again without a token',
    file: 'store/redis/lua/sweep.lua',
    shield: 'if laned[i] then',
    without: 'if false then',
    test: 'store/queue-rates'
  },
  {
    against: 'a lane with a rate goes on only at the look that comes every five seconds',
    file: 'store/redis/lua/queue-due.lua',
    shield: 'gated[#gated + 1], gated[#gated + 2] = \'\', lane',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'after RateLimited the other tasks of the key go on',
    file: 'store/redis/lua/settle.lua',
    shield: 'if is_closed then free = 0 end',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'a high rate fills Redis: each start is remembered',
    file: 'store/redis/lua/start.lua',
    shield: 'local TIMES, NO_LIMIT = 256,',
    without: 'local TIMES, NO_LIMIT = 1e9,',
    test: 'store/queue-rates'
  },
  {
    against: 'a shutdown gives back what has started: it starts again without a token',
    file: 'worker/settlement-batcher.js',
    shield: 'lane === undefined ? claim : { ...claim, lane }',
    without: 'lane === undefined ? claim : claim',
    test: 'limits/rate'
  },
  {
    against: 'a key whose limit a deploy lowered counts among those that share workers for ever',
    file: 'store/redis/lua/settle.lua',
    shield: "redis.call('SREM', gate.crowded, unpack(empty))",
    without: '',
    test: 'store/queue-shares'
  },
  {
    against: 'the same, of a key with a rate',
    file: 'store/redis/lua/settle.lua',
    shield: 'if not is_shared then mark_crowded(gate, name, 0) end',
    without: '',
    test: 'store/queue-shares'
  },
  {
    against: 'the start of a task that was given back does not count, if it was not told',
    file: 'store/redis/lua/release.lua',
    shield: 'change.ran = change.heads',
    without: '',
    test: 'store/queue-rates'
  },
  {
    against: 'in memory the clock never comes to the time of a rate',
    file: 'store/memory/queue.js',
    shield: 'this.lanes.onClockMoved(() => this.#queueDue())',
    without: 'this.#queueDue()',
    test: 'store/rates-program'
  },
  // The page of dev: it has no login
  {
    against: 'a site gives its name the address of this machine, and operates its tasks (DNS rebinding)',
    file: 'cli/dev-page.js',
    shield: '&& namesThisMachine(name)',
    without: '',
    test: 'cli/dev-page'
  },
  {
    against: 'an app with CORS for everybody lets a script of any site read the data of all tasks',
    file: 'cli/dev-page.js',
    shield: 'isHere && !isOfOtherSite(request)',
    without: 'isHere',
    test: 'cli/dev-page'
  },
  {
    against: 'a tunnel on this machine opens the page to others',
    file: 'cli/dev-page.js',
    shield: '&& !isForwarded(headers)',
    without: '',
    test: 'cli/dev-page'
  },
  {
    against: 'dev listens on all addresses: other machines see all data',
    file: 'cli/dev-page.js',
    shield: 'isLoopback(socket.remoteAddress ?? \'\') &&',
    without: '',
    test: 'cli/dev-page'
  },
  // Heads of large records, and pages that are bounded by bytes
  {
    against: 'another program has written a large record: its old head is shown',
    file: 'store/redis/heads.js',
    shield: 'bytes === size ?',
    without: 'true ?',
    test: 'tasks/large-records'
  },
  {
    against: 'the head of a task that is removed stays',
    file: 'tasks/found-task.js',
    shield: ' || raw.length > LARGE',
    without: '',
    test: 'tasks/large-records'
  },
  {
    against: 'the head of a task that removes itself at its end stays',
    file: 'store/redis/queue.js',
    shield: '(hasExtras || text.length > LARGE)',
    without: 'hasExtras',
    test: 'tasks/large-records'
  },
  {
    against: 'a plain Bee-Queue removes a record: its head stays for ever',
    file: 'store/redis/lua/prune.lua',
    shield: 'sweep(KEYS[14], ofHeads)',
    without: '\'0\'',
    test: 'tasks/large-records'
  },
  {
    against: 'large progress of running tasks makes a page as large as it likes',
    file: 'tasks/page-records.js',
    shield: 'sizes[i].record + sizes[i].progress',
    without: 'sizes[i].record',
    test: 'tasks/large-records'
  },
  {
    against: 'the same, of brief records',
    file: 'store/redis/heads.js',
    shield: ') + progress;',
    without: ');',
    test: 'tasks/large-records'
  },
  {
    against: 'a page of flows has all of their results, however large',
    file: 'flows/flow-list.js',
    shield: 'state === \'succeeded\' ?',
    without: 'false ?',
    test: 'tasks/large-records'
  },
  {
    against: 'a page of members that is cut shows the others as waiting',
    file: 'flows/member-list.js',
    shield: '!read.has(id)',
    without: 'false',
    test: 'tasks/large-records'
  },
  {
    against: 'a search counts tasks that a cut page did not read',
    file: 'dashboard/search.js',
    shield: 'lookedAt += page.lookedAt',
    without: 'lookedAt += limit',
    test: 'tasks/large-records'
  },
  {
    against: 'a page of ids trusts a place that is another task\'s by now',
    file: 'store/redis/pages.js',
    shield: 'ids?.shift() !== after.id',
    without: 'ids?.shift() === undefined',
    test: 'tasks/listing'
  },
  {
    against: 'a page of waiting tasks ends before those of low priority',
    file: 'store/redis/pages.js',
    shield: 'ids.length === limit || state !== \'waiting\'',
    without: 'true',
    test: 'tasks/search'
  },
  {
    against: 'a page of waiting tasks begins behind those of high priority',
    file: 'store/redis/pages.js',
    shield: 'high === 0 ?',
    without: 'true ?',
    test: 'limits/priority'
  },
  {
    against: 'a page that is full leaves out the tasks that were read with its last one',
    file: 'store/sieve.js',
    shield: 'if (this.isDone)',
    without: 'if (false)',
    test: 'tasks/search'
  },
  {
    against: 'large records that nobody said are large are read many at a time',
    file: 'store/redis/small-records.js',
    shield: 'FIRST_PART = 50',
    without: 'FIRST_PART = 500',
    test: 'tasks/search'
  },
  {
    against: 'a search that finds nothing reads a million tasks',
    file: 'tasks/list-search.js',
    shield: ' || spent >= budget',
    without: '',
    test: 'tasks/search'
  },
  {
    against: 'a search through large records reads as many as through small ones',
    file: 'tasks/list-search.js',
    shield: ', bytes / BYTES_COST',
    without: '',
    test: 'tasks/search'
  },
  {
    against: 'a search by a name looks at all other queues first',
    file: 'tasks/list-search.js',
    shield: 'all.filter(queue => likely.has(queue))',
    without: 'all.filter(queue => false)',
    test: 'tasks/search'
  },
  {
    against: 'words with a final sigma are not found in front of a line break',
    file: 'dashboard/search.js',
    shield: 'SIGMA.test(wanted) ? \'\' : ',
    without: '',
    test: 'tasks/search'
  },
  {
    against: 'options that are in the data are taken for those of the task',
    file: 'records/record-head.js',
    shield: 'if (isObject(',
    without: 'if (true || isObject(',
    test: 'records/record-head'
  },
  {
    against: 'data of a million parts hold the worker up, to make a head',
    file: 'records/record-head.js',
    shield: 'count < MAX_STEPS',
    without: 'true',
    test: 'records/record-head'
  },
  {
    against: 'brief records with large progress are read until memory is full',
    file: 'tasks/briefs.js',
    shield: ' && bytes < PAGE_BYTES',
    without: '',
    test: 'tasks/large-records'
  },
  // Tags: what outlives its task
  ...[['prune', 'ended'], ['purge', 'gone']].map(([script, ids]) => ({
    against: 'what is removed by its bare id stays in the index of tags',
    file: `store/redis/lua/${script}.lua`,
    shield: new RegExp(`forget\\(\\d+, ${ids}\\)`),
    without: '',
    test: 'tasks/tags'
  })),
  {
    against: 'a plain Bee-Queue removes a record: its entries in the index of tags stay for ever',
    file: 'store/redis/lua/prune.lua',
    shield: 'gone[#gone + 1] = page[2][i]',
    without: 'gone = {}',
    test: 'tasks/tags'
  },
  {
    against: 'a task with tags that removes itself at its end stays in the index',
    file: 'worker/settlement-batcher.js',
    shield: 'settlement.hasExtras = true',
    without: 'settlement.hasExtras = false',
    test: 'tasks/tags'
  },
  {
    against: 'a new task has the id of one that a plain Bee-Queue removed: the old tags are left',
    file: 'store/redis/lua/with-extras.lua',
    shield: 'forget(2, { id })',
    without: '',
    test: 'tasks/tags'
  },
  {
    against: 'the second of two enqueues with one id has its tags put on the first',
    file: 'store/redis/lua/with-extras.lua',
    shield: 'existed[id] = true',
    without: '',
    test: 'store/memory-queue'
  },
  {
    against: 'the counts of a task named constructor are lost, and written to an object of Node',
    file: 'metrics/history.js',
    shield: 'Object.create(null)',
    without: '{}',
    test: 'metrics/history'
  },
  {
    against: 'a part of a flow named constructor waits for what every object has by that name',
    file: 'own.js',
    shield: 'Object.hasOwn(values, key)',
    without: 'true',
    test: 'flows/shapes'
  },
  {
    against: 'the log of a task looks empty if a line is dropped while it is read',
    file: 'store/redis/logs.js',
    shield: 'parts.length === fields.length || tries === MAX_TRIES',
    without: 'true',
    test: 'store/queue-logs'
  },
  {
    against: 'a handler logs without a pause: its log grows without a bound in Redis',
    file: 'store/redis/lua/append-log.lua',
    shield: 'bytes > most',
    without: 'false',
    test: 'tasks/logs'
  },
  {
    against: 'the same in the process, and on the way to Redis',
    file: 'worker/kept-logs.js',
    shield: 'this.#bytes > this.#maxBytes',
    without: 'false',
    test: 'tasks/logs'
  },
  {
    against: 'the log of a task that is removed at its end stays in Redis',
    file: 'worker/settlement-batcher.js',
    shield: 'this.#mayHaveLog(task)',
    without: 'false',
    test: 'tasks/logs'
  },
  {
    against: 'a plain Bee-Queue worker holds a task that a filter by tag takes for a waiting one',
    file: 'tasks/many.js',
    shield: 'source === \'tagged\' && found.state === \'waiting\'',
    without: 'false',
    test: 'tasks/tags'
  },
  // Limits and rates of a task as a whole, beside others by key
  {
    against: 'all lanes of a task together are over its limit',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'math.min(quota or NO_LIMIT, (common.room()))',
    without: 'quota or NO_LIMIT',
    test: 'store/queue-common-lane'
  },
  {
    against: 'the last free place of a rate is taken: nobody looks when a start leaves its window',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'if left <= 0 and not opens then free_slots = nil end',
    without: '',
    test: 'store/queue-common-lane'
  },
  {
    against: 'who comes last overtakes the lanes that wait for the task as a whole',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'if not quota and others > 0 and',
    without: 'if false and',
    test: 'store/queue-common-lane'
  },
  {
    against: 'one lane has every turn, and the others none',
    file: 'store/redis/lua/admit.lua',
    shield: 'stand(name, had_turn)',
    without: 'stand(name, false)',
    test: 'store/queue-common-lane'
  },
  {
    against: 'a slot of all lanes is never free again',
    file: 'store/redis/lua/settle.lua',
    shield: 'if common then common.leave(ids) end',
    without: '',
    test: 'store/queue-common-lane'
  },
  {
    against: 'the same, of a task that is gone with its lane',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: '    common.leave(gone)',
    without: '',
    test: 'store/queue-common-lane'
  },
  {
    against: 'the start of such a task is forgotten: all lanes together are over the rate',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: '    common.spend(gone)',
    without: '',
    test: 'store/queue-common-lane'
  },
  {
    against: 'a timekeeper that dies before a turn: the lanes wait for ever',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: '    common.plan(KEYS[15])',
    without: '',
    test: 'store/queue-common-lane'
  },
  {
    against: 'tasks that run while a limit of all lanes is declared do not count',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: "call_many('SADD', common_at(ARGV[1], name, rules).slots, kept)",
    without: '',
    test: 'store/queue-common-lane'
  },
  {
    against: 'the lanes of queued tasks stay when their rates are gone',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'then forget_lanes(kept) end',
    without: 'then end',
    test: 'store/queue-common-lane'
  },
  {
    against: 'in memory who comes last overtakes the lanes that wait for the task as a whole',
    file: 'store/memory/common-lane.js',
    shield: 'if (quota === undefined && others > 0)',
    without: 'if (false)',
    test: 'store/rates-program'
  },
  // Limits: what is left of ends that nobody saw
  {
    against: 'a task waits for the slot that it has itself: its lane stands still for ever',
    file: 'store/redis/lua/retry.lua',
    shield: 'gone = { id }, ran = { id } }',
    without: '}',
    test: 'store/queue-lanes'
  },
  {
    against: 'the same, for an id of an own choice that is used again',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'local gone = ARGV[2] == \'1\' and ids or nil',
    without: 'local gone',
    test: 'store/queue-lanes'
  },
  {
    against: 'the same, by whatever way it came about: the sweep does not see it',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'ipairs({ 4, 5, 6, 7, 11 })',
    without: 'ipairs({ 4, 5, 6, 7 })',
    test: 'store/queue-lanes'
  },
  {
    against: 'an id that is twice in the list of its lane is queued twice',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'seen[ids[i]] = true',
    without: '',
    test: 'store/queue-lanes'
  },
  {
    against: 'a delayed task whose id was used before waits for the slot of another task',
    file: 'store/redis/lua/add.lua',
    shield: 'redis.call(\'HDEL\', KEYS[17], unpack(new))',
    without: '',
    test: 'store/queue-lanes'
  },
  {
    against: 'a slot of a limit is free while another worker is woken for it',
    file: 'worker/claimer.js',
    shield: 'if (settlements.mayAdmit)',
    without: 'if (false)',
    test: 'limits/limit'
  },
  {
    against: 'an outcome of a task with a limit waits for claims that fail',
    file: 'worker/claimer.js',
    shield: 'settlements.flush(); // an outcome does not wait for claims that fail',
    without: '',
    test: 'limits/limit'
  },
  {
    against: 'an error of a claim loses outcomes that were sent with it',
    file: 'store/redis/lua/settle-and-claim.lua',
    shield: 'local done, claimed = pcall(claim, ',
    without: 'local done, claimed = true, claim(',
    test: 'store/queue-lanes'
  },
  {
    against: 'a task that is replaced is found under the tags of its old data',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'index_tags(task.id, new, task.options)',
    without: '',
    test: 'limits/unique'
  },
  {
    against: 'the next run of a key is not found under its tags',
    file: 'store/redis/lua/settle.lua',
    shield: 'retag(keys.tags, keys.tagged, task.id, task.tags, tonumber(task.timestamp) or now)',
    without: '',
    test: 'limits/unique'
  },
  {
    against: 'many lanes hold up all other upkeep of a worker',
    file: 'store/redis/lanes.js',
    shield: 'swept < MAX_SWEPT',
    without: 'true',
    test: 'store/queue-lanes'
  },
  {
    against: 'a lane that another producer wrote breaks the settlement of all tasks of a worker',
    file: 'records/blocked-by.js',
    shield: 'typeof lane === \'string\' && ',
    without: '',
    test: 'records/task-record'
  },
  {
    against: 'tasks in order run side by side after a change of their limit',
    file: 'limits/set-limit.js',
    shield: 'options.limit?.ordered && ',
    without: 'false && ',
    test: 'limits/limit'
  },
  // Limits
  {
    against: 'a slot stays taken after its task has ended',
    file: 'store/redis/lua/settle.lua',
    shield: 'if #gone > 0 then redis.call(\'SREM\', lane.slots, unpack(gone)) end',
    without: '',
    test: 'store/queue-lanes'
  },
  {
    against: 'a task that ended unseen keeps its slot for ever',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'table.insert(is_kept and kept or gone, id)',
    without: '',
    test: 'store/queue-lanes'
  },
  {
    against: 'a delayed task starts without a slot',
    file: 'store/redis/lua/queue-due.lua',
    shield: 'if lanes[i] then',
    without: 'if false then',
    test: 'store/queue-lanes'
  },
  {
    against: 'a newcomer overtakes those that wait for a slot',
    file: 'store/redis/lua/add-gated.lua',
    shield: 'if size == looked_at and #admitted < free then',
    without: 'if #admitted < free then',
    test: 'store/queue-lanes'
  },
  {
    against: 'an ordered task lets others pass while it waits for its next attempt',
    file: 'worker/settlement-batcher.js',
    shield: 'settlement.keepsSlot = true',
    without: '',
    test: 'limits/limit'
  },
  {
    against: 'an old process overwrites the limit of a newer one',
    file: 'store/redis/lua/declare-limit.lua',
    shield: 'if at > tonumber(ARGV[3]) and at <= now then return 0 end',
    without: '',
    test: 'store/queue-lanes'
  },
  // Pauses
  {
    against: 'what is enqueued while a queue is paused is taken by plain Bee-Queue workers',
    file: 'store/redis/lua/add.lua',
    shield: 'redis.call(\'HEXISTS\', KEYS[5], \'\') == 1',
    without: 'false',
    test: 'store/queue-pause'
  },
  {
    against: 'an id on its way to an idle worker is claimed although its queue was paused',
    file: 'store/redis/lua/pause.lua',
    shield: 'for _, id in ipairs(ids) do enter_first(KEYS[2], id) end',
    without: '',
    test: 'store/queue-pause'
  },
  {
    against: 'a claim starts what a plain producer added to a paused queue',
    file: 'store/redis/lua/claim.lua',
    shield: 'is_paused = true',
    without: '',
    test: 'store/queue-pause'
  },
  {
    against: 'a task of a paused name is claimed',
    file: 'store/redis/lua/claim.lua',
    shield: 'elseif paused_names and is_name_paused(record) then',
    without: 'elseif false then',
    test: 'limits/pause'
  },
  {
    against: 'ids that came during a pause stay behind in a list that nobody reads',
    file: 'store/redis/lua/claim.lua',
    shield: 'else move_oldest(KEYS[19], KEYS[1], 1000) end',
    without: 'end',
    test: 'store/queue-pause'
  },
  {
    against: 'who waits for a result is not told of a pause',
    file: 'store/redis/lua/pause.lua',
    shield: "publish_to_watched(KEYS[5], ARGV[2], 'paused')",
    without: '',
    test: 'store/queue-pause'
  },
  {
    against: 'Bee-Queue does not know an ioredis client, and dials 127.0.0.1:6379',
    file: 'store/redis/bee-queue.js',
    shield: 'value: \'Redis\'',
    without: 'value: \'Adapter\'',
    test: 'store/bee-queue'
  },
  {
    against: 'a Bee-Queue that is built without Redis never becomes ready',
    file: 'store/redis/bee-queue.js',
    shield: 'ready = true',
    without: 'ready = false',
    test: 'faults/outage'
  },
  {
    against: 'after a restart every EVALSHA answers NOSCRIPT',
    file: 'store/redis/run-script.js',
    shield: /if \(!isMissingScript\(error\)\)(?=\s+throw error;\s+return client\.eval)/,
    without: 'if (error)',
    test: 'store/bee-queue'
  },
  {
    against: 'the same, for a record that is read as bytes',
    file: 'store/redis/run-script.js',
    shield: /if \(!isMissingScript\(error\)\)(?=\s+throw error;\s+return evalBuffer)/,
    without: 'if (error)',
    test: 'store/bee-queue'
  },
  {
    against: 'keyPrefix renames keys but not channels',
    file: 'options/redis-client.js',
    shield: 'if (!keyPrefix)',
    without: 'if (true)',
    test: 'options'
  },
  {
    against: 'a client that gives numbers as texts, or maps as objects',
    file: 'options/redis-client.js',
    shield: 'if (!rule.ok(options[option]))',
    without: 'if (false)',
    test: 'options'
  },
  {
    against: 'ioredis never settles a call whose connection broke (no resend, no maximum of retries)',
    file: 'store/redis/connection.js',
    shield: 'maxRetriesPerRequest: 0',
    without: 'maxRetriesPerRequest: null',
    test: 'faults/outage'
  },
  {
    against: 'ioredis runs a claim twice whose reply was lost',
    file: 'worker/claimer.js',
    shield: 'queue.claim(this.#stopped ? 0 : free, token, true)',
    without: 'queue.claim(this.#stopped ? 0 : free, token + Math.random(), false)',
    test: 'faults/outage'
  },
  {
    against: 'a task that was claimed by a wait stays active for ever, if a close cut the wait',
    file: 'worker/claimer.js',
    shield: '.catch(() => this.#cutOff(token))',
    without: '.catch(() => undefined)',
    test: 'worker/shutdown'
  },
  {
    against: 'a wait, and the claim behind it, outlive their connection',
    file: 'store/redis/lua/claim.lua',
    shield: 'if is_cancelled then return reply end',
    without: '',
    test: 'store/queue'
  },
  {
    against: 'finished jobs stay for ever',
    file: 'worker/maintenance.js',
    shield: 'await this.#options.upkeep.prune(PRUNE_LIMIT) > 0',
    without: 'false',
    test: 'tasks/status'
  },
  {
    against: 'records of tasks that a plain Bee-Queue finished stay for ever',
    file: 'store/redis/lua/expire-foreign.lua',
    shield: 'redis.call(\'ZADD\', KEYS[2], \'NX\', expiry, id)',
    without: '',
    test: 'store/interop'
  },
  {
    against: 'a killed worker\'s task stays active',
    file: 'store/redis/lua/sweep.lua',
    shield: 'if is_lost and not seen[id] then',
    without: 'if false then',
    test: 'worker/stalled'
  },
  {
    against: 'a task that kills its worker loops for ever',
    file: 'store/redis/lua/sweep.lua',
    shield: 'count > tonumber(ARGV[2])',
    without: 'false',
    test: 'worker/stalled'
  },
  {
    against: 'a claim whose worker has no lease stays for ever',
    file: 'store/redis/lua/sweep.lua',
    shield: 'local renewed = tonumber(redis.call(\'ZSCORE\', KEYS[3], worker) or -LIFE)',
    without: 'local renewed = tonumber(redis.call(\'ZSCORE\', KEYS[3], worker) or tick)',
    test: 'store/queue-sweep'
  },
  {
    against: 'a claim that its living worker forgot is held as long as that lives',
    file: 'store/redis/lua/sweep.lua',
    shield: ' or (floor and tonumber(number) < floor)',
    without: '',
    test: 'store/queue-sweep'
  },
  {
    against: 'one tick comes early, by a step of Redis\' clock: healthy workers lose their tasks',
    file: 'store/redis/lua/sweep.lua',
    shield: 'local LIFE, HIGHEST = 5, 1e15',
    without: 'local LIFE, HIGHEST = 1, 1e15',
    test: 'store/queue-sweep'
  },
  {
    against: 'Redis\' clock is set back: no dead worker is found for as long',
    file: 'store/redis/lua/sweep.lua',
    shield: 'if left == -1 or left > longest then redis.call(\'DEL\', key) end',
    without: '',
    test: 'store/queue-sweep'
  },
  {
    against: 'thousands of tasks are taken back in one call, and Redis is held up',
    file: 'store/redis/lua/sweep.lua',
    shield: '\'COUNT\', 150',
    without: '\'COUNT\', 1000000',
    test: 'store/queue-sweep'
  },
  {
    against: 'one id in two queues: the location of one task answers with the other',
    file: 'tasks/lookup.js',
    shield: 'hasUniqueId ? \'\' : ',
    without: 'true ? \'\' : ',
    test: 'tasks/identity'
  },
  {
    against: 'one id in two queues: a call with the id alone takes either task',
    file: 'tasks/only-one.js',
    shield: 'if (found.length > 1)',
    without: 'if (false)',
    test: 'tasks/identity'
  },
  {
    against: 'one id in two queues: 409 shows that there is a task which the caller may not see',
    file: 'tasks/lookup.js',
    shield: 'return this.#onlyVisible(request, id, error.found);',
    without: 'throw error;',
    test: 'tasks/identity'
  },
  {
    against: 'a handle means the next task with its id',
    file: 'tasks/handle.js',
    shield: 'return this.#identity.life === undefined || this.#identity.life === life;',
    without: 'return true;',
    test: 'tasks/identity'
  },
  {
    against: 'a worker that closed keeps its lease, and what it left waits for the lease to expire',
    file: 'worker/lease-renewer.js',
    shield: 'queue.upkeep?.endLease(worker)',
    without: 'Promise.resolve()',
    test: 'worker/stalled'
  },
  {
    against: 'a read of many tasks looks for each of them in a long list of active ones',
    file: 'store/redis/lua/read-tasks.lua',
    shield: 'math.min(#ARGV, math.max(1, math.floor(MAX_STEPS / held)))',
    without: '#ARGV',
    test: 'store/queue-reads'
  },
  {
    against: 'of many reads in one turn those behind 1 MiB of records never settle',
    file: 'tasks/task-reads.js',
    shield: 'tasks.length < reads.length',
    without: 'false',
    test: 'tasks/task-reads'
  },
  {
    against: 'an app that switched the context of requests off pays for it all the same',
    file: 'decorators.js',
    shield: 'decorated.registry.settings.requestContext',
    without: 'true',
    test: 'tasks/request-context'
  },
  {
    against: 'a reply that is there loses against a deadline, because something held the event loop',
    file: 'store/redis/deadline.js',
    shield: 'whenAllIsRead(open.read, () => open.hasSettled, open.pass)',
    without: 'open.pass()',
    test: 'store/deadline'
  },
  {
    against: 'the clock of a process is set, and its delays and expiries move with it',
    file: 'store/redis/clock.js',
    shield: 'return Math.round(this.#origin + now)',
    without: 'return Date.now()',
    test: 'store/connection'
  },
  {
    against: 'Redis\' clock is set, and new delays and expiries are off by as much until it is measured again',
    file: 'tasks/spans.js',
    shield: 'if (!moved)',
    without: 'if (true)',
    test: 'faults/redis-clock'
  },
  {
    against: 'the same for a flow',
    file: 'flows/app-flows.js',
    shield: 'planned = plan(); // the clock was set',
    without: ';',
    test: 'faults/redis-clock'
  },
  {
    against: 'an enqueueMany that broke off says nothing of what is stored, and repeating it makes tasks twice',
    file: 'tasks/enqueue.js',
    shield: 'tasks.length > 0 ? results.toError(error, tasks, items) : error',
    without: 'throw error',
    test: 'faults/outage'
  },
  {
    against: 'what a handler enters (AsyncLocalStorage) is seen by all later tasks',
    file: 'attempt/run-apart.js',
    shield: /return new AsyncResource.*/,
    without: 'return handler();',
    test: 'attempt/async-context'
  },
  {
    against: 'a worker dies before it settles a task that stalled too often: nobody finds the task for ten intervals',
    file: 'store/redis/lua/sweep.lua',
    shield: 'redis.call(\'ZADD\', KEYS[3], tick - LIFE, lost[3 * i])',
    without: '',
    test: 'store/queue-sweep'
  },
  {
    against: 'a plain Bee-Queue has a longer interval: its tasks are queued again while they run',
    file: 'store/redis/lua/sweep.lua',
    shield: 'take_block(KEYS[6], interval, 86400000)',
    without: 'take_block(KEYS[6], interval, interval)',
    test: 'store/queue-sweep'
  },
  {
    against: 'the ids of removed tasks start the next task with that id too early',
    file: 'store/redis/lua/claim.lua',
    shield: 'or claims[i] or due[i] or seen[id]',
    without: 'or claims[i] or seen[id]',
    test: 'store/lives'
  },
  {
    against: 'what was cancelled in a long queue counts as waiting',
    file: 'store/redis/lua/counts.lua',
    shield: ' - left)',
    without: ')',
    test: 'store/lives'
  },
  {
    against: 'what is left over from a removed task takes the next one with that id with it',
    file: 'store/redis/lua/add.lua',
    shield: 'leave(6, new)',
    without: '',
    test: 'store/lives'
  },
  {
    against: 'an expiry from before removes a later task with the same id',
    file: 'store/redis/lua/prune.lua',
    shield: 'return status == states[i] or status == \'\'',
    without: 'return true',
    test: 'store/lives'
  },
  {
    against: 'purge removes a task between two attempts',
    file: 'store/redis/lua/purge.lua',
    shield: 'elseif status == \'retrying\' and not retrying_too then',
    without: 'elseif false then',
    test: 'store/lives'
  },
  {
    against: 'a purge of a long queue takes the record of a cancelled task',
    file: 'store/redis/lua/purge.lua',
    shield: 'if not record or status == \'cancelled\' or',
    without: 'if not record or',
    test: 'store/lives'
  },
  {
    against: 'two runs of one task both count',
    file: 'store/redis/lua/settle.lua',
    shield: 'if not claim or claim ~= known or seen[id] then',
    without: 'claim = claim or id; if seen[id] then',
    test: 'worker/stalled'
  },
  {
    against: 'two stall intervals make tasks run twice',
    file: 'store/redis/lua/agree-stall-interval.lua',
    shield: 'if current and current ~= ARGV[1] and tonumber(current)',
    without: 'if false and tonumber(current)',
    test: 'worker/worker'
  },
  {
    against: 'a timed-out handler that goes on frees its slot',
    file: 'attempt/attempt.js',
    shield: 'this.#owner.onResult(this, result);',
    without: 'this.#owner.onResult(this, result); this.#owner.onReturned(this);',
    test: 'attempt/timeout'
  },
  {
    against: 'a task that the guard has given back starts here too',
    file: 'worker/claim-page.js',
    shield: 'Atomics.compareExchange(this.#words, STATE, before, state) === before',
    without: 'Atomics.store(this.#words, STATE, state) === state',
    test: 'worker/claim-page'
  },
  {
    against: 'the guard gives back a task that has started',
    file: 'worker/claim-page.js',
    shield: 'Atomics.compareExchange(this.#words, STATE, state, TAKEN) !== state',
    without: 'Atomics.store(this.#words, STATE, TAKEN) !== TAKEN',
    test: 'worker/claim-page'
  },
  {
    against: 'prefetched tasks wait for the end of one that computes',
    file: 'worker/guard-thread.js',
    shield: 'this.#takeAll();',
    without: ';',
    test: 'worker/prefetch-guard'
  },
  {
    against: 'a wait on its way takes a task to a worker that computes',
    file: 'worker/guard-thread.js',
    shield: 'found.push(...(await queue.cancelWait(token)).jobs)',
    without: 'void 0',
    test: 'worker/prefetch-guard'
  },
  {
    against: 'tasks are prefetched though no thread can give them back',
    file: 'worker/prefetch-guard.js',
    shield: 'upkeep === null || (claims !== null && claims.isAvailable)',
    without: 'true || claims || upkeep',
    test: 'worker/prefetch-guard'
  },
  {
    against: 'one slow task delays the prefetched tasks behind it',
    file: 'worker/prefetch.js',
    shield: 'this.#events.onOverdue();',
    without: '',
    test: 'worker/prefetch'
  },
  {
    against: 'a closing worker holds its prefetched tasks until the close has ended',
    file: 'worker/consumer.js',
    shield: /this\.#runner\.releaseUnstarted\(\)/g,
    without: 'undefined',
    test: 'worker/prefetch'
  },
  {
    against: 'a timeout does not abort the signal',
    file: 'attempt/attempt.js',
    shield: 'this.#controller?.abort(this.#reason)',
    without: 'undefined',
    test: 'attempt/timeout'
  },
  {
    against: 'setTimeout fires at once above 2 ** 31 - 1',
    file: 'options/rule-kinds.js',
    shield: 'MAX_TIMER = 2 ** 31 - 1',
    without: 'MAX_TIMER = 2 ** 40',
    test: 'options'
  },
  {
    against: 'exponential backoff has no cap',
    file: 'worker/backoff.js',
    shield: 'Math.min(wait, positive(options.max) ?? MAX_BACKOFF_MS, MAX_BACKOFF_MS)',
    without: 'wait',
    test: 'worker/backoff'
  },
  {
    against: 'a strategy that the worker does not know',
    file: 'worker/backoff.js',
    shield: '?? builtIn.exponential;',
    without: '?? builtIn.immediate;',
    test: 'worker/backoff'
  },
  {
    against: 'close loses tasks that do not finish in time',
    file: 'worker/consumer.js',
    shield: ', this.#runner.handBack()',
    without: '',
    test: 'worker/shutdown'
  },
  {
    against: 'released tasks come back in reverse order',
    file: 'worker/runner.js',
    shield: '(a, b) => a.order - b.order',
    without: '(a, b) => b.order - a.order',
    test: 'worker/shutdown'
  },
  {
    against: 'a handler that throws undefined counts as succeeded',
    file: 'attempt/attempt.js',
    shield: 'if (\'thrown\' in returned)',
    without: 'if (returned.thrown)',
    test: 'worker/worker'
  },
  {
    against: 'a result that JSON cannot carry',
    file: 'records/json.js',
    shield: 'throw toInvalid(toFailure(error).error.message)',
    without: 'return "null"',
    test: 'worker/worker'
  },
  {
    against: 'data of null, 0, "" and false becomes {}',
    file: 'records/task-data.js',
    shield: 'if (data === undefined)',
    without: 'if (!data)',
    test: 'tasks/enqueue'
  },
  {
    against: 'delayUntil in seconds',
    file: 'options/rules.js',
    shield: '&& timeOf(value) > 1e11',
    without: '',
    test: 'options'
  },
  {
    against: 'corrupt JSON cycles for ever',
    file: 'worker/runner.js',
    shield: 'if (task.unreadable)\n            return this.#setAside(task, task.unreadable);',
    without: 'if (task.unreadable) throw task.unreadable;',
    test: 'worker/stalled'
  },
  {
    against: 'a handler that computes in a thread does not see an abort',
    file: 'attempt/thread-attempt.js',
    shield: 'this.#started ? ABORT_GRACE_MS : 0',
    without: '1e8',
    test: 'attempt/thread-end'
  },
  {
    against: 'piscina forgets a thread that it ends before it is gone',
    file: 'attempt/thread-attempt.js',
    shield: 'await this.#threadGone',
    without: '',
    test: 'attempt/thread-end'
  },
  {
    against: 'a task waits for a thread for longer than its timeout',
    file: 'attempt/attempt.js',
    shield: 'if (this.#hooks || !this.definition.threadFile)',
    without: '',
    test: 'attempt/thread-end'
  },
  {
    against: 'piscina starts no thread for waiting tasks after one died',
    file: 'attempt/thread-pool.js',
    shield: 'if (this.#free > 0)',
    without: 'if (true)',
    test: 'attempt/thread'
  },
  {
    against: 'piscina leaves tasks waiting if no thread can start',
    file: 'attempt/thread-pool.js',
    shield: 'attempt.giveUp(lastError)',
    without: '0',
    test: 'attempt/thread-process'
  },
  {
    against: 'an uncaught error in an idle thread ends the process',
    file: 'attempt/thread-pool.js',
    shield: 'pool.on(\'error\'',
    without: 'pool.on(\'other\'',
    test: 'attempt/thread'
  },
  {
    against: 'two ports give no order: a result overtakes the last progress',
    file: 'attempt/thread-attempt.js',
    shield: /(this\.#onPoolError\(error\)\);\s+)this\.#receiveAll\(\);/,
    without: 'this.#onPoolError(error));',
    test: 'attempt/thread'
  },
  {
    against: 'a client or a producer fills each log line with a huge request id',
    file: 'records/task-record.js',
    shield: 'cleanOrigin(options);',
    without: '',
    test: 'tasks/request-context'
  },
  {
    against: 'all tasks of a worker that a route started carry the id of that request',
    file: 'tasks/request-context.js',
    shield: ' && current.getStore() === undefined',
    without: '',
    test: 'tasks/request-context'
  },
  {
    against: 'retry() takes tasks that have not failed',
    file: 'store/redis/lua/retry.lua',
    shield: 'if redis.call(\'SISMEMBER\', KEYS[10], id) == 0 then return \'refused\' end',
    without: '',
    test: 'store/queue-cancel'
  },
  {
    against: 'retryMany() queues again what Bee-Queue has removed',
    file: 'store/redis/lua/retry-many.lua',
    shield: 'failed[i] == 0 or ',
    without: '',
    test: 'store/queue-cancel'
  },
  {
    against: 'retryMany() of a task that has failed again since it was read, or has not failed',
    file: 'store/redis/lua/retry-many.lua',
    shield: 'untils[i] ~= ARGV[3 * i] or ',
    without: '',
    test: 'store/queue-cancel'
  },
  {
    against: 'retryMany() queues a task twice that is twice among its arguments',
    file: 'store/redis/lua/retry-many.lua',
    shield: ' or seen[id] then',
    without: ' then',
    test: 'store/queue-cancel'
  },
  {
    against: 'half of a character is sent, so a record is another afterwards',
    file: 'store/redis/common-start.js',
    shield: 'isHighSurrogate(before.charCodeAt(end - 1))',
    without: 'false',
    test: 'store/walk'
  },
  {
    against: 'a record that is no text is never what it is compared to',
    file: 'store/redis/small-records.js',
    shield: '!texts.some(',
    without: 'true || !texts.some(',
    test: 'store/walk'
  },
  {
    against: 'a page of tasks that ended at one time leaves some out, or has some twice',
    file: 'store/redis/sorted-pages.js',
    shield: ' || Buffer.compare(Buffer.from(other), last) < 0',
    without: '',
    test: 'store/walk'
  },
  {
    against: 'a page behind many tasks that ended at one time is cut, so the walk ends',
    file: 'store/redis/sorted-pages.js',
    shield: 'read.length - start >= limit || read.length < most',
    without: 'true',
    test: 'store/walk'
  },
  {
    against: 'a call about many tasks takes those with a limit past their limit, and tells no flow of its members',
    file: 'tasks/together.js',
    shield: 'options.lane === undefined && !options.flow',
    without: 'true',
    test: 'limits/limit'
  },
  {
    against: 'cancelMany() cancels a task that a plain Bee-Queue worker runs',
    file: 'store/redis/lua/cancel-many.lua',
    shield: 'if claims[i] or is_held[ids[i]] and not due[i] then',
    without: 'if claims[i] then',
    test: 'store/queue-cancel'
  },
  {
    against: 'the same, if such workers hold many',
    file: 'store/redis/lua/cancel-many.lua',
    shield: 'if not due[i] and held_count > MOST_HELD then return \'alone\' end',
    without: '',
    test: 'store/queue-cancel'
  },
  {
    against: 'cancelMany() of a task that has changed since it was read',
    file: 'store/redis/lua/cancel-many.lua',
    shield: 'if not is_as_read(records[i], sent) then return \'changed\' end',
    without: '',
    test: 'store/queue-cancel'
  },
  {
    against: 'cancelMany() counts a task twice that is twice among its arguments',
    file: 'store/redis/lua/cancel-many.lua',
    shield: 'seen[id] or reply_to(',
    without: 'reply_to(',
    test: 'store/queue-cancel'
  },
  {
    against: 'removeMany() removes a task that runs',
    file: 'store/redis/lua/remove-many.lua',
    shield: 'elseif claims[i] then',
    without: 'elseif false then',
    test: 'store/queue-cancel'
  },
  {
    against: 'removeMany() of a task that has changed since it was read',
    file: 'store/redis/lua/remove-many.lua',
    shield: 'elseif not is_as_read(records[i], ARGV[2 * i + 1]) then',
    without: 'elseif false then',
    test: 'store/queue-cancel'
  },
  {
    against: 'tags and logs of tasks that removeMany() has removed stay for ever',
    file: 'store/redis/many.js',
    shield: 'tasks.filter(({ hasExtras }) => hasExtras)',
    without: '[]',
    test: 'tasks/tags'
  },
  {
    against: 'the state of one schedule that another version has written fails every list, and all that is due',
    file: 'store/schedule-state.js',
    shield: 'Object.hasOwn(FIELDS, key) && FIELDS[key](value)',
    without: 'true',
    test: 'schedules/pages'
  },
  {
    against: 'data that look like a membership are taken for one',
    file: 'store/redis/lua/purge.lua',
    shield: 'string.sub(id, 1, #flow + 1) == flow .. \'.\' and member or nil',
    without: 'member',
    test: 'store/bytes'
  },
  {
    against: 'a cancelled task comes back by its retry',
    file: 'store/redis/lua/settle.lua',
    shield: 'elseif has_cancels and repeats and redis.call(\'SISMEMBER\', KEYS[7], id) == 1 then',
    without: 'elseif false then',
    test: 'tasks/cancel'
  },
  {
    against: 'the message that cancels is lost',
    file: 'worker/lease-renewer.js',
    shield: 'if (this.#isUnchecked || cancels)',
    without: 'if (this.#isUnchecked)',
    test: 'tasks/cancel'
  },
  {
    against: 'a finished task whose id is in waiting is run again',
    file: 'worker/runner.js',
    shield: 'if (isTerminal(task.stored.status))',
    without: 'if (false)',
    test: 'worker/stalled'
  },
  {
    against: 'an expired task is run',
    file: 'worker/runner.js',
    shield: 'if (isExpired(task.stored, now))',
    without: 'if (false)',
    test: 'tasks/enqueue'
  },
  {
    against: 'an enqueue that answered 503 is sent when Redis is back',
    file: 'store/redis/bounded-calls.js',
    shield: 'if (!await this.#untilReady(',
    without: 'if (false && !await this.#untilReady(',
    test: 'faults/outage'
  },
  {
    against: 'an id is enqueued twice',
    file: 'tasks/enqueue.js',
    shield: 'added || await this.#isOwn(task, start)',
    without: 'true',
    test: 'tasks/enqueue'
  },
  {
    against: 'a prototype in a record',
    file: 'records/task-record.js',
    shield: 'protoAction: \'remove\', constructorAction: \'remove\'',
    without: 'protoAction: \'ignore\', constructorAction: \'ignore\'',
    test: 'records/task-record'
  },
  {
    against: 'a prototype in the progress of a running task',
    file: 'records/progress.js',
    shield: 'sjson.parse(text, { protoAction: \'remove\', constructorAction: \'remove\' })',
    without: 'JSON.parse(text)',
    test: 'records/progress'
  },
  {
    against: 'Redis out of memory in the middle of a script',
    file: 'store/redis/lua/settle.lua',
    shield: 'if settled_count == 0 then redis.call(\'HSET\', KEYS[4], id, claim) end',
    without: '',
    test: 'store/queue-memory'
  },
  {
    against: 'zod\'s compilers refuse the JSON Schemas of our routes',
    file: 'routes/routes.js',
    shield: '...compilersOf(fastify),',
    without: '',
    test: 'plugins/zod'
  },
  {
    against: 'a transform runs at enqueue, and again in the worker',
    file: 'tasks/schemas.js',
    shield: 'toStore: place.data',
    without: 'toStore: hasValue ? outcome.value : place.data',
    test: 'plugins/zod'
  },
  {
    against: 'a scope without routes has no compiler with the app\'s ajv options',
    file: 'tasks/fastify-compilers.js',
    shield: 'controller.setupValidator(requireInherited(instance, \'fastify.options\'))',
    without: 'controller.setupValidator({ ajv: { customOptions: {} } })',
    test: 'plugins/ajv'
  },
  {
    against: 'a client disconnects before its stream is opened',
    file: 'routes/client-disconnect.js',
    shield: 'if (raw.destroyed || stream?.destroyed)',
    without: 'if (false)',
    test: 'routes/watching'
  },
  {
    against: '# is the whole document in OpenAPI',
    file: 'routes/openapi.js',
    shield: 'return bindReferences({ $id: id, ...json }, id)',
    without: 'return { $id: id, ...json }',
    test: 'plugins/swagger'
  },
  {
    against: 'memory mode: a wait for a retry begins later than its attempt ended',
    file: 'testing/virtual-clock.js',
    shield: 'await idle(); // the wait',
    without: '// the wait',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: tasks that become due during an advance run at its end',
    file: 'testing/virtual-clock.js',
    shield: 'due !== null && due <= end;',
    without: 'false;',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: a handler that never returns blocks a test for ever',
    file: 'testing/virtual-clock.js',
    shield: 'setTimeout(() => late.abort(',
    without: 'setTimeout(() => void (',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: a handler that asks again and again holds up the process for ever',
    file: 'store/memory/event-loop-turn.js',
    shield: 'await endOfTurn();',
    without: '',
    test: 'testing/virtual-clock',
    hangs: true
  },
  {
    against: 'memory mode: timers keep a process that has nothing to do',
    file: 'store/memory/queue.js',
    shield: 'get upkeep() { return null; }',
    without: 'get upkeep() { return { agreeStallInterval: async ms => ms, prune: async () => 0, ' +
      'recover: async () => ({ requeued: [], exhausted: [] }), expireForeign: async () => \'0\' }; }',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: a Date of the app\'s is in the past once the clock was moved',
    file: 'store/memory/store.js',
    shield: 'this.#now + time - appTime()',
    without: 'time',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: the queue answers differently from Redis',
    file: 'store/memory/queue.js',
    shield: 'if (repeats && this.#claims.isCancelling(id))',
    without: 'if (false)',
    test: 'store/memory-queue'
  },
  {
    against: 'the cluster subscriber of ioredis does not report that it missed messages',
    file: 'store/redis/connection.js',
    shield: 'return ours(report, made)',
    without: 'made.disconnect(); return duplicate(client, label)',
    test: 'store/cluster'
  },
  {
    against: 'a cluster client opens a connection to every node',
    file: 'store/redis/connection.js',
    shield: '{ ...options, lazyConnect: true }',
    without: 'options',
    test: 'store/cluster'
  },
  {
    against: 'a cluster client reports that all nodes failed, but not why',
    file: 'store/redis/connection.js',
    shield: 'error.lastNodeError ?? error',
    without: 'error',
    test: 'store/cluster'
  },
  {
    against: 'a cluster client runs a claim twice whose reply was lost',
    file: 'store/redis/connection.js',
    shield: 'retryDelayOnFailover: 0',
    without: 'retryDelayOnFailover: 100',
    test: 'faults/cluster-failover'
  },
  {
    against: 'a cluster client gives up with an error of its own',
    file: 'store/redis/bounded-calls.js',
    shield: 'return !String(error.code)',
    without: 'return error.name === \'ReplyError\' && !String(error.code)',
    test: 'faults/cluster-failover'
  },
  {
    against: 'one master is unavailable: the status of every task waits for it',
    file: 'tasks/only-one.js',
    shield: 'Promise.any(unique)',
    without: 'Promise.reject(new Error())',
    test: 'faults/cluster-failover'
  },
  {
    against: 'a claimed task starts though its lease has expired',
    file: 'worker/consumer.js',
    shield: 'if (this.#prefetched.length > 0 && this.#upkeep.inDoubt)',
    without: 'if (false)',
    test: 'worker/stopped'
  },
  {
    against: 'a worker whose prefetched tasks were all lost claims no more',
    file: 'worker/consumer.js',
    shield: 'confirmThen(() => this.#onSlotFree())',
    without: 'confirmThen(() => this.#fillSlots())',
    test: 'worker/stopped'
  },
  {
    against: 'a second renewal ends the doubt before the store has said which claims are left',
    file: 'worker/lease-renewer.js',
    shield: 'const doubt = this.#doubts',
    without: 'const doubt = this.#checked = this.#doubts',
    test: 'worker/lease-renewer'
  },
  {
    against: 'tasks of a reply that was on its way while the claims were checked start though they were taken back',
    file: 'worker/lease-renewer.js',
    shield: '|| askedAt <= this.#doubtAt',
    without: '',
    test: 'worker/lease-renewer'
  },
  {
    against: 'a master that takes over has no scripts',
    file: 'store/redis/run-script.js',
    shield: /if \(!isMissingScript\(error\)\)/g,
    without: 'if (error)',
    test: 'faults/failover'
  },
  {
    against: 'a schedule that cannot be read makes its workers spin',
    file: 'worker/timekeeper.js',
    shield: 'moved > 0 || tick !== this.#lastTick',
    without: 'true',
    test: 'schedules/workers'
  },
  // Calls are bounded by bytes
  {
    against: 'one claim of many large records holds up Redis',
    file: 'store/redis/lua/claim.lua',
    shield: 'first > 1 and bytes < 524288',
    without: 'first > 1',
    test: 'store/bytes'
  },
  {
    against: 'a purge of many large records holds up Redis',
    file: 'store/redis/lua/purge.lua',
    shield: 'if bytes > 524288 then return false end',
    without: '',
    test: 'store/bytes'
  },
  {
    against: 'large results that end together are one call that is too large to be sent',
    file: 'store/batches.js',
    shield: ' && (end === start || size + sizeOf(items[end]) <= maxSize)',
    without: '',
    test: 'store/bytes'
  },
  {
    against: 'a worker whose reply was lost reads the claims of all workers, or loses its tasks',
    file: 'store/redis/lua/claim.lua',
    shield: 'last.token == token then return last.ids',
    without: 'false then return last.ids',
    test: 'store/queue-claim'
  },
  // One task wakes one worker
  {
    against: 'the id that a killed worker had moved waits for ever',
    file: 'store/redis/lua/claim.lua',
    shield: 'if not nothing_rare then take_back(',
    without: 'if false then take_back(',
    test: 'store/queue-due'
  },
  {
    against: 'one task wakes all workers',
    file: 'store/redis/queue.js',
    shield: 'blmove(waiting, handoff, \'RIGHT\', \'LEFT\', seconds)',
    without: 'blmove(waiting, waiting, \'RIGHT\', \'RIGHT\', seconds)',
    test: 'store/queue-due'
  },
  {
    against: 'a busy worker takes more from handoff than it may',
    file: 'store/redis/lua/claim.lua',
    shield: 'free - redis.call(\'LLEN\', KEYS[1])',
    without: '99',
    test: 'store/queue-due'
  },
  {
    against: 'seats of killed timekeepers stay taken',
    file: 'store/redis/lua/queue-due.lua',
    shield: 'redis.call(\'ZCOUNT\', KEYS[1], now, now + LIFE)',
    without: 'redis.call(\'ZCOUNT\', KEYS[1], \'-inf\', now + LIFE)',
    test: 'store/queue-due'
  },
  {
    against: 'seats stay taken after the clock of Redis was set back',
    file: 'store/redis/lua/queue-due.lua',
    shield: 'redis.call(\'ZCOUNT\', KEYS[1], now, now + LIFE)',
    without: 'redis.call(\'ZCOUNT\', KEYS[1], now, \'+inf\')',
    test: 'store/queue-due'
  },
  {
    against: 'a published due time that is centuries away makes a timer overflow: the timekeeper never pauses',
    file: 'worker/timekeeper.js',
    shield: 'Math.min(LOOK_MS, given)',
    without: 'given',
    test: 'worker/timekeeper'
  },
  {
    against: 'a task that is published while a timekeeper subscribes is late',
    file: 'worker/timekeeper.js',
    shield: 'this.#lookAgain = true; // for',
    without: '; // for',
    test: 'worker/timekeeper'
  },
  {
    against: 'a claim hides that the lease had expired: lost tasks go on, and start',
    file: 'worker/consumer.js',
    shield: 'this.#upkeep.onReply(reply)',
    without: 'null',
    test: 'worker/stalled'
  },
  {
    against: 'the report of a killed worker stays for ever',
    file: 'store/redis/lua/heartbeat.lua',
    shield: 'redis.call(\'ZRANGEBYSCORE\', KEYS[1], \'-inf\', now, \'LIMIT\', 0, 1000)',
    without: '{}',
    test: 'worker/heartbeat'
  },
  {
    against: 'the report of the last worker stays for ever',
    file: 'store/redis/lua/heartbeat.lua',
    shield: 'redis.call(\'PEXPIRE\', KEYS[2], ARGV[3])',
    without: '',
    test: 'worker/heartbeat'
  },
  {
    against: 'a killed worker is listed',
    file: 'store/redis/measure.js',
    shield: 'Number(flat[i + 1]) > now',
    without: 'true',
    test: 'worker/heartbeat'
  },
  {
    against: 'a worker that closed is listed',
    file: 'worker/heartbeat.js',
    shield: 'queue.heartbeat(id, \'\', LIFETIME_MS)',
    without: 'queue.heartbeat(id, \'{}\', LIFETIME_MS)',
    test: 'worker/heartbeat'
  },
  {
    against: 'garbage in the report of a worker',
    file: 'records/worker-info.js',
    shield: 'Number.isFinite(value) && value >= 0 ? value : 0',
    without: 'true ? value : 0',
    test: 'worker/heartbeat'
  },
  {
    against: 'a list of large records reads all of them at once',
    file: 'tasks/page-records.js',
    shield: ' && bytes < PAGE_BYTES',
    without: '',
    test: 'tasks/listing'
  },
  {
    against: 'a page of more than 1,000 active tasks that is cut goes on somewhere else',
    file: 'tasks/list-pages.js',
    shield: 'place: places[i]',
    without: 'place: places.at(-1) - (ids.length - 1 - i)',
    test: 'tasks/listing'
  },
  {
    against: 'a page of active tasks leaves some out, as others have come or ended since the page before',
    file: 'store/redis/lua/page-active.lua',
    shield: "'COUNT', 1)",
    without: "'COUNT', 200)",
    test: 'tasks/listing'
  },
  {
    against: 'the same, for what is done with all active tasks',
    file: 'store/redis/lua/walk-active.lua',
    shield: "'COUNT', 1)",
    without: "'COUNT', 200)",
    test: 'tasks/listing'
  },
  {
    against: 'a page that lost its place',
    file: 'store/redis/lua/page.lua',
    shield: 'return at and redis.call',
    without: 'return false and redis.call',
    test: 'tasks/listing'
  },
  {
    against: 'a page that trusts an old place',
    file: 'store/redis/lua/page.lua',
    shield: 'if redis.call(\'LINDEX\', key, -1 - position) == after then',
    without: 'if true then',
    test: 'tasks/listing'
  },
  {
    against: 'a terminal executes the text of a task',
    file: 'cli/text.js',
    shield: 'char === \'\\t\' ? \'  \' : escape(char)',
    without: 'char',
    test: 'cli/list'
  },
  {
    against: 'output that cannot be written ends a process with a stack',
    file: 'cli/exit.js',
    shield: 'process.exit(EXIT.failed);',
    without: 'throw error;',
    test: 'cli/list'
  },
  {
    against: 'EPIPE ends a process with a stack',
    file: 'cli/exit.js',
    shield: 'if (isReaderGone)',
    without: 'if (false)',
    test: 'cli/list'
  },
  {
    against: 'the exit code of inspect --check is 0 if nobody reads what it found',
    file: 'cli/exit.js',
    shield: 'if (isReaderGone)',
    without: 'if (isReaderGone) process.exit(EXIT.done); if (false)',
    test: 'cli/monitor'
  },
  {
    against: 'an empty NO_COLOR, which sets nothing, turns colours off',
    file: 'cli/env.js',
    shield: "process.env.NO_COLOR === ''",
    without: 'false',
    test: 'cli/list'
  },
  {
    against: 'a purge without confirmation',
    file: 'cli/commands/purge.js',
    shield: /if \(!yes && !await confirmed\(.+\)\)/,
    without: 'if (false)',
    test: 'cli/purge'
  },
  {
    against: 'a command starts the app\'s embedded worker',
    file: 'boot/boot-app.js',
    shield: 'registry.standalone = true',
    without: '',
    test: 'cli/connect'
  },
  {
    against: 'a change kills running tasks',
    file: 'cli/supervisor.js',
    shield: 'this.#stop(\'SIGTERM\')',
    without: 'this.#stop(\'SIGKILL\')',
    test: 'cli/watch'
  },
  {
    against: 'the worker outlives the process that watches it',
    file: 'cli/app-process.js',
    shield: 'if (exitWithParent)\n',
    without: 'if (false)\n',
    test: 'cli/watch'
  },
  {
    against: 'a worker that does not stop blocks the restart',
    file: 'cli/supervisor.js',
    shield: 'this.#child?.kill(\'SIGKILL\')',
    without: '',
    test: 'cli/watch'
  },
  {
    against: 'a change in node_modules or in a dotfile restarts the worker',
    file: 'cli/file-watcher.js',
    shield: 'ignored: file => isIgnored(file, paths)',
    without: '',
    test: 'cli/watch'
  },
  {
    against: 'a private Redis is started although one is named',
    file: 'plugin.js',
    shield: 'isClient(decorated) || process.env.REDIS_URL ? undefined',
    without: 'false ? undefined',
    test: 'cli/dev'
  },
  {
    against: 'a failed write is an uncaught error, and the message about it is another failed write',
    file: 'cli/output.js',
    shield: 'stream.on(\'error\', () => { })',
    without: 'void stream',
    test: 'cli/worker'
  },
  {
    against: 'ioredis emits close when the app closes its connection: that is no outage',
    file: 'store/redis/greeting.js',
    shield: '.off(\'close\', this.#onLost)',
    without: '',
    test: 'store/greeting'
  },
  {
    against: 'dev in production',
    file: 'cli/commands/dev.js',
    shield: 'process.env.NODE_ENV === \'production\'',
    without: 'false',
    test: 'cli/dev'
  },
  {
    against: 'a master that hangs: an enqueue goes to it for ever',
    file: 'store/redis/connection.js',
    shield: 'retryStrategy, reconnectOnError, socketTimeout,',
    without: 'retryStrategy, reconnectOnError,',
    test: 'faults/hang'
  },
  {
    against: 'the same in a cluster',
    file: 'store/redis/connection.js',
    shield: '{ socketTimeout, ...redisOptions }',
    without: '{ ...redisOptions }',
    test: 'faults/hang'
  },
  {
    against: 'the same for a connection that listens',
    file: 'store/redis/subscriber.js',
    shield: 'client.ping()',
    without: 'Promise.resolve()',
    test: 'faults/hang'
  },
  {
    against: 'a process that does not define a task shows it, and cancels it, for everyone',
    file: 'tasks/visibility.js',
    shield: 'if (!definition)',
    without: 'if (false)',
    test: 'routes/visibility'
  },
  {
    against: 'authorize throws: its message and its status reach the client',
    file: 'tasks/visibility.js',
    shield: 'request.log.error(fields,',
    without: 'throw error; request.log.error(fields,',
    test: 'routes/visibility'
  },
  {
    against: 'whatever authorize returns, but for nothing, shows the task',
    file: 'tasks/visibility.js',
    shield: 'if (answer === true)',
    without: 'if (answer)',
    test: 'routes/visibility'
  },
  {
    against: 'authorize does not know whose data the task has',
    file: 'tasks/visibility.js',
    shield: 'data: found.stored.data.data',
    without: '',
    test: 'routes/visibility'
  },
  {
    against: 'the log of a later task with the same id is shown to who may see the earlier one',
    file: 'routes/logs.js',
    shield: 'if (now?.life !== found.life)',
    without: 'if (false)',
    test: 'routes/visibility'
  },
  {
    against: 'a stream goes on after the right was withdrawn',
    file: 'routes/events.js',
    shield: '(await registry.checkVisible(request, request.params.id, found))',
    without: 'found',
    test: 'routes/visibility'
  },
  {
    against: 'a long poll is answered after the right was withdrawn',
    file: 'routes/status.js',
    shield: 'await registry.checkVisible(request, request.params.id, own)',
    without: 'changed',
    test: 'routes/visibility'
  },
  {
    against: 'DELETE cancels a task of somebody else',
    file: 'routes/cancel.js',
    shield: /registry\.(findVisible|checkVisible)\(request, id, (queueOf\(request\)|found)\)/g,
    without: 'registry.find(id)',
    test: 'routes/visibility'
  },
  {
    against: 'reply.accepted sends the record of somebody else who has the same id',
    file: 'tasks/handle.js',
    shield: 'await this.#source.findVisible(request, this.id, this.queue)',
    without: 'await this.#source.find(this.id, this.queue)',
    test: 'routes/visibility'
  },
  {
    against: 'the parser quotes a record that it cannot read',
    file: 'records/task-record.js',
    shield: 'throw new errors.RecordInvalid(\'it is not JSON\')',
    without: 'JSON.parse(text)',
    test: 'routes/visibility'
  },
  {
    against: 'a proxy makes an ETag weak or adds the coding, and each long poll is answered at once',
    file: 'routes/status.js',
    shield: 'isInIfNoneMatch(header, etagOf(record))',
    without: 'header === etagOf(record)',
    test: 'routes/etag'
  },
  {
    against: 'a thrown object carries the headers of a request into its message',
    file: 'records/failure.js',
    shield: /`\$\{describeKind\(thrown\)\}, and not an Error`/,
    without: 'inspect(thrown, { depth: 2 })',
    test: 'records/failure'
  },
  {
    against: 'a client of a retrying task asks once a second until its wait is over',
    file: 'records/task-record.js',
    shield: 'state === \'delayed\' || state === \'retrying\'',
    without: 'state === \'delayed\'',
    test: 'routes/routes'
  },
  {
    against: 'a 503 tells clients the words of Redis and hashes of scripts',
    file: 'store/redis/bounded-calls.js',
    shield: 'new errors.RedisUnavailable({ cause: new Error(details) })',
    without: 'Object.assign(new errors.RedisUnavailable(), { message: details })',
    test: 'faults/outage'
  },
  {
    against: 'a cursor lists a queue that the caller did not name',
    file: 'tasks/list-pages.js',
    shield: '!places.includes(from)',
    without: 'false',
    test: 'tasks/listing'
  },
  {
    against: 'a cursor of one list goes on in another',
    file: 'tasks/list-pages.js',
    shield: '!isOwn ||',
    without: '',
    test: 'tasks/listing'
  },
  {
    against: 'an id that is taken tells clients the name of another task',
    file: 'tasks/enqueue.js',
    shield: 'new errors.TaskIdTaken(id, name, { cause: owner })',
    without: 'new errors.TaskIdTaken(id, owner.message)',
    test: 'tasks/enqueue'
  },
  {
    against: 'a mistyped REDIS_URL has its password in the host, the port or the path, which are shown',
    file: 'store/redis/connection.js',
    shield: 'checkRedisUrl(\'REDIS_URL\', process.env.REDIS_URL)',
    without: 'process.env.REDIS_URL',
    test: 'options'
  },
  {
    against: 'the refusal of a mistyped URL prints its password',
    file: 'options/to-error.js',
    shield: 'describePlace(value, describeKind)',
    without: 'describeValue(value)',
    test: 'options'
  },
  {
    against: 'a URL as the host of a client is shown with its password',
    file: 'store/redis/connection.js',
    shield: '\'(not a host name)\'',
    without: 'host',
    test: 'store/connection'
  },
  {
    against: 'an error quotes a URL with its password into the log',
    file: 'records/failure.js',
    shield: 'new Error(hideCredentials(message))',
    without: 'new Error(message)',
    test: 'records/failure'
  },
  {
    against: 'a task writes escape sequences to the terminal through pretty logs',
    file: 'cli/pretty.js',
    shield: 'pretty.write(cleanLine(line))',
    without: 'pretty.write(line)',
    test: 'cli/units'
  },
  {
    against: 'a character that nobody sees turns or hides text on a terminal',
    file: 'cli/text.js',
    shield: '\\p{Cf}',
    without: '',
    test: 'cli/units'
  },
  {
    against: 'a message that no caller has filtered reaches the terminal',
    file: 'cli/output.js',
    shield: /\$\{cleanMessage\(text\)\}/,
    without: '$' + '{text}',
    test: 'cli/units'
  },
  {
    against: 'a cell of a table that no caller has filtered reaches the terminal',
    file: 'cli/output.js',
    shield: ': cleanText(cell)',
    without: ': cell',
    test: 'cli/units'
  },
  {
    against: 'a mistyped flag is quoted with the password of its URL',
    file: 'cli/main.js',
    shield: 'printErr(text.replace(/\\n$/, \'\'))',
    without: 'process.stderr.write(text)',
    test: 'cli/wrong-use'
  },
  {
    against: 'dev runs a redis-server that another user has planted',
    file: 'dev/redis-binary.js',
    shield: ' && isSafe(path)',
    without: '',
    test: 'dev/private-folder'
  },
  {
    against: 'another user exchanges the folder of a private Redis',
    file: 'dev/private-folder.js',
    shield: 'checkPrivate(folder);\n    return folder',
    without: 'return folder',
    test: 'dev/private-folder'
  },
  {
    against: 'onClose hooks close what running tasks use',
    file: 'boot/drain-before-close.js',
    shield: 'fastify.addHook(\'preClose\'',
    without: 'fastify.addHook(\'onClose\'',
    test: 'worker/close'
  },
  {
    against: 'Fastify cuts a preClose hook off after pluginTimeout, and runs onClose hooks while tasks run',
    file: 'boot/drain-before-close.js',
    shield: 'runBeforeOnClose(fastify, () => drained)',
    without: 'void drained',
    test: 'worker/close'
  },
  {
    against: 'one instance of the plugin goes on to claim while another one drains',
    file: 'boot/drain-before-close.js',
    shield: '...instances.map(instance => instance.drain())',
    without: '',
    test: 'worker/close'
  },
  {
    against: 'a wait for a task of another process holds up the close',
    file: 'plugin.js',
    shield: 'await registry.endWaits()',
    without: '',
    test: 'worker/close'
  },
  {
    against: 'a wait whose task is not read yet is not ended by the close: its reply keeps a socket, and the close',
    file: 'tasks/lookup.js',
    shield: 'ended && within(ms, ended)',
    without: '',
    test: 'worker/close'
  },
  {
    against: 'a worker that is started after the close opens connections that nobody closes',
    file: 'worker.js',
    shield: 'if (this.#closed)',
    without: 'if (false)',
    test: 'worker/close'
  },
  {
    against: 'a call on a connection that is dialling is never settled: a worker\'s',
    file: 'worker/persistent-call.js',
    shield: 'for (const giveUp of [...this.#inFlight])',
    without: 'for (const giveUp of [])',
    test: 'worker/persistent-call'
  },
  {
    against: 'the same for the start of a worker',
    file: 'worker.js',
    shield: 'signal.addEventListener(\'abort\', onClose)',
    without: '',
    test: 'worker/close-handles'
  },
  {
    against: 'the same for a caller\'s calls',
    file: 'store/redis/bounded-calls.js',
    shield: 'this.#deadlines.passAll()',
    without: 'undefined',
    test: 'worker/close-handles'
  },
  {
    against: 'ioredis waits 2 s for a server that never closes its side',
    file: 'store/redis/connection.js',
    shield: 'stream?.destroy()',
    without: 'undefined',
    test: 'worker/close-handles'
  },
  {
    against: 'ioredis sets a timer of 2 s for a stream that is closed, and never clears it',
    file: 'store/redis/connection.js',
    shield: 'connector.stream = null',
    without: 'connector.stream = current',
    test: 'worker/close-handles'
  },
  {
    against: 'an idle worker waits closeTimeout for a claim that Redis never answers',
    file: 'worker/last-claims.js',
    shield: 'if (await within(LOST_MS, claims))',
    without: 'if (await claims || true)',
    test: 'worker/close-handles'
  },
  {
    against: 'an app does not start while Redis refuses the writes of its worker\'s start',
    file: 'plugin.js',
    shield: 'await within(connectTimeout, Promise.race([started, heldUp]))',
    without: 'await started',
    test: 'faults/refusals'
  },
  {
    against: 'a Redis that refuses only writes fills the log with failures and recoveries',
    file: 'worker/persistent-call.js',
    shield: 'if (!this.#failing.delete(call) || this.#failing.size > 0)',
    without: 'this.#failing.clear(); if (false)',
    test: 'worker/persistent-call'
  },
  {
    against: 'each refused call of a replica makes a connection',
    file: 'store/redis/connection.js',
    shield: 'if (age < pause)',
    without: 'if (false)',
    test: 'faults/refusals'
  },
  {
    against: 'a queue whose waiting connection is refused is never worked on',
    file: 'worker/claimer.js',
    shield: 'reply?.jobs.length === 0 && !this.#stopped ? null : reply',
    without: 'reply',
    test: 'faults/refusals'
  },
  {
    against: 'ioredis loses what a server says before it closes a connection',
    file: 'store/redis/server-greeting.js',
    shield: 'words.startsWith(\'-\')',
    without: 'false',
    test: 'faults/refusals'
  },
  {
    against: 'ioredis asks a server that is loading again and again without an error',
    file: 'store/redis/connection.js',
    shield: '/^loading:1/m.test(info)',
    without: 'false',
    test: 'faults/refusals'
  },
  {
    against: 'a handler that ignores its timeout holds its slot unseen',
    file: 'worker/runner.js',
    shield: 'this.#overdue.add(attempt)',
    without: '',
    test: 'worker/heartbeat'
  },
  {
    against: 'ioredis fails at a database that is no number later, and ends the process',
    file: 'store/redis/connection.js',
    shield: 'checkRedisAddress(address, source)',
    without: '',
    test: 'register'
  },
  {
    against: 'a worker of more than 10 queues warns of a leak',
    file: 'store/redis/connection.js',
    shield: 'client.setMaxListeners(0)',
    without: '',
    test: 'project/listeners'
  },
  {
    against: 'each registration adds listeners to the app\'s client',
    file: 'store/redis/client-events.js',
    shield: 'if (!known) {',
    without: 'if (true) {',
    test: 'project/listeners'
  },
  {
    against: 'more than 10 listeners of task.signal warn of a leak',
    file: 'attempt/attempt.js',
    shield: 'setMaxListeners(0, ',
    without: 'setMaxListeners(10, ',
    test: 'project/listeners'
  },
  {
    against: 'the same in a thread',
    file: 'attempt/thread-link.js',
    shield: 'setMaxListeners(0, ',
    without: 'setMaxListeners(10, ',
    test: 'project/listeners'
  },
  {
    against: 'a user of Redis without channels loses every message unseen',
    file: 'store/redis/greeting.js',
    shield: 'await this.#checkRights()',
    without: '',
    test: 'store/acl'
  },
  {
    against: 'a subscription that is refused is not noticed',
    file: 'store/redis/store.js',
    shield: 'this.#log.report(\'subscriber\', error, client)',
    without: 'undefined',
    test: 'store/acl'
  },
  // Schedules
  {
    against: 'two processes fire the same tick: each expects the mark that it has read',
    file: 'store/redis/lua/tick.lua',
    shield: "if not state.next or next_of(state) ~= ARGV[4] then return 'taken' end",
    without: '',
    test: 'store/schedules'
  },
  {
    against: 'a caller that read the definition before a change fires a tick of it',
    file: 'store/redis/lua/tick.lua',
    shield: "if string.format('%.0f', state.generation) ~= ARGV[2] and mode == 'tick' then return 'taken' end",
    without: '',
    test: 'store/schedules'
  },
  {
    against: 'a tick starts its task beside the one of the tick before',
    file: 'store/redis/lua/tick.lua',
    shield: "if ARGV[12] == 'allow' or not is_running(state.task) then",
    without: 'if true then',
    test: 'store/schedules'
  },
  {
    against: 'a schedule whose code was removed fires for ever',
    file: 'store/redis/lua/tick.lua',
    shield: 'if state.declared and now - state.seen > state.grace then',
    without: 'if false then',
    test: 'store/schedules'
  },
  {
    against: 'an old version that is alive in a rolling deploy speaks for the new one',
    file: 'store/redis/lua/change-schedule.lua',
    shield: "if state.hash ~= ARGV[3] or not state.declared or state.orphan then return '' end",
    without: '',
    test: 'store/schedules'
  },
  {
    against: 'a start that changes nothing plans the next tick again',
    file: 'store/redis/lua/set-schedule.lua',
    shield: 'if not plans then',
    without: 'if false then',
    test: 'store/schedules'
  },
  {
    against: 'two versions move a schedule at the same time: it fires in both queues',
    file: 'store/redis/lua/set-schedule.lua',
    shield: "if before and before.epoch > epoch then return 'superseded' end",
    without: '',
    test: 'store/schedules'
  },
  {
    against: 'a schedule that is moved to another queue loses a tick that was due',
    file: 'schedules/schedule-store.js',
    shield: 'if (stays)',
    without: 'if (false)',
    test: 'schedules/workers'
  },
  {
    against: 'right after a move to another queue a task starts beside the one of the last tick',
    file: 'store/redis/lua/tick.lua',
    shield: "if state.taskQueue then return ARGV[15] == '1' end",
    without: '',
    test: 'store/schedules'
  },
  {
    against: 'ticks that have passed at a change are counted nowhere',
    file: 'schedules/stored-spec.js',
    shield: 'count: before + 1',
    without: 'count: 1',
    test: 'schedules/workers'
  },
  {
    against: 'a tick fires between the read of a schedule and its change: it is counted twice',
    file: 'store/redis/lua/set-schedule.lua',
    shield: /if not miss_left\(state, expected, .*\) then return 'passed' end/,
    without: 'miss(state, ARGV[15], ARGV[16])',
    test: 'store/schedules'
  },
  {
    against: 'memory mode counts ticks otherwise than Redis: a held tick that a pause drops is skipped',
    file: 'store/memory/schedules.js',
    shield: /if \(state\.held !== undefined\)\s+add\(state, 'skipped', 1\);\s+state\.paused/,
    without: 'state.paused',
    test: 'store/memory-schedules'
  },
  {
    against: 'a large record that a tick enqueues is not marked: one claim reads many of them',
    file: 'store/redis/lua/tick.lua',
    shield: 'if #ARGV[10] >= LARGE then mark_large(KEYS[13]) end',
    without: '',
    test: 'store/bytes'
  },
  {
    against: 'a fixed time that the clocks repeat counts twice',
    file: 'schedules/calendar.js',
    shield: 'if (!this.#isRepeated(next))',
    without: 'if (true)',
    test: 'schedules/clock-changes'
  },
  // Plain Bee-Queues beside ours, prefetched tasks behind one that computes, tasks that end their worker.
  {
    against: 'a plain worker doubles the stored delay, and ours doubles it again',
    file: 'worker/settlement.js',
    shield: /beforeRetries\((.*), made\)/,
    without: '$1',
    test: 'store/interop'
  },
  {
    against: 'a plain worker waits the same time again after a retry of ours',
    file: 'worker/settlement.js',
    shield: 'afterRetry(next.options.backoff)',
    without: 'next.options.backoff',
    test: 'store/interop'
  },
  {
    against: 'a plain producer waits for the progress of a task that our worker runs',
    file: 'store/redis/lua/update-progress.lua',
    shield: 'if ARGV[5] then',
    without: 'if false then',
    test: 'store/interop'
  },

  {
    against: 'a cancel whose message comes before the reply of the claim waits for the next renewal',
    file: 'worker/lease-renewer.js',
    shield: 'if (this.#early.delete(id))',
    without: 'if (false)',
    test: 'tasks/cancel'
  },
  {
    against: 'a cancel whose message was missed waits for the next renewal',
    file: 'worker/lease-renewer.js',
    shield: 'this.#renewedAt > 0)',
    without: 'false)',
    test: 'tasks/cancel'
  },
  {
    against: 'a task that ends its worker takes those beside it to their last stall',
    file: 'worker/suspects.js',
    shield: 'jobs[0].stalls < maxStalls',
    without: 'true',
    test: 'worker/suspects'
  },
  {
    against: 'the same in another queue of the process',
    file: 'worker/solitude.js',
    shield: 'if (member.held() > 0)',
    without: 'if (false)',
    test: 'worker/suspects'
  },
  {
    against: 'a claim does not say how often its task stalled',
    file: 'store/redis/lua/claim.lua',
    shield: 'then reply[6] = stalls end',
    without: 'then end',
    test: 'worker/suspects'
  },
  {
    against: 'the worker claims other tasks while a suspect runs',
    file: 'worker/consumer.js',
    shield: 'solitude.closed ? 0 : ',
    without: '',
    test: 'worker/suspects'
  },
  {
    against: 'a task that was claimed before the suspect starts beside it',
    file: 'worker/consumer.js',
    shield: ' && !solitude.closed',
    without: '',
    test: 'worker/suspects'
  },
  {
    against: 'a task that never ends keeps a suspect, and all other tasks, from running',
    file: 'worker/suspects.js',
    shield: 'setTimeout(() => this.#defer(suspect), this.#patience)',
    without: 'setTimeout(() => {}, this.#patience)',
    test: 'worker/suspects'
  },
  {
    against: 'a suspect that waits beside one that takes long stops its worker',
    file: 'worker/solitude.js',
    shield: 'if (this.closed && this.#isTimeOver',
    without: 'if (false && this.#isTimeOver',
    test: 'worker/suspects'
  },
  {
    against: 'a suspect never starts where tasks take longer than stallInterval',
    file: 'worker/suspects.js',
    shield: 'Math.min(2 * delayMs,',
    without: 'Math.min(delayMs,',
    test: 'worker/suspects'
  },
  {
    against: 'a suspect that waits for another task stops its worker for ever',
    file: 'worker/solitude.js',
    shield: 'this.#isTimeOver = true',
    without: 'this.#isTimeOver = false',
    test: 'worker/suspects'
  },

  // In the hands of a Fastify user
  {
    against: 'a test runner replaces the timers, and lets them stand still',
    file: 'testing/virtual-clock.js',
    shield: 'import { clearTimeout, setTimeout } from "../timers.js";',
    without: '',
    test: 'testing/fake-timers'
  },
  {
    against: 'a test runner replaces the end of a turn of the event loop',
    file: 'store/memory/event-loop-turn.js',
    shield: 'await endOfTurn()',
    without: 'await new Promise(resolve => globalThis.setImmediate(resolve))',
    test: 'testing/fake-timers'
  },
  {
    against: 'a worker that a request starts runs all tasks in the async context of that request',
    file: 'worker.js',
    shield: 'this.#tasks.outside(() => this.#begin())',
    without: 'this.#begin()',
    test: 'tasks/async-context'
  },
  {
    against: 'in memory mode a cancel aborts a handler in the async context of the request that cancels',
    file: 'store/memory/store.js',
    shield: 'this.#outside(() => this.#messages.emit(channel, message))',
    without: 'this.#messages.emit(channel, message)',
    test: 'tasks/async-context'
  },
  {
    against: 'a process exits while its worker is closing, and nobody learns why tasks stay active',
    file: 'worker/cut-short.js',
    shield: 'process.on(\'exit\', onExit)',
    without: 'void 0',
    test: 'cli/embedded-end'
  },
  {
    against: 'a command finds another Redis than the web process, which fastify-cli starts with .env',
    file: 'cli/env.js',
    shield: 'process.loadEnvFile()',
    without: 'void 0',
    test: 'cli/app-loading'
  },
  {
    against: 'the app of a worker has other options than the app that fastify-cli serves',
    file: 'boot/boot-app.js',
    shield: '{ ...options, ...appOptions }',
    without: '{}',
    test: 'cli/app-loading'
  },
  {
    against: 'a factory registers its tasks in a server of its own, and the worker serves an empty one',
    file: 'boot/boot-app.js',
    shield: 'throw ownServer(file)',
    without: 'void 0',
    test: 'cli/app-loading'
  },
  {
    against: 'Bee-Queue reads its Lua files, which are not beside a bundle',
    file: 'store/redis/bee-queue.js',
    shield: 'ensureScripts: false',
    without: 'ensureScripts: true',
    test: 'project/bundle'
  },
  {
    against: 'a bundle in CommonJS has no import.meta.url',
    file: 'tasks/thread-file.js',
    shield: 'return null; // a bundle in CommonJS has no import.meta.url',
    without: 'throw new Error()',
    test: 'project/bundle'
  },
  {
    against: 'an error handler that passes an error on runs twice',
    file: 'routes/error-handler.js',
    shield: 'Object.setPrototypeOf(own, Object.getPrototypeOf(followed))',
    without: 'void 0',
    test: 'routes/app-settings'
  },
  {
    against: 'a DELETE with a JSON content type and no body is answered with 400',
    file: 'routes/routes.js',
    shield: 'ignoreBodies(fastify);',
    without: '',
    test: 'routes/app-settings'
  },
  {
    against: 'what a hook or the error handler of the app has made must fit our schemas: 500, or "[object Object]"',
    file: 'routes/compilers.js',
    shield: 'payload instanceof Error',
    without: 'true',
    test: 'routes/app-settings'
  },
  {
    against: 'a stream has the content type that a hook of the app has set, and no EventSource takes it',
    file: 'routes/events.js',
    shield: "reply.header('content-type', 'text/event-stream');",
    without: '',
    test: 'routes/watching'
  },
  {
    against: 'a schema that a hook of the app adds to our routes is not compiled as its own',
    file: 'routes/compilers.js',
    shield: 'return serializerCompilerOf(scope)(route)',
    without: 'return compileOurs(route)',
    test: 'routes/app-settings'
  },
  {
    against: 'a schema that a hook of one app adds to our routes is in all apps',
    file: 'routes/schemas.js',
    shield: '({ ...schema, tags: [...schema.tags], response: { ...schema.response } })',
    without: 'schema',
    test: 'routes/app-settings'
  },
  {
    against: 'an error loses its class and cause in the log',
    file: 'worker/log-result.js',
    shield: 'toLoggable(thrown)',
    without: 'new Error(thrown.message)',
    test: 'routes/app-settings'
  },
  {
    against: 'a Location has the name of a parameter instead of its value',
    file: 'tasks/lookup.js',
    shield: 'withParams(this.path)',
    without: 'this.path',
    test: 'routes/app-settings'
  },
  {
    against: 'tasks bounce between two registrations that run the tasks of one queue',
    file: 'boot/shared-queues.js',
    shield: 'if (shared !== undefined)',
    without: 'if (false)',
    test: 'misuse'
  },
  {
    against: 'in memory mode an enqueue after the close stores a task that never runs',
    file: 'store/memory/store.js',
    shield: 'return this.#closed ?',
    without: 'return false ?',
    test: 'misuse'
  },
  {
    against: 'a later route of the app on the path of ours is refused without a word on ours',
    file: 'routes/route-clash.js',
    shield: 'if (taken)',
    without: 'if (false)',
    test: 'misuse'
  },
  {
    against: 'large schedules, read in one call, hold up Redis',
    file: 'store/redis/lua/read-schedules.lua',
    shield: 'bytes + size > 1000000',
    without: 'false',
    test: 'store/bytes'
  },
  {
    against: 'an earlier route of the app, whose parameter has another name, answers in place of ours',
    file: 'routes/route-clash.js',
    shield: 'if (names)',
    without: 'if (false)',
    test: 'misuse'
  },
  {
    against: 'the connectionTimeout of the app closes streams and long polls on which nothing happens',
    file: 'routes/open-waits.js',
    shield: 'raw.socket.setTimeout?.(0)',
    without: 'void 0',
    test: 'routes/long-lived'
  },
  {
    against: 'an EventSource that gets a 503 never comes back',
    file: 'routes/events.js',
    shield: 'if (error instanceof errors.RedisUnavailable &&',
    without: 'if (false &&',
    test: 'routes/long-lived'
  },
  {
    against: 'a handlerTimeout of the app cuts streams and long polls',
    file: 'routes/routes.js',
    shield: '? { handlerTimeout: ms } : {}',
    without: '? {} : {}',
    test: 'routes/long-lived'
  },
  {
    against: 'a pluginTimeout that is shorter than the wait for Redis fails the boot',
    file: 'plugin.js',
    shield: 'Math.min(connectTimeout, pluginTimeout / 2)',
    without: 'connectTimeout',
    test: 'routes/long-lived'
  },
  {
    against: 'each of many who wait for a task reads it',
    file: 'tasks/watched-task.js',
    shield: 'this.#reading !== null && this.#readAt > order ? this.#reading : this.#read()',
    without: 'this.#read()',
    test: 'routes/open-waits'
  },
  {
    against: 'a caller changes the result of another',
    file: 'tasks/handle.js',
    shield: 'found === first ? found.record : structuredClone(found.record)',
    without: 'found.record',
    test: 'routes/open-waits'
  },
  {
    against: 'any number of streams',
    file: 'routes/open-waits.js',
    shield: 'if (this.#open >= this.#max)',
    without: 'if (false)',
    test: 'routes/open-waits'
  },
  {
    against: 'any number of streams of one client',
    file: 'routes/open-waits.js',
    shield: 'if (open >= this.#maxPerKey)',
    without: 'if (false)',
    test: 'routes/open-waits'
  },
  {
    against: 'a wait that has ended counts for ever',
    file: 'routes/open-waits.js',
    shield: 'this.#open--;',
    without: '',
    test: 'routes/open-waits'
  },
  {
    against: 'an ended wait stays in a signal',
    file: 'tasks/wait-end.js',
    shield: 'signal.removeEventListener(\'abort\', endAll);',
    without: ';',
    test: 'routes/open-waits'
  },
  {
    against: 'a task that nobody waits for is listened to',
    file: 'tasks/change-watcher.js',
    shield: 'onLeft: () => this.#drop(queue, id)',
    without: 'onLeft: () => { }',
    test: 'routes/open-waits'
  },
  {
    against: 'every report of progress is sent',
    file: 'attempt/latest-report.js',
    shield: 'if (!this.#sending)',
    without: 'if (true)',
    test: 'attempt/progress'
  },
  {
    against: 'the last report is lost',
    file: 'attempt/latest-report.js',
    shield: 'this.#next.report = report;',
    without: '',
    test: 'attempt/progress'
  },
  {
    against: 'every report of a thread is sent',
    file: 'attempt/thread-link.js',
    shield: 'this.#reports.size < MAX_ON_THE_WAY',
    without: 'true',
    test: 'attempt/thread-link'
  },
  {
    against: 'the last report of a thread is lost',
    file: 'attempt/thread-link.js',
    shield: 'close() {\n        this.#sendWaiting();',
    without: 'close() {',
    test: 'attempt/progress'
  },
  {
    against: 'the clock of Redis is set back: flows of a dead worker are looked at when it has caught up',
    file: 'flows/flow-sweep.js',
    shield: '|| flow > now + this.#latest',
    without: '',
    test: 'faults/redis-clock'
  },
  {
    against: 'the same, if another flow is due: only that one is looked at',
    file: 'store/redis/lua/flow-due.lua',
    shield: "if ARGV[3] ~= '' then",
    without: 'if false then',
    test: 'faults/redis-clock'
  },
  {
    against: 'who asks again and again for the cancel of a flow keeps the sweep away from it, for ever',
    file: 'store/redis/lua/flow-step.lua',
    shield: "is_change and 'CH' or 'LT'",
    without: "'CH'",
    test: 'store/flow-steps'
  },
  {
    against: 'what is behind a failed member is skipped in part: the flow never ends',
    file: 'store/redis/lua/flow-step.lua',
    shield: "redis.call('HSET', KEYS[6], 'skips', table.concat(skips, ',', n))",
    without: '',
    test: 'store/flow-steps'
  },
  {
    against: 'a flow that succeeded is visible to everyone',
    file: 'store/redis/lua/flow-step.lua',
    shield: '(succeeded and i > 9 and i < 13)',
    without: '(succeeded and i > 9 and i ~= 13)',
    test: 'flows/seen'
  },
  {
    against: 'a flow whose members are not known any more is visible to everyone',
    file: 'tasks/flow-visibility.js',
    shield: 'if (!isAsked)',
    without: 'if (false)',
    test: 'flows/seen'
  },
  {
    against: 'the failure of a member that was added to a flow is shown to who may not see the member',
    file: 'tasks/flow-visibility.js',
    shield: '(record.flow?.total ?? 0) > size',
    without: 'false',
    test: 'flows/seen'
  },
  {
    against: 'data that looks like a membership ends a member of a flow',
    file: 'store/redis/lua/purge.lua',
    shield: 'return member and string.sub(id, 1, #flow + 1) == flow .. \'.\' and member or nil',
    without: 'return member',
    test: 'flows/seen'
  },
  {
    against: 'the cursor of a list of members is any text',
    file: 'flows/member-list.js',
    shield: 'if (!/^(\\d{1,9}|\\+(\\d{1,9}:[\\w:-]+)?)$/.test(cursor))',
    without: 'if (false)',
    test: 'flows/seen'
  },
  {
    against: 'a time of another producer that is none breaks the attempt that computes with it, and its task is lost',
    file: 'records/task-record.js',
    shield: '\'ttl\', \'delay\',',
    without: '\'ttl\',',
    test: 'metrics/counts'
  },
  // Functions of the app that are async and must not be, and what they throw
  {
    against: 'a retryIf that returns a promise retries every failure, and its rejection ends the process',
    file: 'attempt/retry-rules.js',
    shield: 'if (!isThenable(answer))',
    without: 'if (true)',
    test: 'worker/retry'
  },
  {
    against: 'a key of a limit or of unique that rejects ends the process',
    file: 'tasks/lane.js',
    shield: 'syncAnswer(toKey(data))',
    without: 'toKey(data)',
    test: 'limits/unique'
  },
  {
    against: 'a backoff that rejects ends the process',
    file: 'worker/backoff.js',
    shield: 'syncAnswer(runApart(() => strategy(attempt, options, error)))',
    without: 'runApart(() => strategy(attempt, options, error))',
    test: 'worker/backoff'
  },
  {
    against: 'a waitKey that is async is one key for all clients',
    file: 'routes/open-waits.js',
    shield: 'if (!isThenable(key))',
    without: 'if (true)',
    test: 'routes/open-waits'
  },
  {
    against: 'what onProgress throws hides how far the call came',
    file: 'tasks/many.js',
    shield: 'Object.assign(extensible(error),',
    without: 'Object.assign(error,',
    test: 'tasks/many'
  },
  {
    against: 'a schedule of another version hides all others in the list',
    file: 'schedules/app-schedules.js',
    shield: 'toScheduleRecord({ ...stored, spec: UNREADABLE }, queue.name, live)',
    without: 'toScheduleRecord(stored, queue.name, live)',
    test: 'schedules/pages'
  },
  {
    against: 'the log of a task has no level and no message if the app writes them in another form',
    file: 'attempt/kept-log.js',
    shield: '[WANTS_METADATA]: true',
    without: '[WANTS_METADATA]: stream[WANTS_METADATA]',
    test: 'tasks/logs'
  },
  {
    against: 'the log of a task shows stacks of errors inside of errors, and under other keys',
    file: 'records/log-lines.js',
    shield: 'hasStacks ? undefined : withoutStacks',
    without: 'undefined',
    test: 'tasks/logs'
  },
  {
    against: 'the log of a task has nothing of an error, if the app\'s logger is not pino',
    file: 'attempt/kept-log.js',
    shield: 'withError(value)',
    without: 'value',
    test: 'tasks/logs'
  },
  {
    against: 'a log line that cannot be read fails the handler',
    file: 'attempt/kept-log.js',
    shield: 'tryOr(() => this.#keepLine(level, args), undefined)',
    without: 'this.#keepLine(level, args)',
    test: 'tasks/logs'
  },
  {
    against: 'a wait that is a text, as in a header, is none: a task that was put off runs again and again',
    file: 'waits.js',
    shield: 'Number.isFinite(value) && value >= 0',
    without: 'Number(value) >= 0',
    test: 'tasks/due'
  },
  {
    against: 'so does one whose error was made by hand, without a time',
    file: 'attempt/attempt-result.js',
    shield: 'failure.retryAfter ?? UNKNOWN_MS',
    without: 'failure.retryAfter ?? 0',
    test: 'tasks/due'
  },
  {
    against: 'a task that is put off for no time loops as fast as Redis goes',
    file: 'attempt/attempt-result.js',
    shield: /Math\.max\((failure\.retryAfter \?\? UNKNOWN_MS), LEAST_MS\)/,
    without: '$1',
    test: 'tasks/due'
  },
  // dashboard
  {
    against: 'an action on all that match does more than its sender meant: a field is not understood',
    file: 'dashboard/actions.js',
    shield: 'if (unknown)',
    without: 'if (false)',
    test: 'dashboard/rights'
  },
  {
    against: 'memory mode: a task with a limit that is promoted overtakes its limit',
    file: 'store/memory/queue.js',
    shield: 'this.#enqueue(this.lanes.takeDue(this.#lists.delayed.takeUntil(this.#host.now())))',
    without: 'this.#enqueue(this.#lists.delayed.takeUntil(this.#host.now()))',
    test: 'testing/both-modes'
  },
  {
    against: 'a form does what its sender has no right to',
    file: 'dashboard/actions.js',
    shield: 'if (!context.rights[action.right])',
    without: 'if (false)',
    test: 'dashboard/rights'
  },
  {
    against: 'what each object has from Node is taken for an action of the page',
    file: 'own.js',
    shield: 'Object.hasOwn(values, key)',
    without: 'true',
    test: 'dashboard/rights'
  },
  {
    against: 'a page of another site sends forms in the name of whoever looks at it',
    file: 'dashboard.js',
    shield: 'if (!isFromOwnPage(request, settings.trustedOrigins))',
    without: 'if (false)',
    test: 'dashboard/rights'
  },
  {
    against: 'an action leads to another site',
    file: 'dashboard/actions.js',
    shield: 'PLACE.test(back) && !back.includes(\'..\')',
    without: 'true',
    test: 'dashboard/rights'
  },
  {
    against: 'an id with a blank means another task',
    file: 'dashboard/task-actions.js',
    shield: 'splitAtBlank(field)',
    without: 'field.split(\' \')',
    test: 'dashboard/rights'
  },
  {
    against: 'data is shown to those without the right',
    file: 'dashboard/pages/task.js',
    shield: 'if (!rights.data || unread !== null)',
    without: 'if (unread !== null)',
    test: 'dashboard/rights'
  },
  {
    against: 'names and errors of tasks are HTML',
    file: 'dashboard/html.js',
    shield: '.replace(/[&<>"\']/g, found => ESCAPES[found])',
    without: '',
    test: 'dashboard/pages'
  },
  {
    against: 'hidden characters turn a text round',
    file: 'dashboard/html.js',
    shield: '.replace(HIDDEN, \'\\uFFFD\')',
    without: '',
    test: 'dashboard/pages'
  },
  {
    against: 'an access that throws is answered with its own words',
    file: 'dashboard/pages/problem.js',
    shield: 'isOurs ? thrown.message',
    without: 'true ? thrown.message',
    test: 'dashboard/rights'
  },
  {
    against: 'an access that returns an error, a user or { read: false } opens the page',
    file: 'dashboard/access.js',
    shield: 'if (isAccess(answer))',
    without: 'if (typeof answer === \'object\')',
    test: 'dashboard/rights'
  },
  {
    against: 'an error with a statusCode that is none is answered as a success, or with its own words',
    file: 'dashboard/pages/problem.js',
    shield: 'status >= 400 && status < 600',
    without: 'true',
    test: 'dashboard/rights'
  },
  {
    against: 'an error with a code that is a number breaks the page of errors',
    file: 'dashboard/pages/problem.js',
    shield: 'toFailure(thrown).error.code?.startsWith',
    without: 'thrown.code?.startsWith',
    test: 'dashboard/rights'
  },
  {
    against: 'an error that the logger cannot read breaks the page of errors',
    file: 'dashboard.js',
    shield: 'err: toLoggable(thrown)',
    without: 'err: thrown',
    test: 'dashboard/rights'
  },
  {
    against: 'a user that rejects ends the process, and its action is done',
    file: 'dashboard/actions.js',
    shield: 'await settings.user?.(request)',
    without: 'settings.user?.(request)',
    test: 'dashboard/rights'
  },
  {
    against: 'a link to the page has a button that removes tasks without a question',
    file: 'dashboard/layout.js',
    shield: 'headers[\'sec-fetch-site\'] === \'same-origin\'',
    without: 'true',
    test: 'dashboard/rights'
  },
  {
    against: 'a page shows what was before the action that led to it',
    file: 'dashboard/sampler.js',
    shield: 'this.#reading === reading ? this.#keep(sample) : sample',
    without: 'this.#keep(sample)',
    test: 'dashboard/sampler'
  },
  {
    against: 'the links of an error lead elsewhere below a prefix with parameters',
    file: 'dashboard.js',
    shield: 'rootOf(request, fastify.prefix)',
    without: 'rootOf({ routeOptions: { url: request.url.split(\'?\')[0] } }, fastify.prefix)',
    test: 'dashboard/odd-requests'
  },
  // flows
  {
    against: 'a key with half of a surrogate pair holds back no further task',
    file: 'tasks/lane.js',
    shield: 'Buffer.from(key).toString()',
    without: 'key',
    test: 'limits/unique'
  },
  {
    against: 'in mode memory, advance waits in vain for a task of a paused name that a waiting worker has met',
    file: 'store/memory/claiming.js',
    shield: 'this.#onTaken();',
    without: "if (kind === 'now') this.#onTaken();",
    test: 'testing/both-modes'
  },
  {
    against: 'members of a flow that is removed before they are released stay as long as a flow may live',
    file: 'store/redis/lua/flow-step.lua',
    shield: "if redis.call('HEXISTS', KEYS[6], 'released') == 0 then return 2 end",
    without: '',
    test: 'flows/sweep'
  },
  {
    against: 'an ordered task with a rate is replaced between two attempts by one of another key: its slot stays',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'is_placed or task.options.ordered == true',
    without: 'is_placed',
    test: 'limits/unique'
  },
  {
    against: 'the task of somebody else that has the id of a member is deleted when the flow, retried, has ended',
    file: 'flows/keep-members.js',
    shield: ' && placeOfNode(entry).generation === 0',
    without: '',
    test: 'flows/members'
  },
  {
    against: 'a call about many tasks leaves out a task that changed after it was read',
    file: 'tasks/many.js',
    shield: "reply === 'changed' ? await this.#actAgain(act, tasks[i], place) : DONE.has(reply)",
    without: 'DONE.has(reply)',
    test: 'tasks/many'
  },
  {
    against: 'a call about many tasks removes a task that no longer matches',
    file: 'tasks/many.js',
    shield: '!found || !this.#isWanted(found, start)',
    without: '!found',
    test: 'tasks/many'
  },
  {
    against: 'tasks that end after their rate was taken away leave their lanes in Redis for ever',
    file: 'store/redis/lua/settle.lua',
    shield: 'if #gone > 0 and has_laned then',
    without: 'if false then',
    test: 'store/queue-rates'
  },
  {
    against: 'tasks with a level that end after their rate was taken away leave their lanes in Redis for ever',
    file: 'store/redis/lua/settle.lua',
    shield: "call_many('HDEL', gate.laned, ids)",
    without: "if is_rated(rates, common) then call_many('HDEL', gate.laned, ids) end",
    test: 'store/queue-rates'
  },
  {
    against: 'the records of earlier tries of a member that was removed stay as long as a flow may live',
    file: 'flows/keep-members.js',
    shield: 'isOpen &&= await keep(engine, queue, await ownOf(engine, flow, queue, members, others[0][0]))',
    without: ';',
    test: 'flows/sweep'
  },
  {
    against: 'the task of somebody else that has the id of a removed member expires with the flow',
    file: 'flows/keep-members.js',
    shield: '(_member, i) => own[i]',
    without: '() => true',
    test: 'flows/members'
  },
  {
    against: 'an id of the caller\'s own is used again: its old key stays, and the task that follows never starts',
    file: 'store/redis/lua/add-unique.lua',
    shield: 'free_key_of(new.id)\n    local',
    without: 'local',
    test: 'store/queue-unique'
  },
  {
    against: 'a flow with the id of an earlier one takes the results of its members for its own',
    file: 'flows/taken-ids.js',
    shield: 'stored.options.nonce === nonce',
    without: 'true',
    test: 'flows/ends'
  },
  {
    against: 'members of a cancelled flow wait in the lists of their limits',
    file: 'flows/engine.js',
    shield: 'keep, stored.options.lane, true',
    without: 'keep',
    test: 'flows/ends'
  },
  {
    against: 'the tokens of tasks that ended while there was no rate hold up their key for ever',
    file: 'store/redis/lua/sweep-lane.lua',
    shield: 'call_many(\'SREM\', lane.tokens, dropped)',
    without: '',
    test: 'limits/rate'
  },
  {
    against: 'the end of the task of somebody else, which has the id of a member, is taken for the end of the member',
    file: 'flows/flow-sweep.js',
    shield: "others.has(ids[i]) ? 'removed' : state",
    without: 'state',
    test: 'flows/broken-off'
  },
  {
    against: 'the same, of a member of an earlier flow with the same id',
    file: 'flows/own-members.js',
    shield: '(nonce ?? stored.options.nonce) === stored.options.nonce',
    without: 'true',
    test: 'flows/broken-off'
  },
  {
    against: 'members of a cancelled flow run: a process was starting them meanwhile, and has died',
    file: 'flows/engine.js',
    shield: 'return mayStart ? null :',
    without: 'return',
    test: 'flows/broken-off'
  },
  {
    against: 'a cancelled flow whose members somebody was starting, who has died, never ends',
    file: 'flows/flow-sweep.js',
    shield: 'engine.cancelOpen(flow, true)',
    without: 'engine.cancelOpen(flow)',
    test: 'flows/broken-off'
  },
  {
    against: 'of a flow that is being cancelled all members are added that wait for their start',
    file: 'store/redis/flows.js',
    shield: "is === 1 && state !== 'cancelling'",
    without: 'is === 1',
    test: 'flows/broken-off'
  },
  {
    against: 'members that are started too late run: their flow, which was cancelled, is gone',
    file: 'flows/engine.js',
    shield: 'batch.map((node, k) => [node, entries[k]])',
    without: 'batch.map(node => [node, null])',
    test: 'flows/broken-off'
  },
  {
    against: 'a retry of a flow runs a member again that succeeded, whose record is gone',
    file: 'flows/engine.js',
    shield: 'open[k] && entries[k] && texts[k] ?',
    without: 'entries[k] && texts[k] ?',
    test: 'flows/broken-off'
  },
  {
    against: 'an enqueue of a flow succeeds that others have given up, at a write',
    file: 'store/redis/lua/flow-write.lua',
    shield: '(not state or is_given_up)',
    without: '(not state)',
    test: 'store/memory-flows'
  },
  {
    against: 'an enqueue of a flow succeeds that others have given up',
    file: 'flows/flow-writer.js',
    shield: 'if (stage === \'gone\' && !this.#isOver)',
    without: 'if (false)',
    test: 'flows/broken-off'
  },
  {
    against: 'a flow never ends, because nobody knows any more what one of its members is',
    file: 'store/redis/lua/flow-step.lua',
    shield: 'local LOST = \'0 0 - \'',
    without: 'local LOST = \'\'',
    test: 'flows/lost'
  },
  {
    against: 'the enqueue of a flow succeeds whose writer has died: it is removed',
    file: 'flows/app-flows.js',
    shield: 'if (found && await this.#isWhole(flowOf(found)))',
    without: 'if (found)',
    test: 'flows/sweep'
  },
  {
    against: 'a flow is looked at ten at a time, every five seconds',
    file: 'worker/timekeeper.js',
    shield: 'if (hasLooked && !this.#stopped)',
    without: 'if (false)',
    test: 'flows/sweep'
  },
  {
    against: 'the records of the earlier tries of a flow stay for its longest life',
    file: 'flows/flow-pages.js',
    shield: 'let generation = 0; generation <=',
    without: 'let generation = place.generation; generation <=',
    test: 'flows/sweep'
  },
  {
    against: 'a task of somebody else is taken for a member of a flow',
    file: 'flows/taken-ids.js',
    shield: '!isMemberOf(stored, flow)',
    without: 'false',
    test: 'flows/members'
  },
  {
    against: 'a member reads the result of a task that is no member',
    file: 'flows/member-context.js',
    shield: 'isMemberOf(stored, flow.id) ? stored : null',
    without: 'stored',
    test: 'flows/members'
  },
  {
    against: 'a flow that is being written is visible to those that some of its members refuse',
    file: 'flows/app-flows.js',
    shield: '!await this.#isWhole(flow)',
    without: 'false',
    test: 'flows/lost'
  },
  {
    against: 'a seal of a large flow holds up Redis',
    file: 'store/redis/lua/flow-step.lua',
    shield: 'redis.call(\'SRANDMEMBER\', KEYS[15], SLICE)',
    without: 'redis.call(\'SMEMBERS\', KEYS[15])',
    test: 'flows/sweep'
  },
  {
    against: 'a member of a flow is in the lane of the one before it',
    file: 'flows/plan.js',
    shield: 'if (template.options.lane === undefined)',
    without: 'if (true)',
    test: 'flows/members'
  },
  {
    against: 'a member of a flow gets the options of the one before it',
    file: 'flows/plan.js',
    shield: 'isSame(before.given, given)',
    without: 'true',
    test: 'flows/members'
  },
  {
    against: 'a member of a flow is made with the join or the times of the one before it',
    file: 'flows/member.js',
    shield: 'isAlike(mold.flow, flow)',
    without: 'true',
    test: 'flows/members'
  },
  {
    against: 'what waits for a member that failed starts when another one ends in the same step',
    file: 'store/redis/lua/flow-step.lua',
    shield: 'if found[1] then return false end',
    without: '',
    test: 'store/memory-flows'
  },
  {
    against: 'a join is looked at once in a step, however many of its members end later in it',
    file: 'store/redis/lua/flow-step.lua',
    shield: 'places = {}\n  for _, join in ipairs(waiting)',
    without: 'for _, join in ipairs(waiting)',
    test: 'store/memory-flows'
  },
  {
    against: 'a retry of a flow does not wait for the members that it starts again',
    file: 'store/redis/lua/flow-write.lua',
    shield: 'redis.call(\'HDEL\', KEYS[7], \'@\' .. join, \'!\' .. join)',
    without: '',
    test: 'store/memory-flows'
  },
  {
    against: 'who watches a flow of 10,000 members reads it for each few of them that end',
    file: 'tasks/watched-task.js',
    shield: 'change !== \'progress\' || wait <= 0',
    without: 'true',
    test: 'flows/large'
  },
  {
    against: 'a member adds members to its flow without end',
    file: 'store/redis/lua/flow-step.lua',
    shield: '- others >= most',
    without: '- others >= 2 * most',
    test: 'flows/refusals'
  },
  {
    against: 'the task behind all others of a flow ends with the lifetime of the flow, before it could run',
    file: 'store/redis/lua/flow-step.lua',
    shield: "redis.call('HSET', KEYS[6], 'final', 2, 'deadline', deadline)",
    without: "redis.call('HSET', KEYS[6], 'final', 2)",
    test: 'store/memory-flows'
  },
  {
    against: 'the members of a flow run only when all of it is written',
    file: 'flows/flow-writer.js',
    shield: 'this.#ready()',
    without: 'this.#written.size < members.length ? [] : this.#ready()',
    test: 'flows/large'
  },
  {
    against: 'a member that is just being started is taken for one that was removed, and its flow fails',
    file: 'flows/flow-sweep.js',
    shield: 'isStarting ?',
    without: 'false ?',
    test: 'flows/broken-off'
  },
  {
    against: 'a list of schedules ends after the first page of their places',
    file: 'schedules/schedule-store.js',
    shield: 'cursor !== \'0\'',
    without: 'false',
    test: 'schedules/schedules'
  },
  // End of: flows
  {
    against: 'Node warns of a Connection header in HTTP/2',
    file: 'routes/events.js',
    shield: '/^connection$/i.test(name)',
    without: 'false',
    test: 'routes/long-lived'
  },
  // End of: in the hands of a Fastify user
  // hooks
  {
    against: 'a task has the hooks of scopes that are not around it',
    file: 'hooks/app-hooks.js',
    shield: 'at = Object.getPrototypeOf(at)',
    without: 'at = null',
    test: 'hooks/scopes'
  },
  {
    against: 'hooks that were added after define are not called',
    file: 'hooks/app-hooks.js',
    shield: 'if (version !== this.#version)',
    without: 'if (version < 0)',
    test: 'hooks/scopes'
  },
  {
    against: 'hooks after the handler are outside of the async context that those before it made',
    file: 'attempt/attempt-hooks.js',
    shield: 'this.#run = AsyncLocalStorage.snapshot()',
    without: 'void 0',
    test: 'hooks/attempt'
  },
  {
    against: 'a handler is called although a hook before it was still running at the timeout',
    file: 'attempt/attempt-hooks.js',
    shield: 'failure ?? (reason && { thrown: reason })',
    without: 'failure',
    test: 'hooks/attempt'
  },
  {
    against: 'a hook after the handler that never ends holds its slot beyond the timeout',
    file: 'attempt/attempt.js',
    shield: 'if (this.#decided || (this.#cause !== null',
    without: 'if (this.#returned || (this.#cause !== null',
    test: 'hooks/attempt'
  },
  {
    against: 'a hook that fails after the handler keeps the next ones from being called',
    file: 'attempt/attempt-hooks.js',
    shield: 'return null;',
    without: 'return failure;',
    test: 'hooks/attempt'
  },
  {
    against: 'a hook before the enqueue changes the options of the caller',
    file: 'hooks/pre-enqueue.js',
    shield: 'options: { ...given.options }',
    without: 'options: given.options',
    test: 'hooks/pre-enqueue'
  },
  {
    against: 'a task that fails for ever makes its record grow for ever',
    file: 'records/failed-attempts.js',
    shield: 'MAX_ATTEMPTS = 10',
    without: 'MAX_ATTEMPTS = Infinity',
    test: 'worker/retry'
  },
  // operations
  {
    against: 'a walk begins again when the last task of its page is gone, so it never ends, or takes for ever',
    file: 'store/redis/lua.generated.js',
    shield: "local first = score == '' and 0 or index_after()",
    without: "local first = (redis.call('ZREVRANK', key, after) or -1) + 1",
    test: 'store/walk'
  },
  {
    against: 'a task that fails again is retried again by the same call, or from a cursor that is one step old',
    file: 'tasks/many.js',
    shield: 'since <= start && ',
    without: '',
    test: 'tasks/many'
  },
  {
    against: 'a task that was queued again after it was read as failed is removed',
    file: 'store/redis/lua.generated.js',
    shield: "if ARGV[2] ~= '' and record ~= ARGV[2] then return 'changed' end",
    without: '',
    test: 'store/memory-queue'
  },
  {
    against: 'a step reads records that do not fit into memory',
    file: 'store/redis/walk.js',
    shield: '({ record }) => record, maxBytes)',
    without: '({ record }) => record, Infinity)',
    test: 'tasks/many'
  },
  {
    against: 'a running task whose id is left over in the list of waiting ones counts as waiting',
    file: 'store/redis/walk.js',
    shield: "claims[i] ?? ''",
    without: "''",
    test: 'tasks/many'
  },
  {
    against: 'a task that a handler puts off has spent an attempt',
    file: 'attempt/attempt-result.js',
    shield: "failure.error.code !== 'FST_TASKS_SNOOZED'",
    without: 'true',
    test: 'tasks/due'
  },
  {
    against: 'a task that is to start now starts when its old time has come, or at the next look of a worker',
    file: 'store/redis/lua.generated.js',
    shield: "redis.call('ZADD', KEYS[1], 'XX', due, id)",
    without: '',
    test: 'tasks/due'
  },
  {
    against: 'a task is tried again for ever, because each attempt counts as the first one',
    file: 'attempt/retry-rules.js',
    shield: 'options.firstStart ?? startedAt',
    without: 'startedAt',
    test: 'worker/retry'
  },
  {
    against: 'a form that somebody writes by hand removes all tasks, without the right to',
    file: 'dashboard/actions.js',
    shield: /if \(!context\.rights\[action\.right\]\)/,
    without: 'if (!context.rights[action.right] && context.params.action !== "matching")',
    test: 'dashboard/rights'
  },
  // End of: operations
  // metrics
  {
    against: 'a Redis that is away makes a scrape fail',
    file: 'metrics/queue-gauges.js',
    shield: /catch \{\n\s*return \{ up: \[/,
    without: 'catch (error) {\n throw error;\n return { up: [',
    test: 'metrics/scrape'
  },
  {
    against: 'each scraper reads all queues',
    file: 'metrics/queue-gauges.js',
    shield: 'now - this.#measuredAt >= MAX_AGE_MS',
    without: 'true',
    test: 'metrics/scrape'
  },
  {
    against: 'names that producers make up make any number of series',
    file: 'metrics/task-counts.js',
    shield: 'this.#known.isTask(task) ? task : OTHER',
    without: 'task',
    test: 'metrics/bounds'
  },
  {
    against: 'an app defines tasks without end: any number of series',
    file: 'metrics/task-counts.js',
    shield: 'if (this.#size < LIMITS.tasks)',
    without: 'if (true)',
    test: 'metrics/bounds'
  },
  {
    against: 'codes that a handler makes up become labels',
    file: 'metrics/error-codes.js',
    shield: 'known.has(code) ? code',
    without: 'true ? code',
    test: 'metrics/bounds'
  },
  {
    against: 'two plugin instances cannot have one registry',
    file: 'metrics/registries.js',
    shield: 'joined.get(registry) ?? makeJoined()',
    without: 'makeJoined()',
    test: 'metrics/clients'
  },
  {
    against: 'an OpenMetrics registry renames a counter, whose name then has two endings',
    file: 'metrics/registries.js',
    shield: 'name: asked, help',
    without: 'name: fullName(name), help',
    test: 'metrics/clients'
  },
  {
    against: 'an app that joins a registry for OpenMetrics after a scrape adds each counter once more',
    file: 'metrics/registries.js',
    shield: 'metric.name = fullName(name);',
    without: '',
    test: 'metrics/clients'
  },
  {
    against: 'the default labels of one registry are shown by all others',
    file: 'metrics/registries.js',
    shield: 'values.map(copyOf)',
    without: 'values',
    test: 'metrics/clients'
  },
  {
    against: 'a registry that refuses one name has families of ours that stay empty',
    file: 'metrics/registries.js',
    shield: 'registry.removeSingleMetric?.(name)',
    without: '',
    test: 'metrics/clients'
  },
  {
    against: 'a worker with tasks in any number of queues shows a series for each',
    file: 'metrics/app-metrics.js',
    shield: 'queues.has(load.queue) ? load.queue : OTHER',
    without: 'load.queue',
    test: 'metrics/bounds'
  },
  {
    against: 'a worker with a host for its monitor that is not of this machine is told to take another port',
    file: 'metrics/monitor.js',
    shield: '!PORT_ERRORS.has(code)',
    without: 'false',
    test: 'cli/monitor'
  },
  // traces
  {
    against: 'the tracestate of a request goes with a trace that is not the request\'s',
    file: 'tasks/request-context.js',
    shield: 'tracestate: undefined, ',
    without: '',
    test: 'otel/spans'
  },
  {
    against: 'a task is a child of the request that started its worker',
    file: 'otel/telemetry.js',
    shield: 'isChild ? created.context : ROOT_CONTEXT',
    without: 'isChild ? created.context : context.active()',
    test: 'otel/spans'
  },
  {
    against: 'a tracer that throws fails tasks and enqueues',
    file: 'otel/telemetry.js',
    shield: /catch \{\n\s*return undefined;/,
    without: 'catch (error) {\n throw error;',
    test: 'otel/spans'
  },
  {
    against: 'many tasks of one call, in one trace, make it endless',
    file: 'tasks/stored-options.js',
    shield: 'if (origin?.isBatch)',
    without: 'if (false)',
    test: 'otel/spans'
  },
  // history
  {
    against: 'a history up to a time far ahead needs all memory of the process',
    file: 'metrics/history.js',
    shield: 'Math.min(to, now + 1)',
    without: 'Math.min(to, now + 1e9)',
    test: 'metrics/history'
  },
  {
    against: 'processes that count different names make a key of any size',
    file: 'store/redis/lua/add-history.lua',
    shield: 'if not kept[name] and count >= most then',
    without: 'if false then',
    test: 'metrics/history'
  },
  {
    against: 'what was counted in the last seconds is lost at each deploy',
    file: 'tasks/app-tasks.js',
    shield: 'await this.#history?.close();',
    without: '',
    test: 'metrics/history'
  }
]

const LUA_FOLDER = 'store/redis/lua/'

/** A Lua script is found in the module into which all of them are joined. */
const compiledFile = (file: string): string => file.startsWith(LUA_FOLDER) ? 'store/redis/lua.generated.js' : file

function withoutShield (source: string, { file, shield, without }: Shield): string {
  if (!file.startsWith(LUA_FOLDER)) return source.replace(shield, () => without)
  const name = file.slice(LUA_FOLDER.length, -'.lua'.length)
  const script = new RegExp(`'${name}': String\\.raw ?\`[^\`]*`)
  return source.replace(script, text => text.replace(shield, () => without))
}

/** The rows whose shield is not in the code. */
function findMissing (): Shield[] {
  return shields.filter(row => {
    const source = readFileSync(`.build/lib/${compiledFile(row.file)}`, 'utf8')
    return withoutShield(source, row) === source
  })
}

/** Whether the test fails without the shield. A test that does not end proves nothing. */
async function failsWithout (row: Shield, copy: string, redisUrl: string): Promise<boolean> {
  const { file, test } = row
  const path = `${copy}/lib/${compiledFile(file)}`
  const source = readFileSync(path, 'utf8')
  writeFileSync(path, withoutShield(source, row))
  const ended = await exitOfTest(`${copy}/test/${test}.test.js`, redisUrl)
  writeFileSync(path, source)
  return ended === 'exit code 1' || (row.hangs === true && ended === 'SIGKILL')
}

/** Runs a test in a process group of its own: whatever it leaves behind ends with it. */
async function exitOfTest (path: string, redisUrl: string): Promise<string> {
  const env = { ...process.env, REDIS_URL: redisUrl, TAP_BAIL: '1', TAP_TIMEOUT: String(TEST_TIMEOUT) }
  const child = await startDependent(process.execPath, [path], { env, onLine: () => {} })
  const limit = setTimeout(() => void child.stop(), LIMIT)
  const ended = await child.ended
  clearTimeout(limit)
  return ended
}

async function main (): Promise<void> {
  const [only] = process.argv.slice(2)
  const missingShields = findMissing()
  for (const { file, shield } of missingShields) console.log(`not ok - ${file} has no ${shield}: update the table`)
  if (missingShields.length > 0) process.exitCode = 1
  else if (only === '--check') console.log(`all ${shields.length} shields are in the code`)
  else await run(only)
}

async function run (only: string | undefined): Promise<void> {
  const rows = shields.filter(({ test, file }) => !only || test === only || file === only)
  const total = rows.length
  const redis = await startRedis()
  const copies = Array.from({ length: availableParallelism() }, (_, i) => `${COPY}-${i}`)
  const counts = await Promise.all(copies.map(copy => runInCopy(copy, rows, redis.url))).finally(() => redis.stop())
  const passed = counts.reduce((sum, count) => sum + count, 0)
  console.log(`${passed} passed, ${total - passed} failed`)
  process.exitCode = passed < total ? 1 : 0
}

/** Takes row after row until none is left. Returns how many passed. */
async function runInCopy (copy: string, rows: Shield[], redisUrl: string): Promise<number> {
  let passed = 0
  cpSync('.build', copy, { recursive: true })
  try {
    for (let row = rows.shift(); row; row = rows.shift()) {
      const ok = await failsWithout(row, copy, redisUrl)
      console.log(`${ok ? 'ok' : 'not ok'} - ${row.against} (${row.file}, tested by test/${row.test}.test.ts)`)
      if (ok) passed++
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  return passed
}

await main()
