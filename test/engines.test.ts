/**
 * Every package of an installation runs on the oldest Node that package.json allows.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'

interface Package {
  version: string
  dependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
  engines?: { node?: string }
}

/** Packages that require a newer Node, with the reason why they are allowed. */
const EXCEPTIONS: Record<string, string> = {
  cookie: 'a dependency of Fastify\'s light-my-request: every test that injects a request runs it on Node 20'
}

const lock: Record<string, Package> = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages
const { engines: { node } } = JSON.parse(readFileSync('package.json', 'utf8'))
const ours = /^>=(\d+)\.(\d+)\.(\d+)$/.exec(node)!.slice(1).map(Number)

/** Whether a range allows our oldest Node. Throws if it cannot read the range. */
const allowsOurs = (range: string): boolean => range.split('||').some(part => {
  const match = /^\s*(>=|\^|)\s*(\d+)(?:\.([\dx*]+))?(?:\.([\dx*]+))?\s*$/.exec(part)
  if (!match) throw new Error(`this test cannot read the range ${range}`)
  const lowest = match.slice(2).map(number => Number(number) || 0)
  const differs = lowest.findIndex((number, i) => number !== ours[i])
  return (match[1] === '>=' || lowest[0] === ours[0]) && (differs < 0 || lowest[differs]! < ours[differs]!)
})

/** The folder of a dependency. As Node does, it looks in the folder of the package that needs it, then upwards. */
function folderOf (name: string, from: string): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const found = `${folder && `${folder}/`}node_modules/${name}`
    if (lock[found]) return found
    if (folder === '') throw new Error(`${name}, which ${from} needs, is not in package-lock.json`)
  }
}

function needsOf ({ dependencies, peerDependencies, peerDependenciesMeta }: Package): string[] {
  const peers = Object.keys(peerDependencies ?? {}).filter(name => !peerDependenciesMeta?.[name]?.optional)
  return [...Object.keys(dependencies ?? {}), ...peers]
}

/** Folders of all packages that an installation of ours brings, Fastify included. */
function installed (): string[] {
  const found = new Set([''])
  for (const folder of found) for (const name of needsOf(lock[folder]!)) found.add(folderOf(name, folder))
  found.delete('')
  return [...found]
}

const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
const folders = installed()
const refusing = folders.filter(folder => !allowsOurs(lock[folder]!.engines?.node ?? '>=0'))

t.ok(folders.length > 50, 'the lock file was read')
t.equal(lock['']!.engines!.node, node, 'package-lock.json agrees: run npm install')

for (const folder of refusing.filter(folder => !EXCEPTIONS[nameOf(folder)])) {
  t.fail(`engines.node is ${node}, but ${folder} ${lock[folder]!.version} needs ${lock[folder]!.engines!.node}`)
}

t.same(Object.keys(EXCEPTIONS), [...new Set(refusing.map(nameOf))], 'no exception is out of date')

t.test('allowsOurs reads the ranges of engines', async t => {
  const [major, minor, patch] = ours as [number, number, number]
  const allowed = ['>= 0.4', '>=20.x', '10.* || >= 12.*', node, `^${major}.0.0 || >=99`, `${major}.x`]
  for (const range of allowed) t.ok(allowsOurs(range), range)
  const refused = [`>=${major}.${minor}.${patch + 1}`, `>=${major}.${minor + 1}`, `>=${major + 1}`, '^18', '99']
  for (const range of refused) t.notOk(allowsOurs(range), range)
  t.throws(() => allowsOurs('latest'), /cannot read/)
})

t.test('the workflow tests on the oldest Node', async t => {
  const [, versions] = /^ +node: \[(.+)\]$/m.exec(readFileSync('.github/workflows/ci.yml', 'utf8'))!
  t.equal(Math.min(...versions!.split(', ').map(Number)), ours[0])
})
