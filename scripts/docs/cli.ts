/** The tables of docs/reference/cli.md: from the commands and options that the command line itself defines. */
import { readFileSync } from 'node:fs'
import { Command, type Option } from 'commander'
import { code, codeBlock, sentence, table } from './markdown.ts'

/** The source of the package's command, beside this file: TypeScript, or compiled as this file is. */
function entry (): URL {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8'))
  const built: string = bin['fastify-tasks']
  const path = built.replace(/^(?:\.\/)?dist\//, '../../lib/').replace(/js$/, import.meta.url.slice(-2))
  return new URL(path, import.meta.url)
}

let defined: Command | undefined

/** What the command line defines. It parses its arguments as soon as it is loaded: here it does not get that far. */
async function program (): Promise<Command> {
  if (defined) return defined
  const { parseAsync } = Command.prototype
  Command.prototype.parseAsync = async function (this: Command) { return (defined = this) }
  try {
    await import(entry().href)
  } finally {
    Command.prototype.parseAsync = parseAsync
  }
  if (!defined) throw new Error(`${entry().pathname} parses no command line`)
  return defined
}

/** A default that is no fixed value stands in the description. */
const IN_WORDS = /\s*\(default: (.+)\)$/

function defaultOf ({ defaultValue, negate, mandatory, envVar, description }: Option): string {
  if (mandatory) return 'required'
  const value = defaultValue === undefined || negate ? IN_WORDS.exec(description)?.[1] ?? '' : code(`${defaultValue}`)
  return envVar ? `${code(envVar)}${value && `, then ${value}`}` : value
}

function row (option: Option): string[] {
  const choices = option.argChoices ? `: ${option.argChoices.join(', ')}` : ''
  return [code(option.flags), defaultOf(option), sentence(option.description.replace(IN_WORDS, '') + choices)]
}

const optionTable = (options: Option[]): string => table([['Option', 'Default', 'Meaning'], ...options.map(row)])

const optionsOf = (command: Command): Option[] =>
  command.createHelp().visibleOptions(command).filter(option => option.long !== '--help')

const same = (one: Option) => (other: Option): boolean =>
  one.flags === other.flags && one.description === other.description

/** Options that most commands have: told once. */
function sharedBy (commands: Command[]): Option[] {
  const all = commands.map(optionsOf)
  const unique = all.flat().filter((option, i, list) => list.findIndex(same(option)) === i)
  return unique.filter(option => all.filter(options => options.some(same(option))).length > commands.length / 2)
}

const SHARED = 'Where a command finds its tasks'
const LINK = `[${SHARED}](#${SHARED.toLowerCase().replaceAll(' ', '-')})`

function commandText (parent: string, command: Command, shared: Option[]): string {
  const all = optionsOf(command)
  const own = all.filter(option => !shared.some(same(option)))
  const usage = command.createHelp().commandUsage(command).split(' ').slice(1).join(' ')
  const head = `## ${parent} ${command.name()}`
  const parts = [head, sentence(command.description()), codeBlock('text', `${parent} ${usage}\n`)]
  if (own.length > 0) parts.push(optionTable(own))
  if (own.length < all.length) parts.push(`${own.length > 0 ? 'More options' : 'Options'}: ${LINK}.`)
  return parts.join('\n\n')
}

/** All of it, as Markdown. */
export async function commandTables (): Promise<string> {
  const root = await program()
  const commands = root.createHelp().visibleCommands(root).filter(command => command.name() !== 'help')
  const shared = sharedBy(commands)
  const users = commands.filter(command => optionsOf(command).some(option => shared.some(same(option))))
  return [
    ...commands.map(command => commandText(root.name(), command, shared)),
    `## ${SHARED}`, `Options of ${users.map(command => code(command.name())).join(', ')}:`, optionTable(shared)
  ].join('\n\n')
}

/** The exit codes, as the help lists them. */
export async function exitCodes (): Promise<string> {
  const root = await program()
  let text = ''
  root.configureOutput({ writeOut: part => { text += part } }).outputHelp()
  const rows = [...text.matchAll(/^ {2}(\d+) {2}(.+)$/gm)].map(match => [match[1]!, sentence(match[2]!)])
  if (rows.length === 0) throw new Error('the help of fastify-tasks lists no exit codes')
  return table([['Code', 'Meaning'], ...rows])
}
