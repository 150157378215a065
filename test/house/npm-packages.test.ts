// Both npm packages by their manifests, the lockfile and the workflow that publishes them.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { manifest, ROOT, read } from './project-files.ts'

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
