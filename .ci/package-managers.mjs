// Installs both packed packages with npm, pnpm and Yarn, each by the commands of docs/plugin.md, in folders outside of
// the repository: node-rdkafka is compiled each time, in some three minutes. Starts examples/minimal there then,
// as examples/README.md says, and reads a record from it with curl. Needs `npm run build`, curl, openssl, and what
// README calls needed. `node .ci/package-managers.mjs npm yarn1` tries these two alone.

import { execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openRegistry } from './local-registry.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NODE = Number(process.versions.node.split('.', 1)[0])
const COMPILED_MS = 20 * 60_000
const SECONDS_MS = 60_000
const ENDED_MS = 15_000

/**
 * `from`: the package of the manager. `add`: what docs/plugin.md says to run first. `missing`: what the error of an
 * import says to run then; without it node-rdkafka is compiled at once. `approve`: commands, or changes of
 * package.json, that the page gives for that. `run`: runs a command of a package.
 */
const MANAGERS = {
  npm: {
    from: NODE === 20 ? 'npm@11' : 'npm',
    add: 'npm install fastify-kafka-sse fastify',
    ...(NODE === 20
      ? {}
      : {
          missing: '`npm approve-scripts node-rdkafka`',
          approve: ['npm approve-scripts node-rdkafka', 'npm rebuild node-rdkafka'],
        }),
    run: 'npx',
  },
  pnpm: {
    from: 'pnpm',
    add: 'pnpm add fastify-kafka-sse fastify',
    missing: '`pnpm approve-builds node-rdkafka`',
    approve: ['pnpm approve-builds node-rdkafka'],
    run: 'pnpm exec',
  },
  yarn: yarn4('node-modules'),
  'yarn-pnp': yarn4('pnp'),
  yarn1: {
    from: 'yarn@1',
    add: `yarn add ${NODE === 20 ? '--ignore-engines ' : ''}fastify-kafka-sse fastify`,
    run: 'yarn --silent',
  },
}

function yarn4(nodeLinker) {
  const manifest = { dependenciesMeta: { 'node-rdkafka': { built: true } } }
  return {
    from: '@yarnpkg/cli-dist',
    files: { '.yarnrc.yml': `nodeLinker: ${nodeLinker}\n`, 'yarn.lock': '' },
    add: 'yarn add fastify-kafka-sse fastify',
    missing: 'dependenciesMeta',
    approve: [
      NODE === 20 ? { ...manifest, resolutions: { 'node-gyp': '^11.5.0' } } : manifest,
      'yarn install',
    ],
    run: 'yarn',
  }
}

const scratch = mkdtempSync(join(tmpdir(), 'package-managers-'))
const registry = await openRegistry([packed(ROOT), packed(join(ROOT, 'client'))], registryOfNpm())
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(MANAGERS)
try {
  for (const name of names) {
    if (!Object.hasOwn(MANAGERS, name))
      throw new Error(`${name} is none of ${Object.keys(MANAGERS).join(', ')}`)
    const startedMs = performance.now()
    const version = await tried(name, MANAGERS[name])
    console.log(
      `${name}: ${version}, Node ${process.version}: ${Math.round((performance.now() - startedMs) / 1000)} s`,
    )
  }
} finally {
  registry.close()
  rmSync(scratch, { recursive: true })
}

function packed(source) {
  const options = ['--ignore-scripts', '--json', '--silent', '--pack-destination', scratch]
  const [one] = JSON.parse(execFileSync('npm', ['pack', ...options], { cwd: source, encoding: 'utf8' }))
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  return { ...one, tarball: join(scratch, one.filename), manifest }
}

function registryOfNpm() {
  return execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
}

