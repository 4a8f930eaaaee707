/**
 * An app in one file, minified, without any package beside it. npm run test:tools does the same with tsup and rollup.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { bundlerFolder, checkBundle, eachBundle, ESM_BANNER } from '../support/bundled.ts'

eachBundle((format, withPackage, title) => t.test(`esbuild, ${title}`, async t => {
  const folder = bundlerFolder(t)
  const out = join(folder, format === 'esm' ? 'out.mjs' : 'out.cjs')
  const args = ['app.mjs', '--bundle', '--platform=node', '--minify', `--format=${format}`, `--outfile=${out}`]
  const banner = format === 'esm' ? [`--banner:js=${ESM_BANNER}`] : []
  const external = withPackage ? ['--external:fastify-tasks'] : []
  const esbuild = join(process.cwd(), 'node_modules/.bin/esbuild')
  const built = spawnSync(esbuild, [...args, ...banner, ...external], { cwd: folder, encoding: 'utf8' })
  t.equal(built.status, 0, built.stderr)
  await checkBundle(t, out, withPackage)
}))
