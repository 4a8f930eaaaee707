/**
 * tsup and rollup, as test/project/bundle.test.ts does it with esbuild: npm run test:tools.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bundlerFolder, checkBundle, eachBundle, ESM_BANNER, type Format } from '../support/bundled.ts'
import { tool, TOOLS } from './tools.ts'

t.setTimeout(600_000)

const require = createRequire(join(TOOLS, 'package.json'))

function build (t: Test, folder: string, name: string, args: string[]): void {
  const options = { cwd: folder, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool(name), ...args], options)
  t.equal(status, 0, stdout + stderr)
}

const externalsOf = (withPackage: boolean): string => JSON.stringify(withPackage ? ['fastify-tasks'] : [])

interface Config { file: string, config: string, args: string[], out: string }

/** What each leaves out of the bundle is what the error of a thread in a bundle says. */
const configs: Record<string, (format: Format, withPackage: boolean) => Config> = {
  tsup: (format, withPackage) => ({
    file: 'tsup.config.mjs',
    config: `export default {
      entry: ['app.mjs'], format: '${format}', minify: true, clean: false, silent: true,
      noExternal: [${withPackage ? '/^(?!fastify-tasks)/' : '/./'}], external: ${externalsOf(withPackage)},
      banner: { js: ${JSON.stringify(format === 'esm' ? ESM_BANNER : '')} }
    }`,
    args: [],
    out: join('dist', format === 'esm' ? 'app.js' : 'app.cjs')
  }),
  rollup: (format, withPackage) => ({
    file: 'rollup.config.mjs',
    config: `
      import commonjs from ${JSON.stringify(require.resolve('@rollup/plugin-commonjs'))}
      import json from ${JSON.stringify(require.resolve('@rollup/plugin-json'))}
      import resolve from ${JSON.stringify(require.resolve('@rollup/plugin-node-resolve'))}
      import terser from ${JSON.stringify(require.resolve('@rollup/plugin-terser'))}
      export default {
        input: 'app.mjs',
        external: ${externalsOf(withPackage)},
        output: {
          file: 'out.${format === 'esm' ? 'mjs' : 'cjs'}',
          format: '${format}',
          inlineDynamicImports: true,
          banner: ${JSON.stringify(format === 'esm' ? ESM_BANNER : '')}
        },
        plugins: [
          resolve({ preferBuiltins: true }),
          commonjs({ ignoreDynamicRequires: true }), json(), terser({ maxWorkers: 1 })
        ],
        onwarn () {}
      }`,
    args: ['-c', 'rollup.config.mjs', '--silent'],
    out: `out.${format === 'esm' ? 'mjs' : 'cjs'}`
  })
}

for (const [name, configOf] of Object.entries(configs)) {
  eachBundle((format, withPackage, title) => t.test(`${name}, ${title}`, async t => {
    const folder = bundlerFolder(t)
    const { file, config, args, out } = configOf(format, withPackage)
    writeFileSync(join(folder, file), config)
    build(t, folder, name, args)
    await checkBundle(t, join(folder, out), withPackage)
  }))
}
