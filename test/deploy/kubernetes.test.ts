// The Helm chart and the kustomize base: rendered by Helm's engine and by kustomize, compared with the schemas of
// Kubernetes, and with what the server and its image are.

import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { meaningOf } from '../../src/config/known-variables.ts'
import { SSE_SETTINGS } from '../../src/config/stream-settings.ts'
import { CommandScene } from '../support/command-process.ts'
import { makeKey } from '../support/keys-and-tokens.ts'
import { keepSecret } from '../support/printed.ts'
import { forThisTest } from '../support/scene.ts'
import { KubernetesChecks, kubernetesPython, kustomizeProgram } from './kubernetes-tools.ts'

const ROOT = join(import.meta.dirname, '../..')
const CHART = join(ROOT, 'deploy/helm/fastify-kafka-sse')
const BASE = join(ROOT, 'deploy/kustomize/base/manifests.yaml')
/** The oldest that Chart.yaml takes, and the newest whose schemas there are. */
const VERSIONS = ['1.27', '1.37'] as const
const [OLDEST] = VERSIONS
const BASE_HEAD =
  '# Rendered from the chart with ../values.yaml; KUSTOMIZE_BASE=write npx vitest run test/deploy/kubernetes.test.ts\n' +
  '# writes it again.\n'

interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string; labels: Record<string, string> }
  /** Of any kind; compared with the schemas of Kubernetes. */
  readonly spec: ReturnType<typeof parse>
  readonly data?: Readonly<Record<string, string>>
}

const read = (path: string) => readFileSync(path, 'utf8')
const python = await kubernetesPython()
const kustomize = await kustomizeProgram()