/** Rejects with what went wrong. The version of the manager that was tried. */
async function tried(name, { from, files = {}, add, missing, approve = [], run }) {
  const tools = join(scratch, `${name}-tools`)
  execFileSync('npm', ['install', '--prefix', tools, '--no-audit', '--no-fund', '--loglevel=error', from])
  const host = newHost(name, files)
  const env = environmentOf(join(tools, 'node_modules/.bin'))
  const shell = (command, timeout = SECONDS_MS) => {
    console.log(`${name} $ ${command}`)
    const options = { cwd: host, env, timeout, maxBuffer: 64 * 2 ** 20 }
    return new Promise((resolve) =>
      execFile('bash', ['-c', command], options, (error, stdout, stderr) =>
        resolve({ error, stdout, stderr }),
      ),
    )
  }
  const required = async (command, timeout) => {
    const { error, stdout, stderr } = await shell(command, timeout)
    if (error === null) return stdout.trim()
    throw new Error(
      `${command}: ${error.code ?? error.signal}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`,
    )
  }
  const start = `${run.split(' ')[0].replace('npx', 'npm')} start`
  if (missing === undefined) await required(add, COMPILED_MS)
  else {
    // pnpm ends with an error, because a script waits for approval.
    await shell(add, COMPILED_MS)
    const { error, stderr, stdout } = await shell(start)
    if (error === null || !`${stderr}${stdout}`.includes(missing))
      throw new Error(`without the native part, ${missing} is not named:\n${stdout}${stderr}`)
  }
  for (const step of approve) {
    if (typeof step === 'string') await required(step, COMPILED_MS)
    else changeManifest(host, step)
  }
  console.log(await required(`${run} kafka-sse features`))
  await required(
    'openssl genpkey -algorithm RSA -out private.pem && openssl pkey -in private.pem -pubout -out public.pem',
  )
  await readRecord(name, { host, env, run, start, required })
  const version = await required(`${name.replace(/1$|-pnp/, '')} --version`)
  rmSync(host, { recursive: true })
  return version
}

function newHost(name, files) {
  const host = join(scratch, name)
  mkdirSync(host)
  cpSync(join(ROOT, 'examples/minimal/app.js'), join(host, 'app.js'))
  const {
    name: example,
    type,
    scripts,
  } = JSON.parse(readFileSync(join(ROOT, 'examples/minimal/package.json'), 'utf8'))
  writeFileSync(join(host, 'package.json'), JSON.stringify({ name: example, private: true, type, scripts }))
  writeFileSync(join(host, '.npmrc'), `registry=${registry.url}\n`)
  for (const [path, text] of Object.entries(files)) writeFileSync(join(host, path), text)
  return host
}

/** Nothing of these managers stays in this user's home: Yarn 1, for one, installs node-gyp there. */
function environmentOf(bin) {
  const home = join(scratch, 'home')
  mkdirSync(home, { recursive: true })
  const userconfig = join(homedir(), '.npmrc')
  return {
    ...process.env,
    HOME: home,
    PATH: `${bin}:${process.env.PATH}`,
    ...(existsSync(userconfig) ? { NPM_CONFIG_USERCONFIG: userconfig } : {}),
    YARN_NPM_REGISTRY_SERVER: registry.url,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_ENABLE_TELEMETRY: '0',
  }
}

function changeManifest(host, change) {
  console.log(`  package.json: ${JSON.stringify(change)}`)
  const path = join(host, 'package.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
}

async function readRecord(name, { host, env, run, start, required }) {
  const running = []
  const begin = (command, extra = {}) => {
    console.log(`${name} $ ${command} &`)
    // A process group of its own, so that what a manager starts ends with it.
    const child = spawn('bash', ['-c', command], { cwd: host, env: { ...env, ...extra }, detached: true })
    const printed = { text: '' }
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        printed.text += text
      })
    running.push({ child, exit: new Promise((resolve) => child.once('exit', resolve)) })
    return printed
  }
  try {
    const broker = begin(`${run} kafka-sse broker`)
    const [, address] = await seen(broker, /Kafka broker at (\S+),/)
    const port = await freePort()
    const app = begin(start, { KAFKA_BOOTSTRAP_SERVERS: address, PORT: String(port) })
    await seen(app, /Server listening at/)
    const token = await required(`${run} kafka-sse token`)
    const stream = begin(`curl -sSN -H "authorization: Bearer $TOKEN" localhost:${port}/events`, {
      TOKEN: token,
    })
    await seen(stream, /^:ready$/m)
    await required(`${run} kafka-sse produce --key 1 hello`)
    await seen(stream, /^data:hello$/m)
  } finally {
    for (const { child, exit } of running.reverse()) {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGTERM')
      const isEnded = await Promise.race([exit.then(() => true), sleep(ENDED_MS, false)])
      if (isEnded) continue
      process.kill(-child.pid, 'SIGKILL')
      console.log(`${name}: ${child.spawnargs.at(-1)} did not end on SIGTERM`)
      process.exitCode = 1
    }
  }
}

async function seen(printed, pattern) {
  for (let left = SECONDS_MS / 100; left > 0; left--) {
    const found = pattern.exec(printed.text)
    if (found !== null) return found
    await sleep(100)
  }
  throw new Error(`no ${pattern} in:\n${printed.text}`)
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
