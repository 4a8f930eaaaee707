/**
 * Programs that the type tests compile: the examples of docs/guides/typescript.md, and files with many tasks.
 */

type Files = Record<string, string>

/** The TypeScript blocks of the guide. Each is a module. Blocks that merge the interface Tasks form a program. */
export function examples (guide: string): { open: Files, merged: Files } {
  const blocks = [...guide.matchAll(/^```ts\n([^]*?)^```/gm)].map(match => match[1]!)
  const pick = (merging: boolean): Files => {
    const chosen = blocks.filter(block => block.includes('interface Tasks') === merging)
    return Object.fromEntries(chosen.map((block, i) => [`example-${i + 1}.ts`, block]))
  }
  const found = { open: pick(false), merged: pick(true) }
  if (Object.keys(found.open).length < 4 || Object.keys(found.merged).length < 1) {
    throw new Error('the guide has fewer examples of types than before')
  }
  return found
}

const START = 'import Fastify from \'fastify\'\nimport \'fastify-tasks\'\n'

const program = (head: string, define: (i: number) => string) => (tasks: number): string =>
  `${START}${head}${Array.from({ length: tasks }, (_, i) => define(i)).join('')}`

const use = (i: number): string =>
  `task${i}.enqueue({ a${i}: 1 }).then(async handle => (await handle.result()).b${i})\n`
const body = (i: number): string => `{ await task.reportProgress(1); this.log.info('x'); return { b${i}: data.a${i} } }`

/** Programs with many tasks, by the source of the types. */
export const manyTasks = {
  annotated: program(
    'export const app = Fastify()\n',
    i => `export const task${i} = app.tasks.define('task${i}', { retries: 1 }, ` +
      `async function (data: { a${i}: number }, task) ${body(i)})\n${use(i)}`
  ),
  TypeBox: program(
    'import { Type, type TypeBoxTypeProvider } from \'@fastify/type-provider-typebox\'\n' +
      'export const app = Fastify().withTypeProvider<TypeBoxTypeProvider>()\n',
    i => `export const task${i} = app.tasks.define('task${i}', ` +
      `{ schema: { data: Type.Object({ a${i}: Type.Integer() }), result: Type.Object({ b${i}: Type.Integer() }) } }, ` +
      `async function (data, task) ${body(i)})\n${use(i)}`
  ),
  zod: program(
    'import z from \'zod\'\nimport type { ZodTypeProvider } from \'fastify-type-provider-zod\'\n' +
      'export const app = Fastify().withTypeProvider<ZodTypeProvider>()\n',
    i => `export const task${i} = app.tasks.define('task${i}', ` +
      `{ schema: { data: z.object({ a${i}: z.number() }), result: z.object({ b${i}: z.number() }) } }, ` +
      `async function (data, task) ${body(i)})\n${use(i)}`
  )
}
