#!/usr/bin/env node
/**
 * Layer 4: the command line: which commands and flags there are. What they do is in `cli/`.
 */
import { Command, Option } from 'commander'
import { cancel } from './commands/cancel.ts'
import { dev, type DevFlags } from './commands/dev.ts'
import { EXIT, EXIT_HELP, fail, printError } from './exit.ts'
import { LEVELS, level, names, port, integer } from './flags.ts'
import { inspect } from './commands/inspect.ts'
import { list, type ListFlags } from './commands/list.ts'
import { endWithReader, flushed, printErr } from './output.ts'
import { purge, type PurgeFlags } from './commands/purge.ts'
import { retry } from './commands/retry.ts'
import { openConnection, type TaskConnection, type ConnectFlags } from './connect.ts'
import { status, type StatusFlags } from './commands/status.ts'
import { devApp, type DevAppFlags } from './commands/dev-app.ts'
import { watchWorker, worker, type WorkerFlags } from './commands/worker.ts'
import { defaults, devDefaults, listDefaults, workerDefaults } from '../options.ts'
import { STATES } from '../records/states.ts'
import { version } from '../version.ts'

/** Opens what the flags name, does it, closes, and exits: an app may have left things open. */
async function query (flags: ConnectFlags, run: (source: TaskConnection) => Promise<number>): Promise<never> {
  endWithReader()
  const source = await openConnection(flags).catch(fail)
  const code = await run(source).catch((error: { code?: string }) => {
    printError(error)
    if (error.code === 'FST_TASKS_QUEUE_UNKNOWN' && !flags.app) printErr('  Without an app the queues are those that have keys in Redis under the prefix; name others with --queues')
    return EXIT.failed
  })
  await source.close()
  await flushed()
  process.exit(code)
}

/** A command that looks at tasks, or changes them, from outside of any worker. */
function queryCommand (usage: string, description: string): Command {
  return program.command(usage)
    .description(description)
    .option('-A, --app <file>', 'find Redis and queues as this app does: it is booted without listening and without working')
    .option('--redis <url>', 'without an app: where Redis is (default: REDIS_URL, then redis://localhost:6379/0)')
    .option('--prefix <name>', `without an app: the plugin's prefix (default: ${defaults.prefix})`)
    .option('-Q, --queues <names>', 'without an app: the queues, with commas between them (default: all that have keys in Redis)', names)
    .option('--instance <name>', 'with an app that registers the plugin more than once: which one, by its name option')
    .option('--json', 'print JSON, for programs')
}

const exit = (code: number): never => process.exit(code)

const exitWithParent = (): Option => new Option('--exit-with-parent', 'end with the process that started this one').hideHelp()

const logLevel = (): Option => new Option('-l, --log-level <level>', `${LEVELS.join(', ')} (--loglevel is the same)`).argParser(level).default('info')

/** Celery's spelling. Sets the value of `--log-level`. */
const celeryLogLevel = (): Option => new Option('--loglevel <level>').argParser(level).hideHelp()

/** Takes `--loglevel` for `--log-level`. */
const useEitherSpelling = (_command: Command, action: Command): void => {
  const { loglevel } = action.opts<{ loglevel?: string }>()
  if (loglevel !== undefined) action.setOptionValue('logLevel', loglevel)
}

const program = new Command('fastify-tasks').description('Background jobs for Fastify').version(version).addHelpText('afterAll', EXIT_HELP).hook('preAction', useEitherSpelling)

