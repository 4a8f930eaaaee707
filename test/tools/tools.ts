/**
 * The tools of test/tools/package-lock.json. npm installs them if they are missing: npm run test:tools runs this file
 * first, because its tests run beside each other.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const TOOLS = resolve('test/tools')

const { packages } = JSON.parse(readFileSync(join(TOOLS, 'package-lock.json'), 'utf8'))

function isInstalled (name: string): boolean {
  const file = join(TOOLS, 'node_modules', name, 'package.json')
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === packages[`node_modules/${name}`].version
}

if (!Object.keys(packages[''].dependencies).every(isInstalled)) {
  const args = ['ci', '--prefix', TOOLS, '--prefer-offline', '--ignore-scripts']
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) throw new Error(`npm ci --prefix ${TOOLS} failed`)
}

/** The file of a tool's command. */
export function tool (name: string): string {
  const folder = join(TOOLS, 'node_modules', name)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[name])
}
