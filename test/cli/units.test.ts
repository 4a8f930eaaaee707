import { Writable } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import { printError } from '../../lib/cli/exit.ts'
import { integer, port, toArgs } from '../../lib/cli/flags.ts'
import { pretty } from '../../lib/cli/pretty.ts'
import { ago, toJsonLine, cleanText, oneLine, shorten, span } from '../../lib/cli/text.ts'
import * as errors from '../../lib/errors.ts'

t.test('lengths of time', async t => {
  const cases = [
    [-5, '0s'], [0, '0s'], [59_999, '59s'], [60_000, '1m'], [3_599_999, '59m'], [3_600_000, '1h'],
    [172_799_999, '47h'], [172_800_000, '2d'], [8.64e9, '100d']
  ] as const
  for (const [ms, text] of cases) t.equal(span(ms), text)
  t.equal(ago(null), '-')
  t.equal(ago(new Date(Date.now() - 120_500).toISOString()), '2m')
})

t.test('characters that control a terminal are shown as escapes', async t => {
  t.equal(cleanText('a\tb\nc\r\u001b[0m\u2028\u202e'), 'a  b\nc\\u000d\\u001b[0m\\u2028\\u202e')
  t.equal(oneLine('  a \n\n b '), 'a b')
  t.equal(shorten('x'.repeat(20), 10), `${'x'.repeat(9)}…`)
  t.equal(shorten('x'.repeat(10), 10), 'x'.repeat(10))
  t.same(JSON.parse(toJsonLine({ a: '\u009b\u202e' })), { a: '\u009b\u202e' })
  t.match(toJsonLine({ a: '\u009b\u202e' }), /^[ -~]+$/)
})

t.test('values of flags', async t => {
  t.equal(port('0'), 0)
  t.equal(port('65535'), 65_535)
  for (const wrong of ['65536', '-1', '', 'x', '1.5']) t.throws(() => port(wrong), /Give a/)
  t.throws(() => integer('1e3'), /whole number/)
  t.same(toArgs({ '--app': 'app.ts', '--port': 0, '--queues': undefined }), ['--app', 'app.ts', '--port', '0'])
})

t.test('an error of ours is one line, any other has its stack', async t => {
  const capture = t.capture(process.stderr, 'write', () => true)
  printError(new errors.TaskNotFound('a\u001bb'))
  printError(new Error('unknown'))
  printError(undefined)
  printError('text')
  const lines = capture().map(({ args }) => String(args[0]))
  t.match(lines[0], /^fastify-tasks: There is no task with the id "a\\u001bb".* \[FST_TASKS_NOT_FOUND\]\n$/)
  t.match(lines[1], /^fastify-tasks: Error: unknown\n +at /)
  t.same(lines.slice(2), ['fastify-tasks: undefined\n', 'fastify-tasks: text\n'])
})

t.test('logs of dev: pretty, unless the app has its own logger', async t => {
  const file = import.meta.filename
  const own = { loggerInstance: pino({ level: 'silent' }) }
  t.equal(pretty(own, file, 'info'), own)
  for (const logger of [{ stream: new Writable() }, { transport: { target: 'nowhere' } }]) {
    const options = { logger } as any
    t.equal(pretty(options, file, 'info'), options)
  }
  for (const [logger, level] of [[undefined, 'info'], [true, 'info'], [{ level: 'warn' }, 'warn']] as const) {
    const options: any = pretty({ logger, bodyLimit: 1 }, file, 'info')
    t.match(options, { bodyLimit: 1, logger: { level } })
    t.equal(typeof options.logger.stream.write, 'function')
  }
  const fallback: any = pretty({}, '/nowhere/app.js', 'info')
  t.equal(typeof fallback.logger.stream.write, 'function', 'our own pino-pretty, if the app has none')
})
