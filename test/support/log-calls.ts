// The lines that the code logs, found in its syntax: each with its levels, and with `…` where a value of the moment
// stands.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript5'

export interface LogCall {
  /** Such as `src/app/lifetime.ts:46`. */
  readonly at: string
  readonly levels: readonly string[]
  readonly line: string
}

const LEVELS = new Set(['fatal', 'error', 'warn', 'info', 'debug'])
const VALUE = '…'
/** Functions whose last argument is a line, with its level. */
const TELLERS = new Map([
  ['tell', 'info'],
  ['tellRefused', 'info'],
])

/** All calls in the files below these folders, but for commands, which print. */
export function logCalls(root: string, folders: readonly string[]): LogCall[] {
  const sources = folders.flatMap((folder) => sourcesIn(root, folder))
  const words = new Words(sources.map(({ source }) => source))
  return sources.flatMap(({ path, source }) => callsIn(path, source, words))
}

interface Source {
  readonly path: string
  readonly source: ts.SourceFile
}

function sourcesIn(root: string, folder: string): Source[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts') && !name.startsWith('commands/'))
    .map((name) => `${folder}/${name}`)
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      return { path, source: ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true) }
    })
}

function callsIn(path: string, source: ts.SourceFile, words: Words): LogCall[] {
  const calls: LogCall[] = []
  visit(source, (node) => {
    const logged = loggedBy(node)
    if (logged === null) return
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    for (const text of words.of(logged.line))
      calls.push({ at: `${path}:${line + 1}`, levels: logged.levels, line: text })
  })
  return calls
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  node.forEachChild((child) => visit(child, look))
}

interface Logged {
  readonly levels: readonly string[]
  readonly line: ts.Expression
}

function loggedBy(node: ts.Node): Logged | null {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Condition')
    return lastOf(node.arguments?.slice(0, 2), ['info']) // a clock may follow
  // A lasting fault, which is logged as a warning when it begins.
  if (ts.isPropertyAssignment(node) && node.name.getText() === 'what')
    return { levels: ['warn'], line: node.initializer }
  if (ts.isShorthandPropertyAssignment(node) && node.name.text === 'what')
    return { levels: ['warn'], line: node.name }
  if (!ts.isCallExpression(node)) return null
  const called = node.expression
  if (ts.isIdentifier(called)) {
    const level = TELLERS.get(called.text)
    return level === undefined || node.arguments.length < 3 ? null : lastOf(node.arguments, [level])
  }
  if (ts.isElementAccessExpression(called) && isLog(called.expression))
    return lastOf(node.arguments, texts(called.argumentExpression))
  if (!ts.isPropertyAccessExpression(called)) return null
  if (called.name.text === 'set' && isCondition(called.expression)) return lastOf(node.arguments, ['warn'])
  if (called.name.text === 'setUnreachable') return lastOf(node.arguments, ['warn'])
  return LEVELS.has(called.name.text) && isLog(called.expression)
    ? lastOf(node.arguments, [called.name.text])
    : null
}

function lastOf(given: readonly ts.Expression[] | undefined, levels: readonly string[]): Logged | null {
  const line = given?.at(-1)
  return line === undefined ? null : { levels, line }
}

const isLog = (node: ts.Expression): boolean => /(^|\.)logs?$/.test(node.getText())
const isCondition = (node: ts.Expression): boolean =>
  /\.(existence|reading|condition|readable|tokens)$/.test(node.getText())

function texts(node: ts.Expression): string[] {
  const found: string[] = []
  visit(node, (each) => {
    if (ts.isStringLiteral(each) && LEVELS.has(each.text)) found.push(each.text)
  })
  return found
}

/** What an expression may come to, as text. */
class Words {
  private readonly constants = new Map<string, ts.Expression>()
  private readonly functions = new Map<string, ts.Expression[]>()

  constructor(sources: readonly ts.SourceFile[]) {
    for (const source of sources)
      visit(source, (node) => {
        if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined)
          this.constants.set(this.nameIn(source, node.name.text), node.initializer)
        if (ts.isMethodDeclaration(node) && ts.isClassDeclaration(node.parent) && node.body !== undefined)
          this.functions.set(`${node.parent.name?.text}.${node.name.getText()}`, returned(node.body))
        if (ts.isFunctionDeclaration(node) && node.name !== undefined && node.body !== undefined)
          this.functions.set(node.name.text, returned(node.body))
      })
  }

  /** One text for each way that it can go. None where it only hands on what other code has made. */
  of(node: ts.Expression): string[] {
    const texts = this.ways(node).map((text) => text.replace(/…+(?:, …+)*/g, VALUE).trim())
    return [...new Set(texts)].filter((text) => /\p{L}/u.test(text))
  }

  private ways(node: ts.Expression): string[] {
    if (ts.isStringLiteralLike(node)) return [node.text]
    if (ts.isParenthesizedExpression(node)) return this.ways(node.expression)
    if (ts.isConditionalExpression(node)) return [...this.ways(node.whenTrue), ...this.ways(node.whenFalse)]
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
      return product(this.ways(node.left), this.ways(node.right))
    if (ts.isTemplateExpression(node)) return this.template(node)
    if (ts.isIdentifier(node)) return this.named(node)
    if (ts.isCallExpression(node)) return this.called(nameOf(node.expression))
    return node.kind === ts.SyntaxKind.NullKeyword ? [''] : [VALUE]
  }

  private template({ head, templateSpans }: ts.TemplateExpression): string[] {
    return templateSpans.reduce(
      (before, { expression, literal }) =>
        product(
          before,
          this.ways(expression).map((text) => text + literal.text),
        ),
      [head.text],
    )
  }

  private named(node: ts.Identifier): string[] {
    const source = node.getSourceFile()
    const own = this.constants.get(this.nameIn(source, node.text))
    const imported = [...this.constants].find(([name]) => name.endsWith(`#${node.text}`))?.[1]
    const found = own ?? (/^[A-Z_]+$/.test(node.text) ? imported : undefined)
    return found === undefined ? [VALUE] : this.ways(found)
  }

  private called(name: string): string[] {
    return this.functions.get(name)?.flatMap((node) => this.ways(node)) ?? [VALUE]
  }

  private nameIn(source: ts.SourceFile, name: string): string {
    return `${source.fileName}#${name}`
  }
}

/** The name of a function. That of a method begins with its class, after which the variable is named. */
function nameOf(called: ts.Expression): string {
  const text = called.getText()
  return ts.isPropertyAccessExpression(called) ? text.charAt(0).toUpperCase() + text.slice(1) : text
}

function returned(body: ts.Block): ts.Expression[] {
  const found: ts.Expression[] = []
  visit(body, (node) => {
    if (ts.isReturnStatement(node) && node.expression !== undefined) found.push(node.expression)
  })
  return found
}

function product(before: readonly string[], after: readonly string[]): string[] {
  return before.flatMap((one) => after.map((other) => one + other))
}
