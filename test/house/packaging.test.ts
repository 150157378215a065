// Dockerfile, compose.yaml and CI by their text, because no engine runs them here: every path, port, command, variable
// and package that they name must exist.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { missingParts } from '../../plugins/kafka/client/librdkafka-build.ts'
import { meaningOf } from '../../src/config/known-variables.ts'
import { parseDemoEnvironment } from '../../src/config/parse.ts'
import { SSE_SETTINGS } from '../../src/config/stream-settings.ts'
import { ONLY_STREAM } from '../../src/config/streams/single-stream-settings.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manifest = JSON.parse(read('package.json'))

interface Instruction {
  readonly name: string
  readonly text: string
}

interface Stage {
  readonly from: string
  readonly as: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Continued lines joined, comments left out. */
const stages: Stage[] = read('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split(/^(?=FROM )/m)
  .filter((text) => text.startsWith('FROM '))
  .map((text) => {
    const [first = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '')
    const [, from = '', as] = /^FROM (\S+)(?: AS (\S+))?$/.exec(first) ?? []
    const instructions = lines.map((line) => ({
      name: line.split(' ', 1)[0] ?? '',
      text: line.replace(/^\S+\s+/, ''),
    }))
    return { from, as, instructions }
  })
const final = stages.at(-1) ?? { from: '', as: undefined, instructions: [] }
const all = (stage: Stage, name: string) =>
  stage.instructions.filter((one) => one.name === name).map(({ text }) => text)
const one = (stage: Stage, name: string) => all(stage, name).at(-1) ?? ''

/** Debian's, in that row of the README's table. */
const readmePackages = (row: string) =>
  new RegExp(`^\\| ${row} \\| \`([a-z0-9.+ -]+)\``, 'm').exec(read('README.md'))?.[1]?.split(' ') ?? []

describe('README', () => {
  test('names for every feature the packages that the server says are missing', () => {
    const { command } = missingParts([]) ?? {}
    expect(command).toBe(
      `apt-get install ${readmePackages('every feature').join(' ')} && npm rebuild node-rdkafka`,
    )
  })

  test('names what .ci/run installs, which has the rest already', () => {
    const script = read('.ci/run')
    const given = /^python3$|^maven$|^openjdk-/
    const rows = ['needed', 'every feature', 'every test'].flatMap(readmePackages)
    expect(rows.length).toBeGreaterThan(10)
    const installed = /^packages=\(\n(.*?)\n\)/ms.exec(script)?.[1]?.replace(/#.*/g, '').trim().split(/\s+/)
    expect(installed?.sort()).toEqual(rows.filter((name) => !given.test(name)).sort())
  })
})

describe('Dockerfile', () => {
  test('every stage is the same Node 24 on Debian 12, so that what one compiles runs in the other', () => {
    expect(stages).toHaveLength(3)
    for (const { from } of stages) expect(from).toMatch(/^\$\{NODE_IMAGE\}$/)
    expect(read('Dockerfile')).toMatch(/^ARG NODE_IMAGE=node:24-bookworm-slim(@sha256:[0-9a-f]{64})?$/m)
  })

  test('copies what there is, and .dockerignore lets it through and nothing private', () => {
    const ignore = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(ignore[0]).toBe('*')
    const kept = ignore.slice(1).map((line) => line.replace(/^!/, ''))
    const copied = new Set<string>()
    for (const line of stages
      .flatMap((stage) => all(stage, 'COPY'))
      .filter((text) => !text.startsWith('--from'))) {
      for (const path of line.split(/\s+/).slice(0, -1)) copied.add(path)
    }
    for (const path of copied) expect(existsSync(join(ROOT, path)), path).toBe(true)
    expect([...copied].sort()).toEqual(kept.sort())
  })

  test('copies from stages that there are, what they make', () => {
    const made = all(final, 'COPY').filter((text) => text.startsWith('--from='))
    expect(made).toEqual([
      '--from=dependencies /app/node_modules ./node_modules',
      '--from=build /app/dist ./dist',
      '--from=build /app/client/dist ./client/dist',
    ])
    expect(stages.map(({ as }) => as)).toEqual(['dependencies', 'build', undefined])
    for (const stage of stages) expect(one(stage, 'WORKDIR')).toBe('/app')
  })

  test('its entry point is the command that package.json names, by absolute path and without a shell', () => {
    const [, interpreter = ''] = /^#!\/usr\/bin\/env -S (.*)\n/.exec(read('src/cli.ts')) ?? []
    const command = [...interpreter.split(' '), `/app/${manifest.bin['kafka-sse']}`]
    expect(JSON.parse(one(final, 'ENTRYPOINT'))).toEqual(command)
    expect(manifest.scripts.start).toBe(`${interpreter} ${manifest.bin['kafka-sse']} demo`)
    expect(JSON.parse(one(final, 'CMD'))).toEqual(['serve'])
  })

  test('runs as a user without rights, with the admin port open to probes', () => {
    // A number: of a name Kubernetes cannot tell that it is not root.
    expect(one(final, 'USER')).toBe('1000:1000')
    expect(all(final, 'ENV')).toEqual(['NODE_ENV=production', 'ADMIN_HOST=0.0.0.0', 'LINGER_SECONDS=5'])
    expect(one(final, 'EXPOSE').split(' ')).toEqual(['7143', '9464'])
  })

  test('is compiled with every header that the README names for every feature', () => {
    const [compile] = stages
    for (const header of readmePackages('every feature')) {
      expect(compile && all(compile, 'RUN').join(' '), header).toContain(` ${header} `)
    }
  })

  test('has at run time the library of every header that it is compiled with', () => {
    const libraries = new Map([
      ['libcurl4-openssl-dev', 'libcurl4'],
      ['libsasl2-dev', 'libsasl2-2'],
      ['libssl-dev', 'libssl3'],
      ['libzstd-dev', 'libzstd1'],
      ['zlib1g-dev', 'zlib1g'],
    ])
    const [compile] = stages
    for (const [header, library] of libraries) {
      expect(compile && one(compile, 'RUN') !== '' && all(compile, 'RUN').join(' ')).toContain(` ${header} `)
      expect(all(final, 'RUN').join(' ')).toContain(` ${library} `)
    }
    expect(all(final, 'RUN').join(' ')).not.toMatch(/-dev\b|\bg\+\+/)
  })

  test('its health check asks the admin port that is configured, and fails without an answer', () => {
    const [, command = ''] = /CMD (\[.*\])$/.exec(one(final, 'HEALTHCHECK')) ?? []
    const [program, flag, script] = JSON.parse(command)
    expect([program, flag]).toEqual(['node', '-e'])
    expect(script).toContain('/health/live')
    const { status } = spawnSync(process.execPath, ['-e', script], { env: { ADMIN_PORT: '1' } })
    expect(status).toBe(1)
  })
})

const compose = parse(read('compose.yaml'))
const services: Record<string, Service> = compose.services

interface Service {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly user?: string
  readonly working_dir?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly network_mode?: string
  readonly stop_grace_period?: string
}

describe('compose.yaml', () => {
  const { server, kafka } = services
  const comments = read('compose.yaml').replace(/^(?!#).*\n/gm, '')

  test('is named after this project, and the commands at its head name services that there are', () => {
    expect(compose.name).toBe(manifest.name)
    const named = [...comments.matchAll(/docker compose (?:exec(?: -T)?|stop|start) (\S+)/g)].map(
      ([, name]) => name,
    )
    expect(named).toEqual(['kcat', 'server', 'server', 'server'])
    for (const name of named) expect(Object.keys(services)).toContain(name)
    for (const broker of ['server', 'kafka-init', 'kafka-ui'].map((name) => JSON.stringify(services[name])))
      expect(broker).toContain('"kafka:29092"')
    expect(kafka?.environment?.KAFKA_ADVERTISED_LISTENERS).toContain('INTERNAL://kafka:29092')
    expect(comments).toContain(' -b kafka:29092 ')
  })

  test('runs the demo with settings that there are', async () => {
    const env = server?.environment ?? {}
    for (const [name, value] of Object.entries(env))
      expect(meaningOf(name, value), name).toMatchObject({ file: false })
    const presets = {
      folder: server?.working_dir ?? '',
      localHosts: [],
      defaults: new Map(),
      onlyStream: ONLY_STREAM,
    }
    const fixed = new Map([
      ['auth.issuer', 'https://a.test'],
      ['auth.audience', 'b'],
      ['auth.keys', 'c'],
    ])
    const options = await parseDemoEnvironment(env, { ...presets, fixed })
    expect(options).toMatchObject({
      port: 7143,
      adminPort: 9464,
      kafka: { bootstrapServers: 'kafka:29092' },
      demo: { tokens: true, folder: '/demo' },
    })
    expect(server?.command).toEqual(['demo'])
    expect(server?.build).toBe('.')
  })

  test('gives its server the time to linger and to drain, by the defaults of both', async () => {
    const grace = Number(/^(\d+)s$/.exec(server?.stop_grace_period ?? '')?.[1])
    const [, linger] = /^LINGER_SECONDS=(\d+)$/m.exec(all(final, 'ENV').join('\n')) ?? []
    expect(grace).toBeGreaterThan(Number(linger) + Number(SSE_SETTINGS.drainSeconds.default))
  })

  test('every published port is this machine’s alone, and one that its service listens at', () => {
    const listening: Record<string, string[]> = {
      server: ['7143', '9464'],
      kafka: [...(kafka?.environment?.KAFKA_LISTENERS ?? '').matchAll(/0\.0\.0\.0:(\d+)/g)].map(
        ([, port]) => port ?? '',
      ),
      'kafka-ui': ['8080'],
    }
    for (const [name, { ports = [] }] of Object.entries(services)) {
      for (const port of ports) {
        const [address, outside, inside] = port.split(':')
        expect(address).toBe('127.0.0.1')
        expect(outside).toBe(inside)
        expect(listening[name], name).toContain(inside)
      }
    }
  })

  test('keys and certificates come to one folder, as the user’s own, which git ignores', () => {
    const owner = `\${UID:-1000}:\${GID:-1000}`
    expect(server?.user).toBe(owner)
    expect(server?.working_dir).toBe('/demo')
    expect(read('.gitignore').split('\n')).toContain('/demo/')
    // Docker makes a folder that is missing as root's own.
    const folder = services['demo-folder']
    expect(folder?.entrypoint).toEqual(['chown', '-R', owner, '/demo'])
    expect(folder?.command).toEqual([])
    expect(folder?.network_mode).toBe('none')
    expect(server?.depends_on?.['demo-folder']).toEqual({ condition: 'service_completed_successfully' })
  })

  test('no service can gain rights, and what is mounted is that folder alone', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service.cap_drop, name).toEqual(['ALL'])
      expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
      const isOurs = service.build !== undefined
      expect(service.volumes, name).toEqual(isOurs ? ['./demo:/demo'] : undefined)
      expect(service.read_only, name).toBe(isOurs ? true : undefined)
      const added = name === 'demo-folder' ? ['CHOWN', 'DAC_READ_SEARCH'] : undefined
      expect(service.cap_add, name).toEqual(added)
    }
  })

  test('Kafka is one node of its own, whose listeners agree with each other', () => {
    const env = kafka?.environment ?? {}
    const names = (text = '') =>
      [...text.matchAll(/([A-Z]+):/g)].map(([, name]) => name).filter((name) => name !== 'PLAINTEXT')
    expect(env.KAFKA_PROCESS_ROLES).toBe('broker,controller')
    expect(names(env.KAFKA_LISTENERS)).toEqual(['CLIENT', 'INTERNAL', 'CONTROLLER'])
    expect(names(env.KAFKA_ADVERTISED_LISTENERS)).toEqual(['CLIENT', 'INTERNAL'])
    expect(names(env.KAFKA_LISTENER_SECURITY_PROTOCOL_MAP)).toEqual(['CLIENT', 'INTERNAL', 'CONTROLLER'])
    expect(env.KAFKA_CONTROLLER_QUORUM_VOTERS).toBe('1@localhost:9093')
    expect(env.KAFKA_LISTENERS).toContain('CONTROLLER://localhost:9093')
  })

  test('the topic is compacted, and there before anybody reads it', () => {
    const command = services['kafka-init']?.command?.join(' ')
    expect(command).toMatch(
      /--bootstrap-server kafka:29092 .*--topic events .*--config cleanup\.policy=compact$/,
    )
    expect(server?.depends_on?.['kafka-init']).toEqual({ condition: 'service_completed_successfully' })
    for (const { depends_on = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(services[name], name).toBeDefined()
        if (condition === 'service_healthy') expect(services[name]?.healthcheck, name).toBeDefined()
      }
    }
  })

  test('images are of one version each, and the health check asks whether streams are ready', () => {
    for (const [name, { image, build }] of Object.entries(services)) {
      if (build === undefined) expect(image, name).toMatch(/:v?\d+\.\d+\.\d+$/)
    }
    expect(server?.healthcheck?.test.at(-1)).toContain('http://127.0.0.1:9464/health/ready')
  })
})

describe('continuous integration', () => {
  test('the workflow runs .ci/run, which can be run, on every Node that is supported', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml'))
    expect(jobs.test.strategy.matrix.node).toEqual([20, 22, 24, 26])
    expect(jobs.test.steps.at(-1)).toEqual({ run: '.ci/run' })
    expect(jobs.test.container).toEqual({
      image: `node:\${{ matrix.node }}-bookworm`,
      options: '--privileged',
    })
    const go = jobs.test.steps.find((step: { uses?: string }) => step.uses?.startsWith('actions/setup-go'))
    for (const path of Object.values<string>(go.with)) expect(existsSync(join(ROOT, path)), path).toBe(true)
  })

  test('the workflow tries each package manager with the commands that docs/plugin.md gives', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml'))
    const commands = jobs['package-managers'].steps.flatMap(({ run }: { run?: string }) => run ?? [])
    expect(commands.at(-1)).toBe('node .ci/package-managers.mjs')
    const script = read('.ci/package-managers.mjs')
    const page = read('docs/plugin.md')
    for (const command of [
      'npm install fastify-kafka-sse fastify',
      'npm approve-scripts node-rdkafka',
      'npm rebuild node-rdkafka',
      'pnpm add fastify-kafka-sse fastify',
      'pnpm approve-builds node-rdkafka',
      'yarn add fastify-kafka-sse fastify',
      'yarn install',
    ]) {
      expect(script, command).toContain(`'${command}'`)
      expect(page, command).toContain(`\`${command}\``)
    }
    expect(page).toContain('"dependenciesMeta": { "node-rdkafka": { "built": true } }')
  })

  test('.ci/run runs npm ci and npm test, and ends with the figures', () => {
    const script = read('.ci/run')
    expect(script).toMatch(
      /^install_packages && begin_npm_ci .*\nrun_bare .*\n.*\n {2}end_npm_ci .* && run_tests /m,
    )
    expect(script).toContain('npm ci >')
    expect(script).toContain('test/bare-root/run needed "$1"')
    expect(script).toContain('npm test -- ')
    expect(manifest.scripts.test.split(' && ').at(-1)).toBe('vitest run')
    for (const path of ['.ci/run', 'test/bare-root/run']) {
      expect(spawnSync('bash', ['-n', join(ROOT, path)]).status, path).toBe(0)
      expect(statSync(join(ROOT, path)).mode & 0o111, path).toBe(0o111)
    }
  })

  const passing = { status: 'passed', assertionResults: [{ status: 'passed' }] }
  const failing = {
    name: join(ROOT, 'test/c.test.ts'),
    status: 'failed',
    assertionResults: [
      { status: 'passed' },
      { status: 'failed', fullName: 'a stream ends', failureMessages: ['expected 1\n  at line 2'] },
    ],
  }
  const passed = (tests: number) => ({ success: true, numPassedTests: tests, numFailedTests: 0 })
  const failed = { success: false, numPassedTests: 1, numFailedTests: 1 }
  const noReport = null
  test.each([
    ['all is well', [passed(3)], '3 passed, 0 failed', 0],
    ['all is well in both runs', [passed(3), passed(4)], '7 passed, 0 failed', 0],
    ['a test failed', [{ ...failed, testResults: [] }], '1 passed, 1 failed', 1],
    ['a test failed in the first run', [failed, passed(4)], '5 passed, 1 failed', 1],
    [
      'a file failed before its tests',
      [
        {
          success: false,
          numPassedTests: 2,
          testResults: [
            passing,
            {
              name: join(ROOT, 'test/b.test.ts'),
              status: 'failed',
              message: 'no such module\n',
              assertionResults: [],
            },
          ],
        },
      ],
      'failed: test/b.test.ts: no such module\n2 passed, 1 failed',
      1,
    ],
    [
      'a failed test has a name',
      [passed(1), { ...failed, testResults: [passing, failing] }],
      'failed: test/c.test.ts: a stream ends: expected 1\n2 passed, 1 failed',
      1,
    ],
    ['something failed outside of tests', [{ ...passed(2), success: false }], '2 passed, 1 failed', 1],
    ['there was no test', [passed(0)], '0 passed, 0 failed', 1],
    ['there was no test in one run', [passed(0), passed(4)], '4 passed, 0 failed', 1],
    ['there is no report', [noReport], '0 passed, 1 failed', 1],
    ['the first run left no report', [noReport, passed(4)], '4 passed, 1 failed', 1],
    ['there was no run', [], '0 passed, 0 failed', 1],
  ])('where %s it counts so', (_, reports, line, status) => {
    const folder = mkdtempSync(join(tmpdir(), 'count-'))
    const paths = reports.map((report, index) => {
      const path = join(folder, `${index}.json`)
      if (report !== noReport) writeFileSync(path, JSON.stringify(report))
      return path
    })
    const program = join(ROOT, '.ci/count.mjs')
    const counted = spawnSync(process.execPath, [program, ...paths], { encoding: 'utf8', cwd: ROOT })
    rmSync(folder, { recursive: true })
    expect(counted.stdout).toBe(`${line}\n`)
    expect(counted.status).toBe(status)
  })
})

