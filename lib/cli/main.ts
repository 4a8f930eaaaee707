#!/usr/bin/env node
/**
 * The command line: its commands and their flags. What they do is in `commands/`. Fastify and the plugin are loaded by
 * the commands that need them: they take most of the time in which a command starts.
 */
import './env.ts'
import { Argument, Command, Option } from 'commander'
import { appArgs, ownArgs } from './app-options.ts'
import { cancel } from './commands/cancel.ts'
import { dev, type DevFlags } from './commands/dev.ts'
import { promote, reschedule, type RescheduleFlags } from './commands/due.ts'
import { inspect, type InspectFlags } from './commands/inspect.ts'
import { list, type ListFlags } from './commands/list.ts'
import { logs, type LogsFlags } from './commands/logs.ts'
import { changeMany, count, type FilterFlags, type ManyCommand, type ManyFlags } from './commands/many.ts'
import { pause, type PauseFlags } from './commands/pause.ts'
import { purge, type PurgeFlags } from './commands/purge.ts'
import { remove, type RemoveFlags } from './commands/remove.ts'
import { retry } from './commands/retry.ts'
import { ACTIONS, schedules, type ScheduleAction, type ScheduleFlags } from './commands/schedules.ts'
import { status, type StatusFlags, type TaskFlags } from './commands/status.ts'
import { watchWorker, worker, type WorkerFlags } from './commands/worker.ts'
import { EXIT, EXIT_HELP, fail, goOnWithoutReader, printError } from './exit.ts'
import { integer, integerFrom, laterTime, level, LEVELS, names, once, port, time } from './flags.ts'
import { flushed, printErr } from './output.ts'
import {
  checkDefaults, defaults, devDefaults, listDefaults, LOCAL_REDIS, manyStates, MAX_CONCURRENCY, MAX_TIMER,
  workerDefaults, type ManyCall
} from '../options.ts'
import { STATES } from '../records/states.ts'
import { version } from '../version.ts'
import type { DevAppFlags } from './commands/dev-app.ts'
import type { ConnectFlags, TaskConnection } from './connect.ts'

/** Opens the connection, runs the command, closes and exits: an app may keep the process running. */
async function query (flags: ConnectFlags, run: (connection: TaskConnection) => Promise<number>): Promise<never> {
  goOnWithoutReader()
  const isForNobody = appArgs().length > 0 && !flags.app
  if (isForNobody) program.error('error: what follows -- are options of the app: name it with -A')
  const { openConnection } = await import('./connect.ts')
  const connection = await openConnection(flags).catch(fail)
  const code = await run(connection).catch((error: { code?: string }) => {
    printError(error)
    if (error.code === 'FST_TASKS_QUEUE_UNKNOWN' && !flags.app) {
      const queues = 'the queues are those that have keys in Redis under the prefix'
      printErr(`  Without an app ${queues}; name others with --queues`)
    }
    return EXIT.failed
  })
  await connection.close()
  await flushed()
  process.exit(code)
}

/** A command that reads or changes tasks from outside any worker. */
function queryCommand (usage: string, description: string): Command {
  return program.command(usage)
    .description(description)
    .option('-A, --app <file>', 'use the Redis and the queues of this app: it is booted, but does not listen or work')
    .option('--redis <url>', `without an app: where Redis is (default: REDIS_URL, then ${LOCAL_REDIS})`)
    .option('--prefix <name>', `without an app: the plugin's prefix (default: ${defaults.prefix})`)
    .option('-Q, --queues <names>',
      'without an app: the queues, separated by commas (default: all that have keys in Redis)', names)
    .option('--instance <name>',
      'if the app registers the plugin more than once: which instance, by its name option')
    .option('--json', 'print JSON, for programs')
}

const exit = (code: number): never => process.exit(code)

const queueOfTask = (): Option =>
  new Option('--queue <name>', 'the queue of the task, if tasks of several queues have the id')
    .argParser(once())

const exitWithParent = (): Option =>
  new Option('--exit-with-parent', 'exit when the process that started this one ends').hideHelp()

const logLevel = (): Option =>
  new Option('-l, --log-level <level>', `level of the log: ${LEVELS.join(', ')} (--loglevel is the same)`)
    .argParser(level)
    .default('info')

const portOption = (): Option =>
  new Option('-p, --port <number>', 'port to listen on').env('PORT').argParser(port).default(devDefaults.port)

/** Celery's spelling. It sets the value of `--log-level`. */
const celeryLogLevel = (): Option => new Option('--loglevel <level>').argParser(level).hideHelp()

const APP_OPTIONS_HELP = `
What follows -- are options of the app, as for fastify start: fastify-tasks worker -A app.js -- --tenant a`

const useEitherSpelling = (_program: Command, command: Command): void => {
  const { loglevel } = command.opts<{ loglevel?: string }>()
  if (loglevel !== undefined) command.setOptionValue('logLevel', loglevel)
}