program.command('worker')
  .description('work on the tasks of an app: the same plugin that serves HTTP, booted without listening')
  .requiredOption('-A, --app <file>', 'the app plugin: .js, .mjs, .cjs or .ts')
  .option('-Q, --queues <names>', 'queues to serve, with commas between them (default: all that have tasks with a handler)', names)
  .option('-c, --concurrency <number>', 'tasks that run at once, for each queue', integer, workerDefaults.concurrency)
  .addOption(logLevel())
  .addOption(celeryLogLevel())
  .option('--close-timeout <ms>', `how long running tasks may go on after SIGTERM (default: ${workerDefaults.closeTimeout})`, integer)
  .option('--watch', 'start anew when files change: in the app\'s folder those that hold code (not node_modules, nor what begins with a dot)')
  .option('--watch-path <paths...>', 'the same for these files and folders instead of the app\'s folder; there every file counts')
  .addOption(exitWithParent())
  .action((flags: WorkerFlags) => flags.watch || flags.watchPath ? watchWorker(flags).then(exit, fail) : worker(flags).catch(fail))

/** What the app has under `dev` and in its own process there. */
function appCommand (name: string, description: string, hidden: boolean): Command {
  return program.command(name, { hidden })
    .description(description)
    .requiredOption('-A, --app <file>', 'the app plugin: .js, .mjs, .cjs or .ts')
    .addOption(new Option('-p, --port <number>', 'where it listens').env('PORT').argParser(port).default(devDefaults.port))
    .option('--host <name>', 'where it listens', devDefaults.host)
    .option('-Q, --queues <names>', 'queues to serve, with commas between them (default: all that have tasks with a handler)', names)
    .option('-c, --concurrency <number>', 'tasks that run at once, for each queue', integer, workerDefaults.concurrency)
    .addOption(logLevel())
    .addOption(celeryLogLevel())
    .option('--close-timeout <ms>', 'how long running tasks may go on when it starts anew or ends; then they are handed back', integer, devDefaults.closeTimeout)
}

appCommand('dev', 'for development: serve the app, work on its tasks, start anew when files change; where no Redis is named and none is there, with a private one, whose data goes when this ends', false)
  .option('--redis <url>', 'where Redis is, for an app that names none (default: REDIS_URL, then one on this machine, then a private one)')
  .option('--no-watch', 'do not start anew when files change')
  .option('--watch-path <paths...>', 'files and folders to watch instead of the app\'s folder; there every file counts')
  .action((flags: DevFlags) => dev(flags).then(exit, fail))

appCommand('dev-app', 'the app\'s own process under dev', true)
  .addOption(exitWithParent())
  .action((flags: DevAppFlags) => devApp(flags).catch(fail))

queryCommand('list', 'tasks of one state: waiting and active ones oldest first, delayed ones by when they are due, ended ones newest first')
  .addOption(new Option('-s, --state <state>', 'which ones').choices(STATES).default('waiting'))
  .option('--queue <name>', 'of one queue only')
  .option('--name <task>', 'of one task only')
  .option('-n, --limit <number>', 'how many, up to 1000', integer, listDefaults.limit)
  .option('--cursor <cursor>', 'go on where the page before ended')
  .action((flags: ConnectFlags & ListFlags) => query(flags, source => list(source, flags)))

queryCommand('status <id>', 'all that is known of a task')
  .option('--full', 'also its data, and the stack of its last failure')
  .action((id: string, flags: ConnectFlags & StatusFlags) => query(flags, source => status(source, id, flags)))

queryCommand('cancel <id>', 'cancel a task: one that has not started never will, one that runs is aborted, wherever that is')
  .action((id: string, flags: ConnectFlags & { json?: boolean }) => query(flags, source => cancel(source, id, flags)))

queryCommand('retry <id>', 'queue a failed task again')
  .action((id: string, flags: ConnectFlags & { json?: boolean }) => query(flags, source => retry(source, id, flags)))

queryCommand('purge <queue>', 'remove all tasks of a queue that have not started; asks first')
  .option('-y, --yes', 'do not ask')
  .action((queue: string, flags: ConnectFlags & PurgeFlags) => query(flags, source => purge(source, queue, flags)))

queryCommand('inspect', 'the queues, the workers that live, and what each of them runs')
  .action((flags: ConnectFlags & { json?: boolean }) => query(flags, source => inspect(source, flags)))

await program.parseAsync()
