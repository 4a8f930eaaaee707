// Joins the style sheet and the script of the dashboard into one module, lib/dashboard/assets.generated.ts, so that
// they are part of the code: bundlers carry them, and no file is read at run time. `npm run compile` calls it.
//
// usage: node scripts/build-assets.mjs [--check]   with --check nothing is written: fails if the module is out of date
import { readFileSync } from 'node:fs'
import { keepUpToDate } from './generated-module.mjs'

const room = new URL('../lib/dashboard/', import.meta.url)
const NAMES = ['style.css', 'page.js']

const quoted = text => `\`${text.replace(/[\\`]|\$\{/g, found => `\\${found}`)}\``

const entries = NAMES.map(name => `  '${name}': ${quoted(readFileSync(new URL(`assets/${name}`, room), 'utf8'))}`)
const generated =
  '// Made by scripts/build-assets.mjs from the files in assets/: change those, and run `npm run compile`.\n' +
  `/* eslint-disable */\nexport const assets = {\n${entries.join(',\n')}\n}\n`

keepUpToDate(new URL('assets.generated.ts', room), generated)
