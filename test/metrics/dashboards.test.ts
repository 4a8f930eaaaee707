/**
 * The dashboard and the alerts ask only for what is exported, and the guide lists all of it.
 */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { OUTCOMES } from '../../lib/metrics/meter.ts'
import { FAMILIES, fullName, type FamilyInfo } from '../../lib/metrics/names.ts'

const families = new Map<string, FamilyInfo>(Object.entries(FAMILIES)
  .map(([name, info]) => [fullName(name as keyof typeof FAMILIES), info]))

/** Labels that Prometheus itself, or a histogram, adds. */
const ADDED = ['le', 'instance']

function checkExpression (t: Test, expression: string): void {
  const used = [...expression.matchAll(/fastify_tasks_\w+/g)].map(([name]) => {
    const part = /_(bucket|sum|count)$/.exec(name)
    const info = families.get(part && !families.has(name) ? name.slice(0, part.index) : name)
    t.ok(info, `${name} is exported`)
    t.equal(info?.type === 'histogram', part !== null && !families.has(name), `${name}: a histogram has parts`)
    return info!
  })
  t.ok(used.length > 0, expression)
  const known = new Set([...used.flatMap(({ labels }) => labels), ...ADDED])
  const inBraces = [...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside]) =>
    [...inside!.matchAll(/(\w+)\s*(?:=~|=|!=)/g)].map(([, label]) => label!))
  const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, inside]) => inside!.split(/,\s*/))
  for (const label of [...inBraces, ...grouped]) t.ok(known.has(label), `${label} is a label in ${expression}`)
  const outcomes = [...expression.matchAll(/outcome=~?"([^"]*)"/g)].flatMap(([, values]) => values!.split('|'))
  for (const outcome of outcomes) t.ok(OUTCOMES.includes(outcome as any), outcome)
}

t.test('docs/grafana.json', async t => {
  const dashboard = JSON.parse(readFileSync('docs/grafana.json', 'utf8'))
  const panels: any[] = dashboard.panels
  const expressions: string[] = panels.flatMap(panel => (panel.targets ?? []).map((target: any) => target.expr))
  t.ok(expressions.length > 15)
  for (const expression of expressions) checkExpression(t, expression)
  t.same(dashboard.templating.list.map(({ name }: any) => name), ['datasource', 'queue', 'task'])
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const shown = new Set(expressions.join(' ').match(/fastify_tasks_\w+/g)!.map(name => name.replace(/_bucket$/, '')))
  for (const name of families.keys()) t.ok(shown.has(name), `${name} is on the dashboard`)
})

t.test('docs/alerts.yml', async t => {
  const text = readFileSync('docs/alerts.yml', 'utf8')
  const rules = text.split(/^ {6}- alert: /m).slice(1)
  t.equal(rules.length, 7)
  for (const rule of rules) {
    t.match(rule, /^[A-Z]\w+\n {8}expr: [^]*\n {8}labels: \{ severity: (warning|critical) \}\n {8}annotations:\n/)
    const [, expression] = /expr: (?:\|\n)?([^]*?)\n {8}(?:for|labels):/.exec(rule)!
    checkExpression(t, expression!)
    const labels = new Set([...expression!.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/,\s*/)))
    for (const [, label] of rule.matchAll(/\$labels\.(\w+)/g)) {
      t.ok(labels.has(label!) || label === 'instance', `${label} is left by the expression`)
    }
  }
})

t.test('the alert for stalled tasks counts a series that is new: its first value is no increase', async t => {
  const [, rule] = /- alert: TasksStall\n([^]*?)\n {8}labels:/.exec(readFileSync('docs/alerts.yml', 'utf8'))!
  const counter = 'fastify_tasks_attempts_total{outcome=~"stalled|lost"}'
  t.ok(rule!.includes(`increase(${counter}[15m])`))
  t.ok(rule!.replace(/\s+/g, ' ').includes(`${counter} unless ${counter} offset 15m`))
})

t.test('docs/guides/monitoring.md has every metric with its type and labels, and every outcome', async t => {
  const guide = readFileSync('docs/guides/monitoring.md', 'utf8')
  for (const [name, { type, labels }] of Object.entries(FAMILIES)) {
    const row = guide.split('\n').find(line => line.startsWith('|') && line.split('|')[1]!.includes(`\`${name}\``))
    t.ok(row, name)
    const [, , rowType, rowLabels] = row!.split('|').map(cell => cell.trim())
    t.equal(rowType, type, name)
    t.equal(rowLabels, labels.map(label => `\`${label}\``).join(', ') || 'none', name)
  }
  for (const outcome of OUTCOMES) t.ok(guide.includes(`\`${outcome}\``), outcome)
})