const program = new Command('fastify-tasks')
  .description('Background jobs for Fastify')
  .version(version)
  .addHelpText('afterAll', APP_OPTIONS_HELP + EXIT_HELP)
  // What a person mistyped is quoted: a URL may be in it.
  .configureOutput({ writeErr: text => printErr(text.replace(/\n$/, '')) })
  .hook('preAction', useEitherSpelling)

/** The flags of commands that run an app. */
function appCommand (name: string, description: string, hidden = false): Command {
  return program.command(name, { hidden })
    .description(description)
    .requiredOption('-A, --app <file>', 'the app plugin: .js, .mjs, .cjs or .ts')
    .option('-Q, --queues <names>',
      'queues to serve, separated by commas (default: all that have tasks with a handler)', names)
    .option('-c, --concurrency <number>', 'tasks that run at once, in each queue',
      integerFrom(1, MAX_CONCURRENCY), workerDefaults.concurrency)
    .addOption(logLevel())
    .addOption(celeryLogLevel())
}

appCommand('worker', 'work on the tasks of an app: the same plugin that serves HTTP, booted without listening')
  .option('--close-timeout <ms>',
    `how long to wait for running tasks after SIGTERM (default: ${workerDefaults.closeTimeout})`,
    integerFrom(0, MAX_TIMER))
  .option('--monitor-port <number>', 'answer /metrics, /live and /ready on this port', port)
  .option('--monitor-host <name>', 'address for --monitor-port (default: 0.0.0.0)')
  .option('--watch',
    'restart when code files in the app\'s folder change (not in node_modules, nor in names that start with a dot)')
  .option('--watch-path <paths...>', 'watch all files in these paths instead of code files in the app\'s folder')
  .addOption(exitWithParent())
  .action((flags: WorkerFlags) =>
    flags.watch || flags.watchPath ? watchWorker(flags).then(exit, fail) : worker(flags).catch(fail))

/** The flags of `dev`, and of the app's own process under it. */
function devCommand (name: string, description: string, hidden = false): Command {
  return appCommand(name, description, hidden)
    .addOption(portOption())
    .option('--host <name>', 'address to listen on', devDefaults.host)
    .option('--close-timeout <ms>',
      'how long to wait for running tasks at a restart or at the end; then they are re-queued',
      integerFrom(0, MAX_TIMER), devDefaults.closeTimeout)
}

devCommand('dev',
  'for development: serve an app, work on its tasks, restart when files change. If no Redis is named, and none ' +
  'answers on this machine, it starts a private one; its data is deleted at the end')
  .option('--redis <url>',
    'where Redis is, for an app that names none (default: REDIS_URL, then one on this machine, then a private one)')
  .option('--no-watch', 'do not restart when files change')
  .option('--watch-path <paths...>', 'watch all files in these paths instead of code files in the app\'s folder')
  .action((flags: DevFlags) => dev(flags).then(exit, fail))

devCommand('dev-app', 'the app\'s own process under dev', true)
  .addOption(exitWithParent())
  .action((flags: DevAppFlags) => import('./commands/dev-app.ts').then(({ devApp }) => devApp(flags)).catch(fail))

queryCommand('list',
  'tasks of one state: waiting and active tasks oldest first, delayed tasks by due time, finished tasks newest first')
  .addOption(new Option('-s, --state <state>', 'the state (default: "waiting", or any with --tag)').choices(STATES))
  .option('--tag <tag>', 'only tasks with this tag, those first that were enqueued last', once())
  .option('--queue <name>', 'only tasks of this queue', once())
  .option('--name <task>', 'only tasks with this name', once())
  .option('-n, --limit <number>', 'how many tasks, up to 1000', integer, listDefaults.limit)
  .option('--cursor <cursor>', 'continue where the page before ended')
  .action((flags: ConnectFlags & ListFlags) => query(flags, connection => list(connection, flags)))

queryCommand('status <id>', 'everything that is known about a task; of a flow its members too, as a tree')
  .addOption(queueOfTask())
  .option('--full', 'also its data, and the stack of its last failure')
  .option('-n, --limit <number>', 'how many members of a flow, up to 1000', integer, listDefaults.limit)
  .option('--cursor <cursor>', 'continue with the members of a flow where the page before ended')
  .action((id: string, flags: ConnectFlags & StatusFlags) =>
    query(flags, connection => status(connection, id, flags)))

queryCommand('logs <id>', 'what the handler of a task has logged, if the task is defined with keepLogs')
  .addOption(queueOfTask())
  .option('-f, --follow', 'print new lines until the task has ended')
  .action((id: string, flags: ConnectFlags & LogsFlags) => query(flags, connection => logs(connection, id, flags)))

queryCommand('cancel <id>', 'cancel a task: it never starts, or it is aborted if it is running, in whatever worker')
  .addOption(queueOfTask())
  .action((id: string, flags: ConnectFlags & TaskFlags) => query(flags, connection => cancel(connection, id, flags)))

