/**
 * Log lines of lib/: each call has fields with an `event`, and a fixed message. docs/reference/logs.md lists them.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { literal, sources } from '../../scripts/docs/source.ts'

const PAGE = 'docs/reference/logs.md'
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace']
/** A noun, then a past participle or a state. */
const EVENT = /^(task|claim|worker|queue|redis|app|upkeep|thread|stream|shutdown|schedule|flow|dashboard)\.[a-z]+(_[a-z]+)*$/

interface LogLine { event: string, level: string, message: string, fields: string[], isOpen: boolean }

/** Without parentheses, `as` and `!`. */
function bare (node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isNonNullExpression(node)
    ? bare(node.expression)
    : node
}

/** Whether an expression is a logger: `log`, `this.#log`, `fastify.log`, `request.log`. */
function isLogger (expression: ts.Expression): boolean {
  const node = bare(expression)
  const name = ts.isPropertyAccessExpression(node) ? node.name.text : ts.isIdentifier(node) ? node.text : ''
  return /^#?log(ger)?$/.test(name)
}

/** The level of a call such as `log.warn(…)` or `log?.warn(…)`. Undefined for every other call. */
function levelOf ({ expression }: ts.CallExpression): string | undefined {
  const node = bare(expression)
  if (!ts.isPropertyAccessExpression(node) || !isLogger(node.expression)) return undefined
  return LEVELS.find(level => level === node.name.text)
}

function logCalls (node: ts.Node): ts.CallExpression[] {
  const own = ts.isCallExpression(node) && levelOf(node) !== undefined ? [node] : []
  return [...own, ...node.getChildren().flatMap(logCalls)]
}

/** The initializer of a `const` that is declared above a node, in the same function. */
function constAbove (name: string, node: ts.Node): ts.Expression | undefined {
  for (let at = node; !ts.isFunctionLike(at) && !ts.isSourceFile(at); at = at.parent) {
    if (!ts.isBlock(at.parent)) continue
    const above = at.parent.statements.filter(statement => statement.end <= at.pos).filter(ts.isVariableStatement)
    const found = above.flatMap(({ declarationList }) => [...declarationList.declarations])
      .find(declaration => declaration.name.getText() === name)
    if (found) return found.initializer
  }
}

/** The object literal of the fields: in the call, in a `const` above it, or built by `debugFields`. */
function fieldsOf (expression: ts.Expression | undefined, call: ts.Node): ts.ObjectLiteralExpression | undefined {
  if (!expression) return undefined
  const node = bare(expression)
  if (ts.isObjectLiteralExpression(node)) return node
  if (ts.isIdentifier(node)) return fieldsOf(constAbove(node.text, call), call)
  const build = ts.isCallExpression(node) && node.expression.getText() === 'debugFields' ? node.arguments[1] : undefined
  if (build && ts.isArrowFunction(build) && !ts.isBlock(build.body)) return fieldsOf(build.body, call)
}

function eventOf ({ properties }: ts.ObjectLiteralExpression): string {
  const property = properties.filter(ts.isPropertyAssignment).find(({ name }) => name.getText() === 'event')
  if (!property) throw new Error('its fields have no event')
  const event = literal(property.initializer)
  if (!EVENT.test(event)) throw new Error(`its event "${event}" is not <noun>.<past participle or state>`)
  return event
}

/** Throws if the line is not as it must be. */
function toLogLine (call: ts.CallExpression): LogLine {
  const [first, message, ...more] = call.arguments
  const object = fieldsOf(first, call)
  if (!object) throw new Error('its first argument is not an object of fields')
  if (!message || more.length > 0) throw new Error('it must have two arguments: fields and a message')
  const names = object.properties.flatMap(({ name }) => name?.getText() ?? [])
  return {
    event: eventOf(object),
    level: levelOf(call)!,
    message: literal(message),
    fields: names.filter(name => name !== 'event'),
    isOpen: object.properties.some(ts.isSpreadAssignment)
  }
}

function placeOf (node: ts.Node): string {
  const file = node.getSourceFile()
  const path = file.fileName.replace(`${process.cwd()}/`, '')
  return `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

/** The log lines of a file, and the calls that are wrong. */
function read (file: ts.SourceFile): { lines: LogLine[], problems: string[] } {
  const lines: LogLine[] = []
  const problems: string[] = []
  for (const call of logCalls(file)) {
    try {
      lines.push(toLogLine(call))
    } catch (error) {
      problems.push(`${placeOf(call)}: ${(error as Error).message}`)
    }
  }
  return { lines, problems }
}

const found = sources().map(read)
const lines = found.flatMap(file => file.lines)

/** Rows of the page's table of events. */
const ROW = /^\| `([a-z_.]+)` \| (\w+) \| (.+?) \| (.+?) \| .+ \|$/gm
const rows = Array.from(readFileSync(PAGE, 'utf8').matchAll(ROW), ([, event, level, message, fields]) => ({
  event: event!,
  level: level!,
  message: message!,
  fields: Array.from(fields!.matchAll(/`(\w+)`/g), match => match[1]!)
}))

const keyOf = ({ event, level, message }: Pick<LogLine, 'event' | 'level' | 'message'>): string =>
  `${event}, ${level}: ${message}`

t.test('every log call has fields with an event, and a fixed message', async t => {
  t.ok(lines.length > 10, 'log calls are found')
  for (const problem of found.flatMap(file => file.problems)) t.fail(problem)
})

t.test('these log calls are wrong', async t => {
  const calls = [
    'log.warn("text")',
    'this.#log.info({ taskId }, "no event")',
    'fastify.log.error({ event: "task.gone" })',
    'request.log.warn({ event: "task.gone" }, "task " + id)',
    'log?.warn({ event: "task.gone" }, "text", more)',
    '(log as any).debug({ event: "gone" }, "no noun")',
    'log.fatal(fields, "fields from elsewhere")'
  ]
  for (const call of calls) {
    const file = ts.createSourceFile('planted.ts', `function f (fields) { ${call} }`, ts.ScriptTarget.Latest, true)
    t.equal(read(file).problems.length, 1, call)
  }
})

t.test(`${PAGE} lists every log line of lib/, and no other`, async t => {
  t.same(rows.map(keyOf).sort(), [...new Set(lines.map(keyOf))].sort())
})

t.test(`${PAGE} names the fields of every log line`, async t => {
  for (const row of rows) {
    const same = lines.filter(line => keyOf(line) === keyOf(row))
    const fields = new Set(same.flatMap(line => line.fields))
    // A spread has more fields, which the syntax does not show.
    const listed = same.some(line => line.isOpen) ? row.fields.filter(field => fields.has(field)) : row.fields
    t.same(listed.toSorted(), [...fields].sort(), row.event)
  }
})
