// Joins the Lua scripts of lib/store/redis/lua into one module, lib/store/redis/lua.generated.ts, so that they are part
// of the code: bundlers carry them, and no file is read at run time. `npm run build` and `npm run compile` call it.
//
// In a script, or in an include, the line `-- @include name` stands for the text of includes/name.lua. Headers and
// comments are left out.
//
// usage: node scripts/build-lua.mjs [--check]   with --check nothing is written: fails if the module is out of date
import { readdirSync, readFileSync } from 'node:fs'
import { keepUpToDate } from './generated-module.mjs'

const store = new URL('../lib/store/redis/', import.meta.url)

const read = name => readFileSync(new URL(`lua/${name}.lua`, store), 'utf8')

const withoutHeader = text => text.replace(/^--\[\[\n[^]*?\n\]\]\n/, '')

/** A comment behind code is left out if it has no quotes: then it cannot be a part of a string. */
const withoutComments = text => text.replace(/^[ \t]*--.*\n/gm, '').replace(/[ \t]+-- [^'"\n]*$/gm, '')

/** The text of a file, with what it includes. */
function joined (name) {
  return withoutHeader(read(name)).replace(/^([ \t]*)-- @include (\S+)$/gm, (_line, indent, file) => include(indent, file))
}

/** The text of an include, indented as the line that names it. */
const include = (indent, name) => joined(`includes/${name}`).trimEnd().replace(/^(?=.)/gm, indent)

function join (name) {
  const text = withoutComments(joined(name)).replace(/\n{2,}/g, '\n').trim()
  if (/`|\$\{/.test(text)) {
    throw new Error(`${name}.lua: a template literal cannot hold a backtick or a dollar sign with a brace`)
  }
  return text
}

function generate () {
  const files = readdirSync(new URL('lua/', store)).filter(file => file.endsWith('.lua'))
  const names = files.map(file => file.slice(0, -4)).sort()
  const scripts = names.map(name => `  '${name}': String.raw\`${join(name)}\``)
  return '// Made by scripts/build-lua.mjs from the files in lua/: change those, and run `npm run compile`.\n' +
    '/* eslint-disable */\n' +
    `export const scripts = {\n${scripts.join(',\n')}\n}\n\nexport type ScriptName = keyof typeof scripts\n`
}

keepUpToDate(new URL('lua.generated.ts', store), generate())