queryCommand('retry <id>', 'queue a failed task again')
  .addOption(queueOfTask())
  .action((id: string, flags: ConnectFlags & TaskFlags) => query(flags, connection => retry(connection, id, flags)))

queryCommand('remove <id>', 'remove a task that is not running, with all that is stored of it; asks first')
  .addOption(queueOfTask())
  .option('-y, --yes', 'do not ask')
  .action((id: string, flags: ConnectFlags & RemoveFlags) => query(flags, connection => remove(connection, id, flags)))

queryCommand('promote <id>', 'start a delayed task now, or one that waits for its next attempt')
  .addOption(queueOfTask())
  .action((id: string, flags: ConnectFlags & TaskFlags) => query(flags, connection => promote(connection, id, flags)))

queryCommand('reschedule <id>', 'start a delayed task, or one that waits for its next attempt, at another time')
  .addOption(queueOfTask())
  .option('--delay <ms>', 'so long from now', integer)
  .option('--until <time>', 'at this time, in ISO 8601', laterTime)
  .action((id: string, flags: ConnectFlags & RescheduleFlags) =>
    query(flags, connection => reschedule(connection, id, flags)))

/** A command about all tasks that match. */
function filterCommand (usage: string, description: string, call: ManyCall): Command {
  const states = manyStates[call]
  const command = queryCommand(usage, description)
  if (states.length > 1) {
    command.addOption(new Option('-s, --state <states...>', 'in one of these states').choices(states)
      .makeOptionMandatory())
  }
  return command
    .option('--queue <name>', 'only tasks of this queue', once())
    .option('--name <task>', 'only tasks with this name', once())
    .option('--tag <tag>', 'only tasks with this tag', once())
    .option('--code <code>', 'only tasks whose last error has this code', once())
    .option('--from <time>', 'only tasks that ended (or were enqueued) at this time or later: ISO 8601, or as 2h',
      once(time))
    .option('--to <time>', 'only tasks that ended (or were enqueued) before this time', once(time))
}

function manyCommand (usage: string, description: string, call: ManyCommand): Command {
  const command = filterCommand(usage, description, call)
    .option('-n, --limit <number>', 'at most so many tasks (default: all)', integer)
    .option('--cursor <cursor>', 'go on from where the command before ended')
  if (call !== 'retryMany') command.option('-y, --yes', 'do not ask')
  return command.action((flags: ConnectFlags & ManyFlags) =>
    query(flags, connection => changeMany(connection, call, { ...flags, state: flags.state ?? ['failed'] })))
}

filterCommand('count', 'how many tasks match', 'count')
  .action((flags: ConnectFlags & FilterFlags) => query(flags, connection => count(connection, flags)))

manyCommand('retry-many', 'queue all failed tasks that match again', 'retryMany')
manyCommand('cancel-many', 'cancel all tasks that match; counts them, and asks first', 'cancelMany')
manyCommand('remove-many', 'remove all tasks that match, with all that is stored of them; counts them, and asks first',
  'removeMany')

queryCommand('schedules', 'schedules: a page of them, or one to pause, resume or trigger, or its next runs')
  .addArgument(new Argument('[action]', 'what to do').choices(ACTIONS).default('list'))
  .argument('[id]', 'id of the schedule, for all but list')
  .option('-n, --limit <number>', 'list: how many schedules, up to 1000', integer, listDefaults.limit)
  .option('--cursor <cursor>', 'list: go on from where the page before ended')
  .action((action: ScheduleAction, id: string | undefined, flags: ConnectFlags & ScheduleFlags) =>
    query(flags, connection => schedules(connection, action, id, flags)))

for (const [action, what] of [
  ['pause', 'no worker starts tasks of a queue, or of one name, from now on: running tasks go on, all others wait'],
  ['resume', 'end a pause: what waited starts first']
] as const) {
  queryCommand(action, what)
    .option('--queue <name>', 'the queue', once())
    .option('--name <task>', 'the tasks with this name, in all queues; with --queue: in this one', once())
    .action((flags: ConnectFlags & PauseFlags) => query(flags, connection => pause(connection, action, flags)))
}

queryCommand('purge <queue>', 'remove all tasks of a queue that have not started; asks first')
  .option('--retrying', 'also remove tasks between two attempts: they were started')
  .option('-y, --yes', 'do not ask')
  .action((queue: string, flags: ConnectFlags & PurgeFlags) =>
    query(flags, connection => purge(connection, queue, flags)))

queryCommand('inspect', 'the queues, the living workers, and what each of them is running')
  .option('--check',
    'look for trouble: tasks wait and no worker is running, or a task waits too long. Then it exits with 4')
  .option('--max-wait <seconds>', 'with --check: how long a task may wait', integer, checkDefaults.maxWait)
  .action((flags: ConnectFlags & InspectFlags) => query(flags, connection => inspect(connection, flags)))

await program.parseAsync(ownArgs())