describe('package.json', () => {
  test('names files that the build makes of sources that there are', () => {
    const built = [manifest.main, ...Object.values(manifest.bin), ...exported(manifest.exports)]
    for (const path of built.filter((name: string) => name.endsWith('.js'))) {
      const source = String(path)
        .replace(/^(\.\/)?dist\//, '')
        .replace(/\.js$/, '.ts')
      expect(existsSync(join(ROOT, source)), source).toBe(true)
    }
  })

  test('its command can be run as it was built: npx links a folder once, and makes nothing of it executable again', () => {
    expect(statSync(join(ROOT, manifest.bin['kafka-sse'])).mode & 0o111).toBe(0o111)
  })

  test('hosts get ranges, our own tools are fixed, and the lockfile has each, for every platform', () => {
    const { packages } = JSON.parse(read('package-lock.json'))
    const { 'kafka-sse-client': ofClient, ...dependencies } = manifest.dependencies
    expect(ofClient).toBe(manifest.version)
    for (const [name, range] of Object.entries<string>(dependencies)) {
      expect(range, name).toMatch(/^\^\d+\.\d+\.\d+$/)
      expect(isAtLeast(packages[`node_modules/${name}`].version, range.slice(1)), name).toBe(true)
    }
    for (const [name, version] of Object.entries<string>(manifest.devDependencies)) {
      expect(version, name).toMatch(/^(npm:(@[a-z]+\/)?[a-z]+@)?\d+\.\d+\.\d+$/)
      expect(packages[`node_modules/${name}`]?.version, name).toBe(version.replace(/^npm:.+@/, ''))
    }
    for (const [path, { optionalDependencies = {} }] of Object.entries<{ optionalDependencies?: object }>(
      packages,
    )) {
      // npm ci refuses a lockfile that lacks one, even one for another platform.
      for (const name of Object.keys(optionalDependencies))
        expect(packages[`node_modules/${name}`], `${path}: ${name}`).toBeDefined()
    }
  })

  test('the oldest Node of `engines` is one that every dependency accepts, as Yarn 1 demands', () => {
    const { packages } = JSON.parse(read('package-lock.json'))
    const oldest = /^>=(\d+\.\d+)$/.exec(manifest.engines.node)?.[1]
    expect(oldest).toBe('20.19')
    const refusing = Object.entries<{ engines?: { node?: string }; dev?: boolean }>(packages)
      .filter(([, { engines, dev }]) => dev !== true && !accepts(engines?.node ?? '*', `${oldest}.0`))
      .map(([path]) => path)
    // light-my-request has it, which is a dependency of Fastify's own: docs/plugin.md says what this means for Yarn 1.
    expect(refusing).toEqual(['node_modules/cookie'])
    expect(dependentsOf('cookie', packages)).toEqual(['node_modules/light-my-request'])
    expect(dependentsOf('light-my-request', packages)).toEqual(['node_modules/fastify'])
    expect(read('docs/plugin.md')).toMatch(/Yarn 1.*--ignore-engines/s)
  })
})

describe('both packages', () => {
  const ofClient = JSON.parse(read('client/package.json'))

  test('have one version, one licence, and lead to one repository', () => {
    for (const name of ['version', 'license', 'engines', 'bugs', 'publishConfig'])
      expect(ofClient[name], name).toEqual(manifest[name])
    const { url } = manifest.repository
    const page = /^git\+(https:\/\/github\.com\/[\w-]+\/[\w-]+)\.git$/.exec(url)?.[1]
    expect(page).toBeDefined()
    expect(ofClient.repository).toEqual({ type: 'git', url, directory: 'client' })
    expect(manifest.bugs.url).toBe(`${page}/issues`)
    expect(manifest.homepage).toBe(`${page}#readme`)
    expect(ofClient.homepage).toBe(`${page}/tree/main/client#readme`)
    expect(read('client/LICENSE')).toBe(read('LICENSE'))
  })

  test('are published by a workflow, the client first, with provenance', () => {
    const { on, permissions, jobs } = parse(read('.github/workflows/publish.yml'))
    expect(on).toEqual({ release: { types: ['published'] } })
    expect(permissions).toEqual({ contents: 'read' })
    expect(Object.keys(jobs)).toEqual(['publish'])
    expect(jobs.publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    const commands = jobs.publish.steps.flatMap(({ run }: { run?: string }) => run ?? [])
    expect(commands).toEqual([
      'npm ci --ignore-scripts',
      'npm run build',
      'npm run sizes',
      'test "v$(node -p "require(\'./package.json\').version")" = "$GITHUB_REF_NAME"',
      `npm config set "$(npm config get registry | sed 's/^https://'):_authToken" '\${NODE_AUTH_TOKEN}'`,
      'npm publish --provenance --ignore-scripts --workspace client',
      'npm publish --provenance --ignore-scripts',
    ])
    const secret = { NODE_AUTH_TOKEN: `\${{ secrets.NPM_TOKEN }}` }
    expect(jobs.publish.env).toBe(undefined)
    for (const { run = '', env } of jobs.publish.steps)
      expect(env, run).toEqual(run.startsWith('npm publish ') ? secret : undefined)
    const set = jobs.publish.steps.find(({ uses }: { uses?: string }) =>
      uses?.startsWith('actions/setup-node'),
    )
    expect(set.with).toEqual({ 'node-version': 24 })
    expect(manifest.publishConfig).toEqual({ access: 'public', provenance: true })
  })

  test('come without source maps, and no file names one', () => {
    for (const config of ['tsconfig.json', 'client/tsconfig.json'])
      expect(parse(read(config)).compilerOptions, config).not.toHaveProperty('sourceMap')
    expect(read('dist/src/plugin.js')).not.toContain('sourceMappingURL')
    expect(read('client/dist/index.js')).not.toContain('sourceMappingURL')
  })
})

describe('fastify', () => {
  const { packages } = JSON.parse(read('package-lock.json'))

  test('is a peer of any 5, so that a host has one of it, whose types are its own', () => {
    expect(manifest.peerDependencies).toEqual({ fastify: '^5.0.0' })
    expect(manifest.dependencies).not.toHaveProperty('fastify')
    expect(packages[''].peerDependencies).toEqual(manifest.peerDependencies)
    const all = Object.keys(packages).filter((path) => path.endsWith('node_modules/fastify'))
    expect(all).toEqual(['node_modules/fastify'])
  })

  test('is one that is tested, and is there without what only the tests need', () => {
    expect(packages['node_modules/fastify'].version).toBe(manifest.devDependencies.fastify)
    expect(packages['node_modules/fastify'].version).toMatch(/^5\./)
    expect(packages['node_modules/fastify'].dev).toBe(undefined)
  })

  test('is named by every plugin of ours as 5.x', () => {
    for (const path of ['plugins/auth.ts', 'plugins/kafka.ts', 'plugins/sse.ts', 'plugins/admin.ts'])
      expect(read(path), path).toContain("fastify: '5.x'")
  })
})

function exported(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry]
  return typeof entry === 'object' && entry !== null ? Object.values(entry).flatMap(exported) : []
}

type Locked = Readonly<Record<string, { readonly dependencies?: Readonly<Record<string, string>> }>>

function dependentsOf(name: string, packages: Locked): string[] {
  const isDependent = ([, { dependencies = {} }]: [string, Locked[string]]) => name in dependencies
  return Object.entries(packages)
    .filter(isDependent)
    .map(([path]) => path)
}

/** Whether a Node is in a range of `engines`: `*`, or versions behind `>=`, `^` or nothing, several with `||`. */
function accepts(range: string, node: string): boolean {
  return range.split('||').some((part) => {
    const [, sign, version = ''] = /^\s*(>=|\^|~|)\s*v?([\d.]+)(?:\.x)?\s*$/.exec(part) ?? []
    if (part.trim() === '*') return true
    if (sign === undefined) throw new Error(`a range that this test cannot read: ${range}`)
    return isAtLeast(node, version) && (sign === '>=' || version.split('.')[0] === node.split('.')[0])
  })
}

function isAtLeast(version: string, least: string): boolean {
  const [numbers, others] = [version, least].map((text) => text.split('.').map(Number))
  const at = [0, 1, 2].find((index) => (numbers?.[index] ?? 0) !== (others?.[index] ?? 0))
  return at === undefined || (numbers?.[at] ?? 0) > (others?.[at] ?? 0)
}
