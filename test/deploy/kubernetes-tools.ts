// What checks the files for Kubernetes: Helm's engine and the schemas of Kubernetes in a Python, and kustomize, which
// Go builds once.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { leaveOut } from '../support/left-out.ts'
import { hasPrograms } from '../support/programs.ts'
import { pythonWith } from '../support/python.ts'

const run = promisify(execFile)
/** Helm 4.2.3 as a library, which renders as the command does, and the schemas of Kubernetes 1.14 to 1.37. */
const PACKAGES = ['helm-python-sdk==0.2.2', 'kubernetes-validate==1.37.0']
const KUSTOMIZE = 'v5.8.1'
const KUSTOMIZE_FOLDER = join(
  import.meta.dirname,
  `../../node_modules/.cache/kafka-sse/kustomize-${KUSTOMIZE}`,
)
/** Half a minute on two idle cores, beside other tests several times that. */
const BUILD_TIMEOUT_MS = 300_000

export interface Rendered {
  readonly lint?: readonly string[]
  /** Texts by the path of their template. */
  readonly manifests?: Readonly<Record<string, string>>
  readonly error?: string
}

export class KubernetesChecks {
  private readonly child: ChildProcess
  private readonly answers: AsyncIterator<string>

  private constructor(program: string) {
    this.child = spawn(program, [join(import.meta.dirname, 'kubernetes.py')], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const { stdout } = this.child
    if (stdout === null) throw new Error('it was started with pipes')
    this.answers = createInterface(stdout)[Symbol.asyncIterator]()
  }

  static open(program: string): KubernetesChecks {
    return new KubernetesChecks(program)
  }

  render(chart: string, values: string, name: string, kubernetes: string): Promise<Rendered> {
    return this.ask({ chart, values, name, kube_version: `v${kubernetes}.0` }) as Promise<Rendered>
  }

  /** What a Kubernetes of this version refuses of the objects. */
  async invalid(objects: readonly unknown[], version: string): Promise<readonly string[]> {
    const { invalid } = (await this.ask({ objects, version })) as { invalid: string[] }
    return invalid
  }

  async close(): Promise<void> {
    this.child.stdin?.end()
    await once(this.child, 'exit')
  }

  private async ask(question: object): Promise<unknown> {
    this.child.stdin?.write(`${JSON.stringify(question)}\n`)
    const { value, done } = await this.answers.next()
    if (done === true) throw new Error('kubernetes.py ended')
    return JSON.parse(value)
  }
}

/** The Python for KubernetesChecks; null if there is none. */
export async function kubernetesPython(): Promise<string | null> {
  const python = await pythonWith('kubernetes', PACKAGES)
  if ('program' in python) return python.program
  leaveOut('the Helm chart', python.missing)
  return null
}

/** Its program; null if it cannot be built. */
export async function kustomizeProgram(): Promise<string | null> {
  const program = join(KUSTOMIZE_FOLDER, 'kustomize')
  if (existsSync(program)) return program
  if (!hasPrograms('the kustomize base', 'go')) return null
  try {
    const env = { ...process.env, GOBIN: KUSTOMIZE_FOLDER }
    const module = `sigs.k8s.io/kustomize/kustomize/v5@${KUSTOMIZE}`
    await run('go', ['install', module], { env, timeout: BUILD_TIMEOUT_MS })
    return program
  } catch (error) {
    leaveOut('the kustomize base', `kustomize ${KUSTOMIZE} by go: ${String(error).trim().split('\n').at(-1)}`)
    return null
  }
}
