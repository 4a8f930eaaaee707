/** Reads declarations of lib/ from its syntax, in whatever file they are. Nothing is type-checked: that is quick. */
import { readFileSync } from 'node:fs'
import ts from 'typescript'

const PROJECT = 'tsconfig.build.json'

let files: readonly ts.SourceFile[] | undefined

/** All files of lib/. */
export function sources (): readonly ts.SourceFile[] {
  if (files) return files
  const fail = (found: ts.Diagnostic): never => { throw new Error(String(found.messageText)) }
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail }
  const { fileNames } = ts.getParsedCommandLineOfConfigFile(PROJECT, {}, host)!
  files = fileNames.map(name => ts.createSourceFile(name, readFileSync(name, 'utf8'), ts.ScriptTarget.Latest, true))
  return files
}

function statements<T extends ts.Statement> (is: (node: ts.Node) => node is T): T[] {
  return sources().flatMap(file => file.statements.filter(is))
}

/** The one declaration of a name. */
function only<T> (found: T[], name: string): T {
  if (found.length !== 1) throw new Error(`lib/ declares "${name}" ${found.length} times, expected once`)
  return found[0]!
}

export interface Member { name: string, type: string, required: boolean, doc: string }
export interface Interface { doc: string, members: Member[] }

/** An interface that is declared somewhere in lib/, without those that it extends. */
export function readInterface (name: string): Interface {
  const node = only(statements(ts.isInterfaceDeclaration).filter(found => found.name.text === name), name)
  return { doc: docOf(node), members: node.members.filter(ts.isPropertySignature).map(toMember) }
}

/** The names of all members of an interface, methods too, each once. */
export function readMemberNames (name: string): string[] {
  const node = only(statements(ts.isInterfaceDeclaration).filter(found => found.name.text === name), name)
  return [...new Set(node.members.map(member => member.name!.getText()))]
}

const toMember = (node: ts.PropertySignature): Member => ({
  name: node.name.getText(),
  type: node.type!.getText().replaceAll(/\s+/g, ' '),
  required: node.questionToken === undefined,
  doc: docOf(node)
})

/** The text of a comment, in one line, without its tags. */
function docOf (node: ts.Node): string {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  return comments.map(found => ts.getTextOfJSDocComment(found.comment) ?? '').join(' ').replaceAll(/\s+/g, ' ').trim()
}

/** The strings of a union type that is declared somewhere in lib/, with those of the unions that it names. */
export function readUnion (name: string): string[] {
  const { type } = only(statements(ts.isTypeAliasDeclaration).filter(found => found.name.text === name), name)
  const parts = ts.isUnionTypeNode(type) ? [...type.types] : [type]
  return parts.flatMap(part => {
    return ts.isTypeReferenceNode(part) ? readUnion(part.typeName.getText()) : part.getText().slice(1, -1)
  })
}

export interface Call { args: ts.Expression[], group: string }

/** Calls of a function in the declarations of constants, in order, each with the last line comment above it. */
export function readCalls (callee: string): Call[] {
  return sources().flatMap(file => callsOf(file, callee))
}

function callsOf (file: ts.SourceFile, callee: string): Call[] {
  const calls: Call[] = []
  let group = ''
  for (const statement of file.statements) {
    group = titleAbove(file, statement) ?? group
    if (!ts.isVariableStatement(statement)) continue
    for (const { initializer: call } of statement.declarationList.declarations) {
      if (!call || !ts.isCallExpression(call) || call.expression.getText() !== callee) continue
      calls.push({ args: [...call.arguments], group })
    }
  }
  return calls
}

function titleAbove (file: ts.SourceFile, { pos }: ts.Statement): string | undefined {
  const comments = ts.getLeadingCommentRanges(file.text, pos) ?? []
  const last = comments.findLast(found => found.kind === ts.SyntaxKind.SingleLineCommentTrivia)
  return last && file.text.slice(last.pos + 2, last.end).trim()
}

/** The value of a literal: a number, a string, or strings that are added. */
export function literal (node: ts.Expression): string {
  if (ts.isStringLiteralLike(node) || ts.isNumericLiteral(node)) return node.text
  if (ts.isBinaryExpression(node)) return literal(node.left) + literal(node.right)
  throw new Error(`expected a literal, got ${node.getText()}`)
}
