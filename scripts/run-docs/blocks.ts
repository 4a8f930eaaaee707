/**
 * The commands of a page, as a person reads them: in blocks of ```sh, ```bash and ```console, and in the header of an
 * example. Files that a page shows are written where its commands run.
 */

export interface Command {
  line: number
  text: string
  /** What the page shows below the command, or null. */
  shown: string | null
}

export interface File { line: number, name: string, text: string }

export type Step = Command | File

export const isFile = (step: Step): step is File => 'name' in step

/** The first line of a file that a page shows: `// app.test.mjs: node --test`. */
const FILE = /^\/\/ ([\w.-]+\.\w+): (.+)$/
const COMMAND = /^(?:node|npx|npm) /

/** The steps of a page of Markdown, in order. */
export function stepsOf (markdown: string): Step[] {
  const fences = markdown.matchAll(/^( *)```(\S*)[^\n]*\n([^]*?)^\1```/gm)
  return [...fences].flatMap(({ index, 1: indent = '', 2: language = '', 3: text = '' }) => {
    const line = markdown.slice(0, index).split('\n').length + 1
    return inBlock(language, text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''), line)
  })
}

function inBlock (language: string, text: string, line: number): Step[] {
  switch (language) {
    case '': throw new Error(`line ${line - 1}: the block needs a language: sh or console for commands, else text`)
    case 'sh':
    case 'bash': return commandsIn(text, line)
    case 'console': return sessionIn(text, line)
    case 'js':
    case 'ts': return fileIn(text, line)
    default: return []
  }
}

/** One command a line, or more lines that end in a backslash. What follows ` #` is a remark. */
function commandsIn (text: string, line: number): Command[] {
  const commands: Command[] = []
  let open = ''
  for (const [i, row] of text.split('\n').entries()) {
    open += row.replace(/(?:^|\s+)# .*$/, '')
    if (open.endsWith('\\')) {
      open += '\n'
      continue
    }
    if (open.trim() !== '') commands.push({ line: line + i, text: open.trim(), shown: null })
    open = ''
  }
  return commands
}

/** Commands begin with `$ `. What follows a command is its output, up to the next command. */
function sessionIn (text: string, line: number): Command[] {
  const rows = text.trimEnd().split('\n')
  const starts = rows.flatMap((row, i) => row.startsWith('$ ') ? [i] : [])
  return starts.map((start, n) => {
    const shown = rows.slice(start + 1, starts[n + 1]).join('\n').trimEnd()
    return { line: line + start, text: rows[start]!.slice(2), shown: shown === '' ? null : shown }
  })
}

function fileIn (text: string, line: number): Step[] {
  const [, name, remark] = FILE.exec(text.split('\n', 1)[0]!) ?? []
  if (name === undefined) return []
  const command = COMMAND.test(remark!) ? [{ line, text: remark!, shown: null }] : []
  return [{ line, name, text }, ...command]
}

/** The commands in the header of an example: its first comment, in lines that are indented. */
export function headerCommands (source: string): Command[] {
  const rows = source.split('\n')
  const end = rows.findIndex(row => !row.startsWith('//'))
  return rows.slice(0, end).flatMap((row, i) => {
    const [, text] = /^\/\/ {3}(\S.*?)(?: {2,}.*)?$/.exec(row) ?? []
    return text === undefined ? [] : [{ line: i + 1, text, shown: null }]
  })
}
