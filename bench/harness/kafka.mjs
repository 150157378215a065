// The Kafka that records pass through: the one that is named, or a real one that the tests' starter runs, or the
// producer's embedded broker. With the embedded broker a waiting consumer waits for all of `fetch.wait.max.ms` (100),
// even if a record comes. So latencies are too long, and CPU is too low because of larger batches.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
/** In node_modules, where git and the linter ignore compiled files. */
const COMPILED = `${REPOSITORY}node_modules/.cache/kafka-sse/bench`

/**
 * @typedef {object} Kafka
 * @property {string} kind for the report
 * @property {string | null} bootstrapServers null: the producer embeds a broker
 * @property {Record<string, number>} pids of a broker that this run started
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<Kafka>} */
export async function startKafka() {
  const named = process.env.KAFKA_BOOTSTRAP_SERVERS
  if (named) return { kind: `the Kafka at ${named}`, bootstrapServers: named, pids: {}, stop: async () => {} }
  const { startRealKafka, NoKafkaError } = await loadStarter()
  try {
    return describe(await startRealKafka())
  } catch (error) {
    if (!(error instanceof NoKafkaError)) throw error
    process.stderr.write(
      `bench: no real Kafka here (${error.message}): records go through the embedded broker\n`,
    )
    return {
      kind: 'the embedded broker of librdkafka',
      bootstrapServers: null,
      pids: {},
      stop: async () => {},
    }
  }
}

function describe(node) {
  return {
    kind: 'a real Apache Kafka that this run started',
    bootstrapServers: node.bootstrapServers,
    pids: { broker: javaChild() },
    stop: () => node.close(),
  }
}

/** The starter is TypeScript, which Node 20 cannot run. So it is compiled, and put beside the POM that it needs. */
async function loadStarter() {
  const starter = `${COMPILED}/test/kafka`
  mkdirSync(starter, { recursive: true })
  writeFileSync(`${COMPILED}/tsconfig.json`, JSON.stringify(compilation()))
  execFileSync(`${REPOSITORY}node_modules/.bin/tsc`, ['-p', COMPILED], { stdio: ['ignore', 2, 2] })
  writeFileSync(`${COMPILED}/package.json`, JSON.stringify({ type: 'module' }))
  copyFileSync(`${REPOSITORY}test/kafka/pom.xml`, `${starter}/pom.xml`)
  const [{ startRealKafka }, { NoKafkaError }] = await Promise.all([
    import(`${starter}/real-kafka.js`),
    import(`${starter}/kafka-jars.js`),
  ])
  return { startRealKafka, NoKafkaError }
}

function compilation() {
  return {
    extends: `${REPOSITORY}tsconfig.json`,
    compilerOptions: { rootDir: REPOSITORY, outDir: COMPILED, declaration: false, sourceMap: false },
    files: [`${REPOSITORY}test/kafka/real-kafka.ts`],
    include: [],
  }
}

/** The starter does not name its process. The harness needs the id to measure the broker's CPU separately. */
function javaChild() {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => isJavaChild(pid))
  if (found === undefined) throw new Error('the Kafka that was started is not there')
  return Number(found)
}

function isJavaChild(pid) {
  try {
    const [, name, parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
    return name === 'java' && Number(parent) === process.pid
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return false // It ended while we looked.
    throw error
  }
}
