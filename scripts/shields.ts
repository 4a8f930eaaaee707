/**
 * Takes each shield out in turn, in a copy of the compiled project, and sees its test fail: `npm run shields`, or
 * `-- <test>`, or `-- --check`: only whether the table knows where they are.
 * A test that passes without its shield holds nothing. Each row names the fact of Bee-Queue's, of ioredis' or of Redis'
 * that the shield is against.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { startRedis } from './redis.ts'

interface Shield {
  against: string
  /** Below lib/, as compiled. */
  file: string
  shield: string | RegExp
  without: string
  test: string
}

const COPY = '.build-shields'

const shields: Shield[] = [
  { against: 'Bee-Queue does not know an ioredis client, and dials 127.0.0.1:6379', file: 'bee.js', shield: 'class Redis extends', without: 'class Adapter extends', test: 'bee' },
  { against: 'a Bee-Queue that is built without Redis never becomes ready', file: 'bee.js', shield: 'ready = true', without: 'ready = false', test: 'outage' },
  { against: 'after a restart every EVALSHA answers NOSCRIPT', file: 'scripts.js', shield: 'if (!isMissingScript(error))', without: 'if (error)', test: 'bee' },
  { against: 'keyPrefix renames keys but not channels', file: 'options.js', shield: 'if (keyPrefix)', without: 'if (false)', test: 'options' },
  { against: 'ioredis never settles a call whose connection broke (no resend, no maximum of retries)', file: 'connection.js', shield: 'maxRetriesPerRequest: 0', without: 'maxRetriesPerRequest: null', test: 'outage' },
  { against: 'ioredis runs a claim twice whose reply was lost', file: 'loop.js', shield: 'again => this.#queue.claim(this.#stopped ? 0 : room, token, lease, again)', without: 'again => this.#queue.claim(this.#stopped ? 0 : room, this.#token(), lease, false)', test: 'outage' },
  { against: 'what was taken by a wait that a close cut is stranded in active', file: 'loop.js', shield: '.catch(() => this.#revoke(token))', without: '.catch(() => undefined)', test: 'shutdown' },
  { against: 'a wait, and what stands behind it, outlives its connection', file: 'scripts/claim.lua', shield: 'if how == \'next\' and is_revoked() then return reply end', without: '', test: 'queue' },
  { against: 'finished jobs stay for ever', file: 'keeper.js', shield: 'await queue.reap(REAP_LIMIT) >= REAP_LIMIT', without: 'false', test: 'status' },
  { against: 'what a plain Bee-Queue ended stays for ever', file: 'scripts/adopt.lua', shield: 'redis.call(\'ZADD\', KEYS[2], \'NX\', till, id)', without: '', test: 'interop' },
  { against: 'a killed worker\'s task stays active', file: 'scripts/recover.lua', shield: 'elseif till <= now then', without: 'elseif false then', test: 'stalled' },
  { against: 'a task that kills its worker loops for ever', file: 'scripts/recover.lua', shield: 'stalls > tonumber(ARGV[3])', without: 'false', test: 'stalled' },
  { against: 'a claim without a time never lapses', file: 'scripts/recover.lua', shield: 'if not till or till > now + 2 * ARGV[2] then', without: 'if not till then return false elseif till > now + 2 * ARGV[2] then', test: 'queue-recover' },
  { against: 'a claim that its living worker forgot is held as long as that lives', file: 'scripts/recover.lua', shield: 'elseif till <= now then', without: 'elseif till <= 2 then', test: 'queue-recover' },
  { against: 'two runs of one task both count', file: 'scripts/settle.lua', shield: 'if not claim or claim ~= known or seen[id] then', without: 'claim = claim or id; if seen[id] then', test: 'stalled' },
  { against: 'two stall intervals make tasks run twice', file: 'scripts/join.lua', shield: 'if current and current ~= ARGV[1] and tonumber(current)', without: 'if false and tonumber(current)', test: 'worker' },
  { against: 'a timed-out handler that goes on frees its slot', file: 'attempt.js', shield: 'this.#observer.ended(outcome);', without: 'this.#observer.ended(outcome); this.#observer.returned();', test: 'timeout' },
  { against: 'one slow task holds up those that were claimed with it', file: 'runner.js', shield: 'while (this.#ahead.length > 0)', without: 'while (false)', test: 'ahead' },
  { against: 'what was claimed ahead is held until a close has ended', file: 'loop.js', shield: /this\.#runner\.handBackUnstarted\(\)/g, without: 'undefined', test: 'ahead' },
  { against: 'a timeout goes without an abort', file: 'attempt.js', shield: 'this.#controller?.abort(this.#reason)', without: 'undefined', test: 'timeout' },
  { against: 'setTimeout fires at once above 2 ** 31 - 1', file: 'options.js', shield: 'MAX_TIMER = 2 ** 31 - 1', without: 'MAX_TIMER = 2 ** 40', test: 'options' },
  { against: 'exponential backoff has no cap', file: 'backoff.js', shield: 'Math.min(wait, positive(options.max) ?? LONGEST, LONGEST)', without: 'wait', test: 'backoff' },
  { against: 'a strategy that the worker does not know', file: 'backoff.js', shield: '?? builtIn.exponential;', without: '?? builtIn.immediate;', test: 'backoff' },
  { against: 'close throws away what does not end in time', file: 'loop.js', shield: ', this.#runner.handBack()', without: '', test: 'shutdown' },
  { against: 'a hand-back turns the order round', file: 'runner.js', shield: '(a, b) => a.order - b.order', without: '(a, b) => b.order - a.order', test: 'shutdown' },
  { against: 'a handler that throws undefined counts as succeeded', file: 'attempt.js', shield: 'if (\'thrown\' in returned)', without: 'if (returned.thrown)', test: 'worker' },
  { against: 'a result that JSON cannot carry', file: 'attempt.js', shield: /throw new errors\.ResultInvalid\(toFailure/, without: 'json = "null"; if (0) throw new errors.ResultInvalid(toFailure', test: 'worker' },
  { against: 'data of null, 0, "" and false becomes {}', file: 'record.js', shield: 'const envelope = data === undefined', without: 'const envelope = !data', test: 'enqueue' },
  { against: 'delayUntil in seconds', file: 'options.js', shield: '&& timeOf(value) > 1e11', without: '', test: 'options' },
  { against: 'corrupt JSON cycles for ever', file: 'runner.js', shield: 'if (settling.unreadable)\n            return this.#refuse(settling, settling.unreadable);', without: 'if (settling.unreadable) throw settling.unreadable;', test: 'stalled' },
  { against: 'a handler that computes in a thread hears of no abort', file: 'thread-run.js', shield: 'this.#begun ? ABORT_GRACE : 0', without: '1e8', test: 'thread-end' },
  { against: 'piscina forgets a thread that it ends before it is gone', file: 'thread-run.js', shield: 'await this.#gone', without: '', test: 'thread-end' },
  { against: 'a task waits for a thread for longer than its timeout', file: 'attempt.js', shield: 'if (!this.#definition.options.thread)', without: '', test: 'thread-end' },
  { against: 'piscina starts no thread for what waits, once one died', file: 'thread.js', shield: 'if (this.#free > 0)', without: 'if (true)', test: 'thread' },
  { against: 'piscina leaves tasks waiting where no thread can start', file: 'thread.js', shield: 'run.giveUp(trouble)', without: '0', test: 'thread-process' },
  { against: 'an error that nobody caught in an idle thread ends the process', file: 'thread.js', shield: 'pool.on(\'error\'', without: 'pool.on(\'other\'', test: 'thread' },
  { against: 'two ports give no order: a result overtakes the last progress', file: 'thread-run.js', shield: /(this\.#failed\(error\)\);\s+)this\.#drain\(\);/, without: 'this.#failed(error));', test: 'thread' },
  { against: 'what a client or a producer says of its request stands in every line', file: 'record.js', shield: 'cleanOrigin(options);', without: '', test: 'origin' },
  { against: 'a worker that a route started has all tasks in that request\'s name', file: 'context.js', shield: ' && current.getStore() === undefined', without: '', test: 'origin' },
  { against: 'retry() takes tasks that have not failed', file: 'scripts/retry.lua', shield: 'if redis.call(\'SISMEMBER\', KEYS[2], id) == 0 then return \'refused\' end', without: '', test: 'queue-cancel' },
  { against: 'a cancelled task comes back by its retry', file: 'scripts/settle.lua', shield: 'elseif cancels and repeats and redis.call(\'SISMEMBER\', KEYS[7], id) == 1 then', without: 'elseif false then', test: 'cancel' },
  { against: 'the message that cancels is lost', file: 'scripts/renew.lua', shield: 'redis.call(\'SISMEMBER\', KEYS[3], id) == 1 and 2 or 1', without: '1', test: 'cancel' },
  { against: 'a tombstone in a long queue is run', file: 'runner.js', shield: 'if (isTerminal(stored.status))', without: 'if (false)', test: 'cancel' },
  { against: 'an expired task is run', file: 'runner.js', shield: 'if (isExpired(stored, now + Date.now() - ahead.since))', without: 'if (false)', test: 'enqueue' },
  { against: 'what was sent without Redis is enqueued when it is back, after a 503', file: 'availability.js', shield: 'if (!await this.#untilReady(', without: 'if (false && !await this.#untilReady(', test: 'outage' },
  { against: 'an id is enqueued twice', file: 'tasks.js', shield: 'const mine = added || await this.#isMine(job, start)', without: 'const mine = true', test: 'enqueue' },
  { against: 'a prototype in a record', file: 'record.js', shield: 'protoAction: \'remove\', constructorAction: \'remove\'', without: 'protoAction: \'ignore\', constructorAction: \'ignore\'', test: 'record' },
  { against: 'Redis out of memory in the middle of a script', file: 'scripts/settle.lua', shield: 'if held == 0 then redis.call(\'HSET\', KEYS[4], id, claim) end', without: '', test: 'queue-memory' },
  { against: 'zod\'s compilers refuse the JSON Schemas of our routes', file: 'routes.js', shield: '...compilers,', without: '', test: 'fits-zod' },
  { against: 'a transform runs at enqueue, and again in the worker', file: 'schema.js', shield: 'accepted: place.data, value', without: 'accepted: value, value', test: 'fits-zod' },
  { against: 'a scope without routes has no compiler with the app\'s ajv options', file: 'compilers.js', shield: 'controller.setupValidator(must(instance, \'fastify.options\'))', without: 'controller.setupValidator({ ajv: { customOptions: {} } })', test: 'fits-ajv' },
  { against: 'a client leaves before its stream is opened', file: 'routes.js', shield: 'if (raw.destroyed || raw.stream?.destroyed)', without: 'if (false)', test: 'watching' },
  { against: '# is the whole document in OpenAPI', file: 'openapi.js', shield: 'return bind({ $id: id, ...json }, id)', without: 'return { $id: id, ...json }', test: 'fits-swagger' },
  { against: 'inline, a wait for a retry begins later than its attempt ended', file: 'inline.js', shield: 'await idle(); // the wait', without: '// the wait', test: 'inline' },
  { against: 'inline, what comes due on the way runs at the end', file: 'inline.js', shield: 'due !== null && due <= end;', without: 'false;', test: 'inline' },
  { against: 'inline, a handler that never ends holds up a test for ever', file: 'inline.js', shield: 'setTimeout(() => late.abort(', without: 'setTimeout(() => void (', test: 'inline' },
  { against: 'inline, a handler that asks again and again holds up the process for ever', file: 'memory-queue.js', shield: 'await setImmediate();', without: '', test: 'inline' },
  { against: 'inline, timers keep a process that has nothing to do', file: 'keeper.js', shield: 'if (mode === \'inline\')', without: 'if (false)', test: 'inline' },
  { against: 'inline, a Date of the app\'s is in the past once the clock was moved', file: 'memory-store.js', shield: 'this.#now + time - Date.now()', without: 'time', test: 'inline' },
  { against: 'inline, a queue that answers otherwise than the one in Redis', file: 'memory-queue.js', shield: 'if (repeats && this.#cancelling.has(id))', without: 'if (false)', test: 'memory-queue' },
  { against: 'ioredis\' subscriber of a cluster does not say when it has missed something', file: 'connection.js', shield: 'return quiet(made)', without: 'made.disconnect(); return duplicate(client, label)', test: 'cluster' },
  { against: 'a cluster client opens a connection to every node', file: 'connection.js', shield: '{ ...options, lazyConnect: true }', without: 'options', test: 'cluster' },
  { against: 'a cluster client says that all nodes failed, and not why', file: 'connection.js', shield: 'error.lastNodeError ?? error', without: 'error', test: 'cluster' },
  { against: 'a cluster client runs a claim twice whose reply was lost', file: 'connection.js', shield: 'retryDelayOnFailover: 0', without: 'retryDelayOnFailover: 100', test: 'cluster-failover' },
  { against: 'a cluster client gives up in words of its own', file: 'availability.js', shield: '|Too many Cluster redirections', without: '', test: 'cluster-failover' },
  { against: 'one master away: the status of every task waits for it', file: 'tasks.js', shield: 'firstOf(looks)', without: '(await Promise.all(looks)).find(one => one !== null) ?? null', test: 'cluster-failover' },
  { against: 'one master back: its workers\' tasks are taken for stalled', file: 'keeper.js', shield: 'this.#away || Date.now()', without: 'Date.now()', test: 'cluster-failover' },
  { against: 'a master that takes over has no scripts', file: 'scripts.js', shield: /if \(!isMissingScript\(error\)\)/g, without: 'if (error)', test: 'failover' },
  { against: 'what a killed worker told stays for ever', file: 'scripts/beat.lua', shield: 'redis.call(\'ZRANGEBYSCORE\', KEYS[1], \'-inf\', now, \'LIMIT\', 0, 1000)', without: '{}', test: 'workers' },
  { against: 'what the last worker told stays for ever', file: 'scripts/beat.lua', shield: 'redis.call(\'PEXPIRE\', KEYS[2], ARGV[3])', without: '', test: 'workers' },
  { against: 'a killed worker is listed', file: 'scripts/workers.lua', shield: '\'(\' .. time[1] * 1000 + math.floor(time[2] / 1000)', without: '\'-inf\'', test: 'workers' },
  { against: 'a worker that closed is listed', file: 'heart.js', shield: 'queue.beat(id, \'\', LIFETIME)', without: 'queue.beat(id, \'{}\', LIFETIME)', test: 'workers' },
  { against: 'garbage in what a worker told', file: 'vitals.js', shield: 'Number.isFinite(value) && value >= 0 ? value : 0', without: 'true ? value : 0', test: 'workers' },
  { against: 'a page that lost its place', file: 'scripts/page.lua', shield: 'return at and redis.call', without: 'return false and redis.call', test: 'listing' },
  { against: 'a page that trusts an old place', file: 'scripts/page.lua', shield: 'if redis.call(\'LINDEX\', key, -1 - place) == after then', without: 'if true then', test: 'listing' },
  { against: 'a terminal obeys what a task says', file: 'cli/text.js', shield: 'char === \'\\t\' ? \'  \' : escape(char)', without: 'char', test: 'cli-list' },
  { against: 'EPIPE ends a process with a stack', file: 'cli/output.js', shield: 'if (error.code === \'EPIPE\')', without: 'if (false)', test: 'cli-list' },
  { against: 'a purge that nobody confirmed', file: 'cli/purge.js', shield: 'if (!yes && !await confirmed(what))', without: 'if (false)', test: 'cli-purge' },
  { against: 'a command starts the app\'s embedded worker', file: 'boot-app.js', shield: 'host.standalone = true', without: '', test: 'cli-source' },
  { against: 'a change kills what runs', file: 'cli/supervisor.js', shield: 'this.#stop(\'SIGTERM\')', without: 'this.#stop(\'SIGKILL\')', test: 'cli-watch' },
  { against: 'the worker outlives who watches it', file: 'cli/worker.js', shield: 'if (tied)\n', without: 'if (false)\n', test: 'cli-watch' },
  { against: 'a worker that does not end holds up the new one', file: 'cli/supervisor.js', shield: 'this.#child?.kill(\'SIGKILL\')', without: '', test: 'cli-watch' },
  { against: 'what is written to node_modules, or to a dotfile, starts it anew', file: 'cli/watcher.js', shield: 'ignored: file => isIgnored(file, paths)', without: '', test: 'cli-watch' },
  { against: 'a private Redis beside the one that is named', file: 'plugin.js', shield: 'isClient(decorated) || process.env.REDIS_URL ? undefined', without: 'false ? undefined', test: 'cli-dev' },
  { against: 'what cannot be said is an uncaught error, which is said', file: 'cli/output.js', shield: 'stream.on(\'error\', () => { })', without: 'void stream', test: 'cli' },
  { against: 'dev in production', file: 'cli/dev.js', shield: 'process.env.NODE_ENV === \'production\'', without: 'false', test: 'cli-dev' },
  { against: 'a master that hangs: an enqueue goes to it for ever', file: 'connection.js', shield: 'retryStrategy, reconnectOnError, socketTimeout }', without: 'retryStrategy, reconnectOnError }', test: 'hang' },
  { against: 'the same in a cluster', file: 'connection.js', shield: '{ socketTimeout, ...redisOptions }', without: '{ ...redisOptions }', test: 'hang' },
  { against: 'the same for a connection that listens', file: 'subscriber.js', shield: 'client.ping()', without: 'Promise.resolve()', test: 'hang' }
]

function takenOut (whole: string, { shield, without }: Shield): string { return whole.replace(shield, () => without) }

/** Those that the code has no more: the table is out of date. */
function missing (): Shield[] {
  return shields.filter(one => {
    const whole = readFileSync(`.build/lib/${one.file}`, 'utf8')
    return takenOut(whole, one) === whole
  })
}

/** Whether the test fails without the shield. */
function holds (one: Shield, redisUrl: string): boolean {
  const { file, test } = one
  const path = `${COPY}/lib/${file}`
  const whole = readFileSync(path, 'utf8')
  writeFileSync(path, takenOut(whole, one))
  const args = ['tap', '--disable-coverage', '--reporter=tap', '--timeout=60', '--bail', `${COPY}/test/${test}.test.js`]
  const { status } = spawnSync('npx', args, { env: { ...process.env, REDIS_URL: redisUrl }, timeout: 120_000 })
  writeFileSync(path, whole)
  return status !== null && status !== 0 // null: it was still running, which shows nothing
}

async function main (): Promise<void> {
  const [only] = process.argv.slice(2)
  const gone = missing()
  for (const { file, shield } of gone) console.log(`not ok - ${file} has no ${shield}: the table is out of date`)
  if (gone.length > 0) process.exitCode = 1
  else if (only === '--check') console.log(`all ${shields.length} shields are where the table says`)
  else await run(only)
}

async function run (only: string | undefined): Promise<void> {
  const redis = await startRedis()
  cpSync('.build', COPY, { recursive: true })
  let passed = 0
  let failed = 0
  try {
    for (const one of shields.filter(({ test, file }) => !only || test === only || file === only)) {
      const held = holds(one, redis.url)
      console.log(`${held ? 'ok' : 'not ok'} - ${one.against} (${one.file}, held by test/${one.test}.test.ts)`)
      held ? passed++ : failed++
    }
  } finally {
    rmSync(COPY, { recursive: true, force: true })
    await redis.stop()
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
