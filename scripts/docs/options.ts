/** The tables of docs/reference/options.md: from the interfaces of the options, their defaults and their checks. */
import { inspect } from 'node:util'
import {
  dashboardDefaults, defaults, drainDefaults, flowDefaults, listDefaults, routesDefaults, workerDefaults
} from '../../lib/options.ts'
import { code, table } from './markdown.ts'
import { probedApp, probes, rulesOf } from './rules.ts'
import { readInterface, type Member } from './source.ts'

interface Section {
  name: string
  title: string
  /** Defaults that are known at run time: what the comments say must agree with them. */
  defaults?: Record<string, unknown>
  /** Interfaces that it extends, and whose options are listed with its own. */
  and?: string[]
  /** The interface whose option of the same name is the default, and how that is said. */
  falls?: [name: string, words: string]
}

const { threads: { idleTimeout }, ...pluginDefaults } = defaults
const { maxWaits, maxWaitsPerKey } = routesDefaults

const sections: Section[] = [
  { name: 'TasksOptions', title: 'register(tasks, options)', defaults: { ...pluginDefaults, routes: {} } },
  { name: 'RoutesOptions', title: 'routes', defaults: { maxWaits, maxWaitsPerKey } },
  { name: 'WorkerOptions', title: 'worker, startWorker(options)', defaults: workerDefaults },
  { name: 'ThreadsOptions', title: 'threads', defaults: { idleTimeout } },
  { name: 'BackoffOptions', title: 'backoff', defaults: { delay: defaults.backoff.delay } },
  {
    name: 'DefineOptions',
    title: 'define(name, options, handler)',
    and: ['TaskHooks'],
    defaults: { queue: defaults.queue },
    falls: ['TasksOptions', 'the plugin\'s']
  },
  { name: 'LimitOptions', title: 'define(name, { limit })' },
  { name: 'RateOptions', title: 'define(name, { rate })' },
  { name: 'TaskSchemas', title: 'define(name, { schema })' },
  {
    name: 'EnqueueOptions',
    title: 'enqueue(data, options), enqueueMany([{ data, ...options }])',
    falls: ['DefineOptions', 'the task\'s']
  },
  { name: 'ResultOptions', title: 'handle.result(options)' },
  { name: 'ListOptions', title: 'list(options)', defaults: listDefaults },
  { name: 'PauseTarget', title: 'pause(target), resume(target)' },
  { name: 'DrainOptions', title: 'drain(options)', defaults: drainDefaults },
  { name: 'AdvanceOptions', title: 'advance(ms, options)', defaults: drainDefaults },
  { name: 'ScheduleOptions', title: 'schedules' },
  { name: 'ScheduleListOptions', title: 'schedules.list(options)', defaults: listDefaults },
  { name: 'FlowOptions', title: 'enqueueFlow(shape, options)', defaults: flowDefaults },
  { name: 'SignatureOptions', title: 'signature(data, options): those of enqueue but id, and' },
  { name: 'RunWorkerOptions', title: 'runWorker(options)' },
  { name: 'DashboardOptions', title: 'register(dashboard, options)', defaults: dashboardDefaults }
]

/** "Default …." of a comment, which is not "Default of every task.". */
const DEFAULT = /\s*\bDefault:? (?!of\b)(.+?)\.(?=\s|$)/

/** What an option of the plugin says that is the default of a task's. */
const PASSED_ON = 'Default of every task'

const meaningOf = ({ doc }: Member): string => doc.replace(DEFAULT, '').trim()
const told = ({ doc }: Member): string | undefined => DEFAULT.exec(doc)?.[1]

/** As a comment may write it: without code marks, and numbers without commas. */
const bare = (text: string): string => text.replaceAll('`', '').replaceAll(/(\d),(?=\d{3})/g, '$1')

const NOTHING = ['{}', '[]']

function agrees (text: string, value: string): boolean {
  return bare(text).startsWith(value) || (NOTHING.includes(value) && text === 'none')
}

const membersOf = ({ name, and = [] }: Section): Member[] => [name, ...and].flatMap(one => readInterface(one).members)

/** As the comment says it, if it does; else the value. Throws if they differ. */
function defaultOf (member: Member, { name, defaults = {}, falls }: Section): string {
  const parent = falls && readInterface(falls[0]).members.some(one => one.name === member.name)
  if (parent) return falls[1]
  if (member.required) return 'required'
  const text = told(member)
  if (!Object.hasOwn(defaults, member.name)) return text ?? ''
  const value = bare(inspect(defaults[member.name]).replaceAll(/^'|'$/g, ''))
  if (text === undefined || agrees(text, value)) return text ?? code(value)
  throw new Error(`the default of ${name}.${member.name}: its comment says ${text}, lib/options.ts ${value}`)
}

/** Options that two interfaces share are explained in one of them. */
function explained (member: Member, { falls }: Section): string {
  const own = meaningOf(member)
  if (own !== '' || !falls) return own
  const same = readInterface(falls[0]).members.find(one => one.name === member.name)
  const words = same ? explained(same, sections.find(section => section.name === falls[0])!) : ''
  return words.startsWith(PASSED_ON) ? '' : words
}

async function describe (section: Section, rules: Map<string, string> | null): Promise<string> {
  const { doc } = readInterface(section.name)
  const members = membersOf(section)
  const titles = ['Option', 'Type', 'Default', ...(rules ? ['Must be'] : []), 'Meaning']
  const rows = members.map(member => {
    const rule = rules ? [rules.get(member.name)!] : []
    return [code(member.name), code(member.type), defaultOf(member, section), ...rule, explained(member, section)]
  })
  return [`## ${section.title}`, ...(doc === '' ? [] : [doc]), table([titles, ...rows])].join('\n\n')
}

/** All of it, as Markdown. */
export async function optionTables (): Promise<string> {
  const app = await probedApp()
  const texts: string[] = []
  for (const section of sections) {
    const names = membersOf(section).map(member => member.name)
    texts.push(await describe(section, section.name in probes ? await rulesOf(app, section.name, names) : null))
  }
  await app.close()
  return texts.join('\n\n')
}
