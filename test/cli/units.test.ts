import { spawnSync } from 'node:child_process'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { printError } from '../../lib/cli/exit.ts'
import { integer, laterTime, names, port, time, toArgs } from '../../lib/cli/flags.ts'
import { printErr } from '../../lib/cli/output.ts'
import { cleanLine, pretty } from '../../lib/cli/pretty.ts'
import { ago, toJsonLine, cleanText, oneLine, shorten } from '../../lib/cli/text.ts'
import * as errors from '../../lib/errors.ts'
import { span } from '../../lib/schedules/in-words.ts'
import { ALONE } from '../support/room.ts'

t.test('lengths of time', async t => {
  const cases = [
    [-5, '0s'], [0, '0s'], [59_999, '59s'], [60_000, '1m'], [3_599_999, '59m'], [3_600_000, '1h'],
    [172_799_999, '47h'], [172_800_000, '2d'], [8.64e9, '100d']
  ] as const
  for (const [ms, text] of cases) t.equal(span(ms), text)
  t.equal(ago(null), '-')
  t.equal(ago(new Date(Date.now() - 120_500).toISOString()), '2m')
})

t.test('names of queues: those of each -Q', async t => {
  t.same(names('a, b'), ['a', 'b'])
  t.same(names('c', names('a,b')), ['a', 'b', 'c'])
})

t.test('characters that control a terminal are shown as escapes', async t => {
  t.equal(cleanText('a\tb\nc\r\u001b[0m\u2028\u202e'), 'a  b\nc\\u000d\\u001b[0m\\u2028\\u202e')
  t.equal(oneLine('  a \n\n b '), 'a b')
  t.equal(shorten('x'.repeat(20), 10), `${'x'.repeat(9)}…`)
  t.equal(shorten('x'.repeat(10), 10), 'x'.repeat(10))
  t.same(JSON.parse(toJsonLine({ a: '\u009b\u202e' })), { a: '\u009b\u202e' })
  t.match(toJsonLine({ a: '\u009b\u202e' }), /^[ -~]+$/)
})

/** Controls, marks of directions, and characters that nobody sees. */
const HIDDEN = [
  0x00, 0x07, 0x08, 0x0d, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x34f, 0x61c, 0x115f, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e,
  0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0x206f, 0x3164, 0xfeff, 0xffa0, 0xfff9, 0xe0001,
  0xe007f, 0xd800, 0xdfff
].map(code => String.fromCodePoint(code))

/** Everything that a program prints that calls each way to a terminal with a text. */
function printed (t: Test, text: string): string {
  const from = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
  const program = `
    import { pino } from ${JSON.stringify(import.meta.resolve('pino'))}
    import { printError } from ${from('../../lib/cli/exit.js')}
    import { print, printErr, printFields, printTable } from ${from('../../lib/cli/output.js')}
    import { jsonStream, pretty } from ${from('../../lib/cli/pretty.js')}
    const text = ${JSON.stringify(text)}
    const fields = { [text]: { deep: [text] }, err: new Error(text) }
    pino({}, pretty({}, ${JSON.stringify(import.meta.filename)}, 'info').logger.stream).info(fields, text)
    pino({}, jsonStream).info(fields, text)
    print(text)
    printErr(text)
    printError(Object.assign(new Error(text), { code: 'FST_TASKS_X' }))
    printError(new Error(text))
    printTable(['A'], [[text]])
    printFields([['a', text]])`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program])
  t.equal(status, 0, String(stderr))
  return String(stdout) + String(stderr)
}

t.test('no way to a terminal lets a character pass that controls it or that nobody sees', async t => {
  const text = printed(t, `begin${HIDDEN.join('.')}end`)
  t.ok(text.match(/end/g)!.length >= 12)
  for (const char of HIDDEN) t.notOk(text.includes(char), `U+${char.codePointAt(0)!.toString(16)}`)
  const json = text.split('\n').find(line => line.startsWith('{'))!
  t.equal(JSON.parse(json).msg, `begin${HIDDEN.join('.')}end`, 'JSON keeps its meaning')
})

t.test('what people write stays as it is', async t => {
  for (const text of ['é', '日本語', 'שלום', '😀', '❤\ufe0f', 'a\nb']) t.equal(cleanText(text), text)
  t.equal(cleanLine('no JSON \u001b[2J\n'), 'no JSON \\u001b[2J\n')
  const line = { level: 30, msg: 'a\nb', n: 1, no: null, list: [true] }
  t.same(JSON.parse(cleanLine(JSON.stringify(line))), line)
})

t.test('a message has no password of a URL', ALONE, async t => {
  const err = t.capture(process.stderr, 'write', () => true)
  printErr('cannot connect to redis://user:hunter2@host:1')
  printError(new Error('Invalid URL: redis:/:hunter2@host'))
  t.notMatch(err().map(({ args }) => String(args[0])).join(''), /hunter2/)
})

t.test('values of flags', async t => {
  t.equal(port('0'), 0)
  t.equal(port('65535'), 65_535)
  for (const wrong of ['65536', '-1', '', 'x', '1.5']) t.throws(() => port(wrong), /Give a/)
  t.throws(() => integer('1e3'), /whole number/)
  for (const parse of [time, laterTime]) t.equal(parse('2026-01-31T12:00:00Z'), Date.UTC(2026, 0, 31, 12))
  for (const wrong of ['2026-02-31', '2025-02-29T12:00:00Z', '2026-04-31T12:00:00+02:00', '2026-13-01']) {
    for (const parse of [time, laterTime]) t.throws(() => parse(wrong), /Give a time/, wrong)
  }
  t.equal(time('2024-02-29'), Date.UTC(2024, 1, 29))
  t.ok(time('2h') < Date.now() - 7_000_000)
  t.throws(() => laterTime('2h'), /Give a time.* --delay/, 'a time to come is no span ago')
  t.same(toArgs({ '--app': 'app.ts', '--port': 0, '--queues': undefined }), ['--app', 'app.ts', '--port', '0'])
})

t.test('an error of ours is one line, any other has its stack', ALONE, async t => {
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