describe.skipIf(python === null)('The Helm chart', () => {
  let checks: KubernetesChecks
  beforeAll(() => {
    checks = KubernetesChecks.open(python ?? '')
  })
  afterAll(() => checks.close())

  async function objects(values: string, name = 'streams'): Promise<KubernetesObject[]> {
    const { lint, manifests, error } = await checks.render(CHART, values, name, OLDEST)
    if (manifests === undefined) throw new Error(error)
    expect(lint).toEqual([])
    const texts = Object.entries(manifests).filter(([path]) => path.endsWith('.yaml'))
    return texts.flatMap(([, text]) => documentsOf(text))
  }
  const valuesOf = (file: string, more: object = {}) =>
    stringify(merged(parse(read(join(CHART, 'ci', `${file}-values.yaml`))), more))
  const one = (all: readonly KubernetesObject[], kind: string) => {
    const found = all.find((each) => each.kind === kind)
    if (found === undefined) throw new Error(`there is no ${kind}`)
    return found
  }
  const podOf = (all: readonly KubernetesObject[]) => one(all, 'Deployment').spec.template.spec

  it.each(['least', 'full'])('with the %s values is what each Kubernetes takes', async (file) => {
    const all = await objects(valuesOf(file))
    const kinds = ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'ServiceAccount']
    if (file === 'full') kinds.push('ConfigMap', 'HorizontalPodAutoscaler')
    expect(all.map(({ kind }) => kind).sort()).toEqual(kinds.sort())
    for (const version of VERSIONS) expect(await checks.invalid(all, version), version).toEqual([])
    const spoilt = { ...one(all, 'Service'), spec: { ports: 'none' } }
    expect(await checks.invalid([spoilt], OLDEST)).toHaveLength(1)
  })

  it('gives a pod no right that it does not need', async () => {
    const pod = podOf(await objects(valuesOf('full')))
    expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false })
    const [uid, gid] =
      /^USER (\d+):(\d+)$/m
        .exec(read(join(ROOT, 'Dockerfile')))
        ?.slice(1)
        .map(Number) ?? []
    expect(pod.securityContext).toEqual({
      ...{ runAsNonRoot: true, runAsUser: uid, runAsGroup: gid, fsGroup: gid },
      seccompProfile: { type: 'RuntimeDefault' },
    })
    const [container, ...others] = pod.containers
    expect(others).toEqual([])
    expect(container.securityContext).toEqual({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    })
    for (const { readOnly, subPath } of container.volumeMounts)
      expect({ readOnly, subPath }).toEqual({ readOnly: true, subPath: undefined })
  })

  it('probes the admin port, and gives the pod its time to end', async () => {
    const pod = podOf(await objects(valuesOf('full')))
    const [{ startupProbe, livenessProbe, readinessProbe, ports, env }] = pod.containers
    expect(startupProbe.httpGet).toEqual({ path: '/health/live', port: 'admin' })
    expect(livenessProbe.httpGet).toEqual({ path: '/health/live', port: 'admin' })
    expect(readinessProbe.httpGet).toEqual({ path: '/health/ready', port: 'admin' })
    const exposed = /^EXPOSE (.*)$/m
      .exec(read(join(ROOT, 'Dockerfile')))?.[1]
      ?.split(' ')
      .map(Number)
    expect(ports.map(({ containerPort }: { containerPort: number }) => containerPort)).toEqual(exposed)
    const [linger, drain] = ['LINGER_SECONDS', 'DRAIN_SECONDS'].map((name) => Number(variable(env, name)))
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan((linger ?? 0) + (drain ?? 0) + 5)
    // Seen red twice before streams begin to end.
    expect(readinessProbe.periodSeconds * readinessProbe.failureThreshold * 2).toBeLessThanOrEqual(
      linger ?? 0,
    )
    // By default a busy pod would have 1 s for its answer.
    expect(readinessProbe.timeoutSeconds).toBeGreaterThanOrEqual(3)
    const { drainSeconds } = parse(read(join(CHART, 'values.yaml')))
    expect(drainSeconds).toBe(SSE_SETTINGS.drainSeconds.default)
  })

  it.each([
    [{}, 384 + 2 * 64 + 512 + 128 + 1000],
    [{ streams: 2_000_000, workers: 1, retainedMiB: 100 }, 384 + 64 + 100 + 25 + 200_000],
    [{ buses: 3, byPathMiB: 1000 }, 384 + 2 * 64 + 2536 + 634 + 1000],
  ])(
    'derives the limit of memory, and the settings that it is made of, from the same size: %o',
    async (size, MiB) => {
      const [{ resources, env }] = podOf(await objects(valuesOf('least', { size }))).containers
      expect(resources.limits).toEqual({ memory: `${MiB}Mi` })
      expect(resources.requests.memory).toBe(`${MiB}Mi`)
      const values = { ...parse(read(join(CHART, 'values.yaml'))).size, ...size }
      expect(variable(env, 'STREAMS_MAX')).toBe(String(values.streams))
      expect(variable(env, 'WORKERS')).toBe(String(values.workers))
      expect(variable(env, 'KAFKA_RETAINED_BYTES_MAX')).toBe(String(values.retainedMiB * 2 ** 20))
      const byPath = values.byPathMiB === 0 ? undefined : String(values.byPathMiB * 2 ** 20)
      expect(variable(env, 'TOPICS_BYTES_MAX')).toBe(byPath)
    },
  )

  it('scales by the streams that are open, and lets nodes be emptied while Kafka is away', async () => {
    const all = await objects(valuesOf('full'))
    const { metrics, scaleTargetRef } = one(all, 'HorizontalPodAutoscaler').spec
    expect(scaleTargetRef.name).toBe(one(all, 'Deployment').metadata.name)
    expect(one(all, 'Deployment').spec.replicas).toBe(undefined)
    const [{ pods }] = metrics
    expect(read(join(ROOT, 'docs/observing.md'))).toContain(`| \`${pods.metric.name}\` | gauge |`)
    expect(pods.target).toEqual({ type: 'AverageValue', averageValue: '14000' })
    const { unhealthyPodEvictionPolicy, maxUnavailable } = one(all, 'PodDisruptionBudget').spec
    expect({ unhealthyPodEvictionPolicy, maxUnavailable }).toEqual({
      ...{ unhealthyPodEvictionPolicy: 'AlwaysAllow', maxUnavailable: 1 },
    })
  })

  it('every selector finds the pod, and every port of a service or a rule is one of its ports', async () => {
    const all = await objects(valuesOf('full'))
    const { labels } = one(all, 'Deployment').spec.template.metadata
    const selectors = [
      one(all, 'Deployment').spec.selector.matchLabels,
      one(all, 'Service').spec.selector,
      one(all, 'PodDisruptionBudget').spec.selector.matchLabels,
      one(all, 'NetworkPolicy').spec.podSelector.matchLabels,
    ]
    for (const selector of selectors) expect(labels).toMatchObject(selector)
    const names = podOf(all).containers[0].ports.map(({ name }: { name: string }) => name)
    expect(names).toContain(one(all, 'Service').spec.ports[0].targetPort)
    for (const { ports } of one(all, 'NetworkPolicy').spec.ingress) expect(names).toContain(ports[0].port)
    const { ingress } = one(await objects(valuesOf('least')), 'NetworkPolicy').spec
    // Streams are for all, health and metrics for the namespace.
    expect(ingress[0]).not.toHaveProperty('from')
    expect(ingress[1].from).toEqual([{ podSelector: {} }])
  })

  it('lets the pod reach the ports that its values name', async () => {
    const values = {
      kafka: { bootstrapServers: 'one.kafka:19092, two.kafka:29092' },
      auth: { issuer: 'https://keycloak.internal:8443/realms/example' },
      settings: {
        JWT_KEYS: 'http://keycloak.internal/certs',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318',
      },
      configFile: {
        auth: { issuers: [{ issuer: 'https://id.example.com', keys: 'https://id.example.com:9443/jwks' }] },
        cors: { origins: ['https://app.example.com:3000'] },
      },
    }
    const { egress } = one(await objects(valuesOf('least', values)), 'NetworkPolicy').spec
    const ports = egress[1].ports.map(({ port }: { port: number }) => port)
    expect(ports).toEqual(expect.arrayContaining([443, 9092, 19092, 29092, 8443, 80, 4318, 9443]))
    expect(ports).not.toContain(3000)
    expect(new Set(ports).size).toBe(ports.length)
  })

  it('gives files of secrets by their paths, so that Node and librdkafka read them themselves', async () => {
    const secretFiles = [{ name: 'NODE_EXTRA_CA_CERTS', secret: 'authorities', key: 'ca.crt' }]
    const pod = podOf(await objects(valuesOf('least', { secretFiles })))
    const [{ env, volumeMounts }] = pod.containers
    expect(variable(env, 'NODE_EXTRA_CA_CERTS')).toBe('/run/secrets/kafka-sse/NODE_EXTRA_CA_CERTS/value')
    const mount = volumeMounts.find((each: { mountPath: string }) => each.mountPath.endsWith('CERTS'))
    expect(pod.volumes.find(({ name }: { name: string }) => name === mount.name).secret).toEqual({
      ...{ secretName: 'authorities', defaultMode: 0o440, items: [{ key: 'ca.crt', path: 'value' }] },
    })
  })

  it('gives what a library reads from a variable alone by a secret, and no value', async () => {
    const name = 'OTEL_EXPORTER_OTLP_HEADERS'
    const secretVariables = [{ name, secret: 'opentelemetry', key: 'headers' }]
    const [{ env }] = podOf(await objects(valuesOf('least', { secretVariables }))).containers
    expect(env.find((each: { name: string }) => each.name === name)).toEqual({
      name,
      valueFrom: { secretKeyRef: { name: 'opentelemetry', key: 'headers' } },
    })
  })

  it('lets a load balancer find a new pod before the next one stops', async () => {
    const secondsOf = async (values: string) => one(await objects(values), 'Deployment').spec.minReadySeconds
    expect(await secondsOf(valuesOf('least'))).toBe(10)
    expect(await secondsOf(valuesOf('full'))).toBe(20)
  })

  it('sets variables that there are', async () => {
    for (const file of ['least', 'full']) {
      const [{ env }] = podOf(await objects(valuesOf(file))).containers
      for (const { name, value } of env) expect(meaningOf(name, value), name).not.toBe('unknown')
    }
    const settings = { STREAMS_MAX_WRONG: 1 }
    const [{ env }] = podOf(await objects(valuesOf('least', { settings }))).containers
    expect(variable(env, 'STREAMS_MAX_WRONG')).toBe('1')
    expect(meaningOf('STREAMS_MAX_WRONG', '1')).toBe('unknown')
  })

  it('makes a server that starts, with its files from secrets and its streams from a map', async () => {
    const configFile = {
      kafka: { controlTopic: 'control' },
      streams: [{ path: '/orders', topic: 'orders' }],
    }
    const settings = {
      JWT_KEYS: 'public.pem',
      KAFKA_RETAINED_RECORDS_MAX: 5_000_000,
      HOST: '127.0.0.1',
      PORT: 0,
      ADMIN_PORT: 0,
    }
    const all = await objects(
      valuesOf('least', { configFile, settings, kafka: { bootstrapServers: '127.0.0.1:1' } }),
    )
    const scene = await forThisTest(CommandScene.open({ 'public.pem': makeKey('ES256').publicPem }))
    scene.file('value', keepSecret(Buffer.alloc(32, 3).toString('base64url')))
    scene.file('config.json', one(all, 'ConfigMap').data?.['config.json'] ?? '')
    const [{ env }] = podOf(all).containers
    const placed = env.map(({ name, value }: { name: string; value: string }) => {
      const inFolder = value.replace(
        /^(\/run\/secrets\/kafka-sse\/[\w-]+|\/etc\/kafka-sse)\//,
        `${scene.folder}/`,
      )
      return [name, inFolder]
    })
    const server = scene.start(['serve'], Object.fromEntries(placed))
    const { port } = await server.listening()
    const statuses = ['/orders', '/events'].map(
      async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
    )
    // It has no Kafka, and so no control topic. There is no stream but that of the map.
    expect(await Promise.all(statuses)).toEqual([503, 404])
  })

  it.each<readonly [object, string]>([
    [{ kafka: { controlTopic: '' } }, 'kafka.controlTopic is required with more than one replica'],
    [{ secretKey: { secret: '' } }, 'secretKey.secret is required with more than one replica'],
    [{ kafka: { bootstrapServers: '' } }, 'kafka.bootstrapServers is required'],
    [{ auth: { issuer: '' } }, 'auth.issuer and auth.audience are required'],
    [{ settings: { JWT_QUERY_TOKEN: false } }, 'settings.JWT_QUERY_TOKEN is neither text nor a number'],
    [{ settings: { WORKERS: 3 } }, 'settings.WORKERS: set it by `size`'],
    ...['SECRET_KEY', 'KAFKA_CONFIG_SASL_PASSWORD', 'KAFKA_CONFIG_SSL_KEY_PEM'].map(
      (name) => [{ settings: { [name]: 'abc' } }, `settings.${name} is a secret`] as const,
    ),
    ...['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'].map(
      (name) => [{ settings: { [name]: 'authorization=abc' } }, `settings.${name} is a secret`] as const,
    ),
    [{ settings: { HTTPS_PROXY: 'http://us@proxy:3128' } }, 'settings.HTTPS_PROXY is a secret'],
    [
      { secretSettings: [{ name: 'OTEL_EXPORTER_OTLP_HEADERS', secret: 'a', key: 'b' }] },
      'secretSettings: OTEL_EXPORTER_OTLP_HEADERS is read from no file',
    ],
    [
      {
        settings: { OTEL_SERVICE_NAME: 'a' },
        secretVariables: [{ name: 'OTEL_SERVICE_NAME', secret: 'a', key: 'b' }],
      },
      'OTEL_SERVICE_NAME is given twice',
    ],
    [
      {
        secretSettings: [{ name: 'JWT_KEYS', secret: 'a', key: 'b' }],
        secretFiles: [{ name: 'JWT_KEYS', secret: 'a', key: 'b' }],
      },
      'JWT_KEYS is given twice',
    ],
    [{ configFile: { sse: { secretKey: 'abc' } } }, 'configFile.sse.secretKey is a secret'],
    ...['sasl.password', 'sasl.oauthbearer.client.secret', 'ssl.key.password'].map(
      (name) =>
        [
          { configFile: { kafka: { config: { [name]: 'abc' } } } },
          `configFile.kafka.config.${name} is a secret`,
        ] as const,
    ),
    [{ settings: { KAFKA_TOPIC: 'x' } }, 'settings.KAFKA_TOPIC: set it by a value of its own'],
    [{ replica: 3 }, "additional properties 'replica' not allowed"],
    [{ size: { streams: 'many' } }, "at '/size/streams': got string, want integer"],
    // Kubernetes has 600 s by default for a step of an update, and refuses a Deployment that waits as long for a pod.
    [{ minReadySeconds: 600 }, "at '/minReadySeconds': maximum: got 600, want 599"],
  ])('refuses %o, and says why', async (wrong, words) => {
    const { error } = await checks.render(CHART, valuesOf('least', wrong), 'streams', OLDEST)
    expect(error).toContain(words)
  })

  it('with one replica needs neither a control topic nor a key', async () => {
    const alone = { replicas: 1, kafka: { controlTopic: '' }, secretKey: { secret: '' } }
    const [{ env }] = podOf(await objects(valuesOf('least', alone))).containers
    expect(variable(env, 'KAFKA_CONTROL_TOPIC')).toBe(undefined)
    expect(variable(env, 'TLS')).toBe('off')
  })

  it('has the version of the package', () => {
    const { version } = JSON.parse(read(join(ROOT, 'package.json')))
    expect(parse(read(join(CHART, 'Chart.yaml')))).toMatchObject({ version, appVersion: version })
  })

  it('is what the kustomize base is rendered from', async () => {
    const rendered = await objects(read(join(ROOT, 'deploy/kustomize/values.yaml')), 'fastify-kafka-sse')
    const text =
      BASE_HEAD + rendered.map((each) => stringify(withoutHelm(each), { lineWidth: 0 })).join('---\n')
    if (process.env.KUSTOMIZE_BASE === 'write') writeFileSync(BASE, text)
    expect(read(BASE)).toBe(text)
  })

  it.skipIf(kustomize === null)(
    'by kustomize, with the overlay to copy, is what each Kubernetes takes',
    async () => {
      const overlay = join(ROOT, 'deploy/kustomize/example')
      const { stdout } = await promisify(execFile)(kustomize ?? '', ['build', overlay])
      const all = documentsOf(stdout)
      for (const version of VERSIONS) expect(await checks.invalid(all, version), version).toEqual([])
      expect(all).toHaveLength(5)
      const { replicas } = one(all, 'Deployment').spec
      const [{ image, env, volumeMounts }] = podOf(all).containers
      expect([replicas, image]).toEqual([3, 'registry.example.com/fastify-kafka-sse:0.1.0'])
      const expected = {
        KAFKA_TOPIC: 'orders',
        TLS: undefined,
        TLS_CERT_FILE: '/run/secrets/kafka-sse/tls/tls.crt',
      }
      for (const [name, value] of Object.entries(expected)) expect(variable(env, name), name).toBe(value)
      const mounted = volumeMounts.map(({ name }: { name: string }) => name)
      expect(
        podOf(all)
          .volumes.map(({ name }: { name: string }) => name)
          .sort(),
      ).toEqual(mounted.sort())
      expect(one(all, 'Service').spec.ports).toEqual([
        { name: 'streams', port: 443, targetPort: 'streams', appProtocol: 'https' },
      ])
    },
  )
})

function documentsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text, { version: '1.1' }).flatMap((document) => document.toJS() ?? [])
}

/** The labels by which Helm knows what it has made. */
function withoutHelm(object: KubernetesObject): KubernetesObject {
  const copy = structuredClone(object)
  for (const { labels } of [copy.metadata, copy.spec?.template?.metadata ?? {}]) {
    delete labels?.['helm.sh/chart']
    delete labels?.['app.kubernetes.io/managed-by']
  }
  return copy
}

type Variables = readonly { readonly name: string; readonly value: string }[]

function variable(env: Variables, name: string): string | undefined {
  return env.find((each) => each.name === name)?.value
}

/** Maps one into the other, key by key. */
function merged(values: Record<string, unknown>, more: object): Record<string, unknown> {
  const result = { ...values }
  for (const [name, value] of Object.entries(more)) {
    const before = result[name]
    const areMaps = isMap(before) && isMap(value)
    result[name] = areMaps ? merged(before, value) : value
  }
  return result
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
