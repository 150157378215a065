// compose.yaml by its text, because no engine runs it here: every path, port, command and variable that it names must
// exist.

import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { meaningOf } from '../../src/config/known-variables.ts'
import { parseDemoEnvironment } from '../../src/config/parse.ts'
import { SSE_SETTINGS } from '../../src/config/stream-settings.ts'
import { ONLY_STREAM } from '../../src/config/streams/single-stream-settings.ts'
import { all, final } from './dockerfile.ts'
import { manifest, read } from './project-files.ts'

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
