// Where the jars of Apache Kafka are: resolved by Maven once, then remembered. Says in words why there are none.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')
const REMEMBERED = join(ROOT, 'node_modules/.cache/kafka-sse/kafka-classpath.txt')
const MAVEN_TIMEOUT_MS = 120_000
const JAVA_MAJOR_MIN = 17

/** Thrown where this machine cannot run a Kafka of its own: the message is the reason. */
export class NoKafkaError extends Error {}

/** The class path of the broker. Rejects with NoKafkaError without Java 17, Maven, or the network on the first time. */
export async function kafkaClassPath(): Promise<string> {
  await requireJava()
  return (await rememberedClassPath()) ?? (await resolveClassPath())
}

async function requireJava(): Promise<void> {
  const { stderr } = await run('java', ['-version']).catch(() => {
    throw new NoKafkaError('java was not found')
  })
  const major = Number(/version "(\d+)/.exec(stderr)?.[1])
  if (!(major >= JAVA_MAJOR_MIN))
    throw new NoKafkaError(`java is version ${major}, Kafka needs ${JAVA_MAJOR_MIN}`)
}

async function rememberedClassPath(): Promise<string | null> {
  if (!existsSync(REMEMBERED)) return null
  const classPath = (await readFile(REMEMBERED, 'utf8')).trim()
  return classPath.split(delimiter).every(existsSync) ? classPath : null
}

async function resolveClassPath(): Promise<string> {
  await mkdir(dirname(REMEMBERED), { recursive: true })
  const file = `${REMEMBERED}.${process.pid}`
  const goal = ['-q', '-B', '-f', join(import.meta.dirname, 'pom.xml'), 'dependency:build-classpath']
  await run('mvn', [...goal, `-Dmdep.outputFile=${file}`], { timeout: MAVEN_TIMEOUT_MS }).catch((error) => {
    throw new NoKafkaError(`maven did not resolve Kafka's jars: ${firstLine(error)}`)
  })
  await rename(file, REMEMBERED)
  return (await readFile(REMEMBERED, 'utf8')).trim()
}

function firstLine(error: Error & { stdout?: string }): string {
  return (error.stdout?.trim() || error.message).split('\n')[0] ?? ''
}
