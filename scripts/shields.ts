/**
 * npm run shields: removes one shield after the other, in a copy of the compiled project, and checks that its test
 * fails.
 * `-- <test>` or `-- <file>` runs only some rows. `-- --check` only checks that each shield is found in the code.
 *
 * A shield is a piece of code against a danger, such as a behaviour of Bee-Queue, ioredis or Redis. A test that passes
 * without the shield does not protect it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
}

const COPY = '.build-shields'

const shields: Shield[] = [
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
    shield: 'if (!isMissingScript(error))',
    without: 'if (error)',
    test: 'store/bee-queue'
  },
  {
    against: 'keyPrefix renames keys but not channels',
    file: 'options/check.js',
    shield: 'if (!keyPrefix)',
    without: 'if (true)',
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
    shield: 'queue.claim(this.#stopped ? 0 : room, token, this.#lease, again)',
    without: 'queue.claim(this.#stopped ? 0 : room, this.token(), this.#lease, false)',
    test: 'faults/outage'
  },
  {
    against: 'what was taken by a wait that a close cut is stranded in active',
    file: 'worker/claimer.js',
    shield: '.catch(() => this.#cutOff(token))',
    without: '.catch(() => undefined)',
    test: 'worker/shutdown'
  },
  {
    against: 'a wait, and what stands behind it, outlives its connection',
    file: 'store/redis/lua/claim.lua',
    shield: 'if mode == \'next\' and is_wait_cancelled() then return reply end',
    without: '',
    test: 'store/queue'
  },
  {
    against: 'finished jobs stay for ever',
    file: 'worker/maintenance.js',
    shield: 'await upkeep.prune(PRUNE_LIMIT) >= PRUNE_LIMIT',
    without: 'false',
    test: 'tasks/status'
  },
  {
    against: 'what a plain Bee-Queue ended stays for ever',
    file: 'store/redis/lua/expire-foreign.lua',
    shield: 'redis.call(\'ZADD\', KEYS[2], \'NX\', expiry, id)',
    without: '',
    test: 'store/interop'
  },
  {
    against: 'a killed worker\'s task stays active',
    file: 'store/redis/lua/recover.lua',
    shield: 'elseif lease_end <= now then',
    without: 'elseif false then',
    test: 'worker/stalled'
  },
  {
    against: 'a task that kills its worker loops for ever',
    file: 'store/redis/lua/recover.lua',
    shield: 'stalls > tonumber(ARGV[3])',
    without: 'false',
    test: 'worker/stalled'
  },
  {
    against: 'a claim without a time never lapses',
    file: 'store/redis/lua/recover.lua',
    shield: 'if not lease_end or lease_end > now + 2 * ARGV[2] then',
    without: 'if not lease_end then return false elseif lease_end > now + 2 * ARGV[2] then',
    test: 'store/queue-recover'
  },
  {
    against: 'a claim that its living worker forgot is held as long as that lives',
    file: 'store/redis/lua/recover.lua',
    shield: 'elseif lease_end <= now then',
    without: 'elseif lease_end <= 2 then',
    test: 'store/queue-recover'
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
    against: 'one slow task holds up those that were claimed with it',
    file: 'worker/prefetch.js',
    shield: 'this.#onOverdue();',
    without: '',
    test: 'worker/prefetch'
  },
  {
    against: 'what was claimed ahead is held until a close has ended',
    file: 'worker/consumer.js',
    shield: /this\.#runner\.releaseUnstarted\(\)/g,
    without: 'undefined',
    test: 'worker/prefetch'
  },
  {
    against: 'a timeout goes without an abort',
    file: 'attempt/attempt.js',
    shield: 'this.#controller?.abort(this.#reason)',
    without: 'undefined',
    test: 'attempt/timeout'
  },
  {
    against: 'setTimeout fires at once above 2 ** 31 - 1',
    file: 'options/rules.js',
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
    against: 'close throws away what does not end in time',
    file: 'worker/consumer.js',
    shield: ', this.#runner.handBack()',
    without: '',
    test: 'worker/shutdown'
  },
  {
    against: 'a hand-back turns the order round',
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
    file: 'records/task-record.js',
    shield: 'const envelope = data === undefined',
    without: 'const envelope = !data',
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
    against: 'a handler that computes in a thread hears of no abort',
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
    shield: 'if (!this.definition.threadFile)',
    without: '',
    test: 'attempt/thread-end'
  },
  {
    against: 'piscina starts no thread for what waits, once one died',
    file: 'attempt/thread-pool.js',
    shield: 'if (this.#free > 0)',
    without: 'if (true)',
    test: 'attempt/thread'
  },
  {
    against: 'piscina leaves tasks waiting where no thread can start',
    file: 'attempt/thread-pool.js',
    shield: 'attempt.giveUp(lastError)',
    without: '0',
    test: 'attempt/thread-process'
  },
  {
    against: 'an error that nobody caught in an idle thread ends the process',
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
    against: 'what a client or a producer says of its request stands in every line',
    file: 'records/task-record.js',
    shield: 'cleanOrigin(options);',
    without: '',
    test: 'tasks/request-context'
  },
  {
    against: 'a worker that a route started has all tasks in that request\'s name',
    file: 'tasks/request-context.js',
    shield: ' && current.getStore() === undefined',
    without: '',
    test: 'tasks/request-context'
  },
  {
    against: 'retry() takes tasks that have not failed',
    file: 'store/redis/lua/retry.lua',
    shield: 'if redis.call(\'SISMEMBER\', KEYS[2], id) == 0 then return \'refused\' end',
    without: '',
    test: 'store/queue-cancel'
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
    file: 'store/redis/lua/renew.lua',
    shield: 'redis.call(\'SISMEMBER\', KEYS[3], id) == 1 and 2 or 1',
    without: '1',
    test: 'tasks/cancel'
  },
  {
    against: 'a tombstone in a long queue is run',
    file: 'worker/runner.js',
    shield: 'if (isTerminal(task.stored.status))',
    without: 'if (false)',
    test: 'tasks/cancel'
  },
  {
    against: 'an expired task is run',
    file: 'worker/runner.js',
    shield: 'if (isExpired(task.stored, task.now + realTime() - prefetched.since))',
    without: 'if (false)',
    test: 'tasks/enqueue'
  },
  {
    against: 'what was sent without Redis is enqueued when it is back, after a 503',
    file: 'store/redis/bounded-calls.js',
    shield: 'if (!await this.#untilReady(',
    without: 'if (false && !await this.#untilReady(',
    test: 'faults/outage'
  },
  {
    against: 'an id is enqueued twice',
    file: 'tasks/enqueue.js',
    shield: 'const created = added || await this.#isOwn(task, start)',
    without: 'const created = true',
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
    against: 'Redis out of memory in the middle of a script',
    file: 'store/redis/lua/settle.lua',
    shield: 'if settled_count == 0 then redis.call(\'HSET\', KEYS[4], id, claim) end',
    without: '',
    test: 'store/queue-memory'
  },
  {
    against: 'zod\'s compilers refuse the JSON Schemas of our routes',
    file: 'routes/routes.js',
    shield: '...schemas.compilers,',
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
    against: 'a client leaves before its stream is opened',
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
    against: 'memory mode: what comes due on the way runs at the end',
    file: 'testing/virtual-clock.js',
    shield: 'due !== null && due <= end;',
    without: 'false;',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: a handler that never ends holds up a test for ever',
    file: 'testing/virtual-clock.js',
    shield: 'setTimeout(() => late.abort(',
    without: 'setTimeout(() => void (',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: a handler that asks again and again holds up the process for ever',
    file: 'store/memory/queue.js',
    shield: 'await endOfTurn();',
    without: '',
    test: 'testing/virtual-clock'
  },
  {
    against: 'memory mode: timers keep a process that has nothing to do',
    file: 'store/memory/queue.js',
    shield: 'get upkeep() { return null; }',
    without: 'get upkeep() { return { agreeStallInterval: async ms => ms, recover: async () => ({ requeued: [], exhausted: [] }), prune: async () => 0, expireForeign: async () => \'0\' }; }',
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
    against: 'memory mode: a queue that answers otherwise than the one in Redis',
    file: 'store/memory/queue.js',
    shield: 'if (repeats && this.#cancelling.has(id))',
    without: 'if (false)',
    test: 'store/memory-queue'
  },
  {
    against: 'ioredis\' subscriber of a cluster does not say when it has missed something',
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
    against: 'a cluster client says that all nodes failed, and not why',
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
    against: 'a cluster client gives up in words of its own',
    file: 'store/redis/bounded-calls.js',
    shield: '\'Too many Cluster redirections\', ',
    without: '',
    test: 'faults/cluster-failover'
  },
  {
    against: 'one master away: the status of every task waits for it',
    file: 'tasks/lookup.js',
    shield: 'firstOf(reads)',
    without: '(await Promise.all(reads)).find(one => one !== null) ?? null',
    test: 'faults/cluster-failover'
  },
  {
    against: 'a machine that was held up: each worker takes back what the others are about to renew',
    file: 'worker/lease-renewer.js',
    shield: '!this.#isLate && ',
    without: '',
    test: 'worker/stalled'
  },
  {
    against: 'one master back: its workers\' tasks are taken for stalled',
    file: 'worker/lease-renewer.js',
    shield: '!this.#failing && !this.#isLate && realTime()',
    without: 'Date.now()',
    test: 'faults/cluster-failover'
  },
  {
    against: 'a master that takes over has no scripts',
    file: 'store/redis/run-script.js',
    shield: /if \(!isMissingScript\(error\)\)/g,
    without: 'if (error)',
    test: 'faults/failover'
  },
  {
    against: 'what a killed worker told stays for ever',
    file: 'store/redis/lua/heartbeat.lua',
    shield: 'redis.call(\'ZRANGEBYSCORE\', KEYS[1], \'-inf\', now, \'LIMIT\', 0, 1000)',
    without: '{}',
    test: 'worker/heartbeat'
  },
  {
    against: 'what the last worker told stays for ever',
    file: 'store/redis/lua/heartbeat.lua',
    shield: 'redis.call(\'PEXPIRE\', KEYS[2], ARGV[3])',
    without: '',
    test: 'worker/heartbeat'
  },
  {
    against: 'a killed worker is listed',
    file: 'store/redis/lua/workers.lua',
    shield: '\'(\' .. now',
    without: '\'-inf\'',
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
    against: 'garbage in what a worker told',
    file: 'records/worker-info.js',
    shield: 'Number.isFinite(value) && value >= 0 ? value : 0',
    without: 'true ? value : 0',
    test: 'worker/heartbeat'
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
    against: 'a terminal obeys what a task says',
    file: 'cli/text.js',
    shield: 'char === \'\\t\' ? \'  \' : escape(char)',
    without: 'char',
    test: 'cli/list'
  },
  {
    against: 'EPIPE ends a process with a stack',
    file: 'cli/output.js',
    shield: 'if (error.code === \'EPIPE\')',
    without: 'if (false)',
    test: 'cli/list'
  },
  {
    against: 'a purge that nobody confirmed',
    file: 'cli/commands/purge.js',
    shield: 'if (!yes && !await confirmed(what))',
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
    against: 'a change kills what runs',
    file: 'cli/supervisor.js',
    shield: 'this.#stop(\'SIGTERM\')',
    without: 'this.#stop(\'SIGKILL\')',
    test: 'cli/watch'
  },
  {
    against: 'the worker outlives who watches it',
    file: 'cli/app-process.js',
    shield: 'if (exitWithParent)\n',
    without: 'if (false)\n',
    test: 'cli/watch'
  },
  {
    against: 'a worker that does not end holds up the new one',
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
    against: 'a private Redis beside the one that is named',
    file: 'plugin.js',
    shield: 'isClient(decorated) || process.env.REDIS_URL ? undefined',
    without: 'false ? undefined',
    test: 'cli/dev'
  },
  {
    against: 'what cannot be said is an uncaught error, which is said',
    file: 'cli/output.js',
    shield: 'stream.on(\'error\', () => { })',
    without: 'void stream',
    test: 'cli/worker'
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
    shield: 'for (const pass of [...this.#open])',
    without: 'for (const pass of [])',
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

  // In the hands of a Fastify user
  {
    against: 'a test runner replaces the timers, and lets them stand still',
    file: 'timers.js',
    shield: 'setTimeout } = timers',
    without: 'setTimeout } = globalThis',
    test: 'testing/fake-timers'
  },
  {
    against: 'a test runner replaces the end of a turn of the event loop',
    file: 'store/memory/queue.js',
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
  }
  // End of: in the hands of a Fastify user
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

/** Whether the test fails without the shield. */
function failsWithout (row: Shield, redisUrl: string): boolean {
  const { file, test } = row
  const path = `${COPY}/lib/${compiledFile(file)}`
  const source = readFileSync(path, 'utf8')
  writeFileSync(path, withoutShield(source, row))
  const args = ['tap', '--disable-coverage', '--reporter=tap', '--timeout=60', '--bail', `${COPY}/test/${test}.test.js`]
  const { status } = spawnSync('npx', args, { env: { ...process.env, REDIS_URL: redisUrl }, timeout: 120_000 })
  writeFileSync(path, source)
  return status !== null && status !== 0 // null: the time limit ended the test, which proves nothing
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
  const redis = await startRedis()
  cpSync('.build', COPY, { recursive: true })
  let passed = 0
  let failed = 0
  try {
    for (const row of shields.filter(({ test, file }) => !only || test === only || file === only)) {
      const ok = failsWithout(row, redis.url)
      console.log(`${ok ? 'ok' : 'not ok'} - ${row.against} (${row.file}, tested by test/${row.test}.test.ts)`)
      ok ? passed++ : failed++
    }
  } finally {
    rmSync(COPY, { recursive: true, force: true })
    await redis.stop()
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
